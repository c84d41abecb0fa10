#!/usr/bin/env python3
"""A worker for xltune that also continues prompts and scores texts (docs/worker-protocol.md): the next letter is
foreseen from the letters before it, as they follow each other in a text.

    xltune optimize --target worker:examples/worker_text.py
"""
import collections
import json
import math
import sys
import time

TEXT = "the quick brown fox jumps over the lazy dog, and the dog barks at the fox in the brown wood. " * 20
ALPHABET = sorted(set(TEXT))
prompt, new = "", 0


def describe(request):
    global prompt, new
    prompt, new = request["config"]["prompt"], request["config"]["new"]
    return {
        "protocol": 1,
        "identity": {"worker": "letters", "version": "1"},
        "workload": {"prompt_letters": len(prompt), "new": new},
        "tunables": [
            {"name": "order", "min": 1, "max": 4, "default": 2, "affects": ["time", "memory", "output"]},
            {"name": "table", "values": ["dict", "scan"], "default": "scan", "affects": ["time", "memory"]},
        ],
        "metrics": [{"name": "wall_s", "unit": "s"}],
        "can": ["continue", "score"],
    }


def count(point, before):
    """How often each letter follows these ones."""
    order = point["order"]
    if point["table"] == "scan":
        return collections.Counter(c for i, c in enumerate(TEXT) if i >= order and TEXT[i - order : i] == before[-order:])
    if order not in tables:
        tables[order] = collections.defaultdict(collections.Counter)
        for i in range(order, len(TEXT)):
            tables[order][TEXT[i - order : i]][TEXT[i]] += 1
    return tables[order][before[-order:]]


def go_on(point, text, letters):
    for _ in range(letters):
        found = count(point, text)
        text += max(ALPHABET, key=lambda c: (found[c], c))
    return text


def measure(request):
    samples = []
    for _ in range(request["repeats"]):
        began = time.perf_counter()
        text = go_on(request["point"], prompt, new)
        samples.append({"wall_s": time.perf_counter() - began})
    return {"samples": samples, "output": text}


def continue_(request):
    return {"text": go_on(request["point"], request["prompt"], request["new"])[len(request["prompt"]) :]}


def score(request):
    before, total = request["prompt"], 0.0
    for c in request["text"]:
        found = count(request["point"], before)
        total += math.log((found[c] + 0.01) / (sum(found.values()) + 0.01 * len(ALPHABET)))
        before += c
    return {"logprob": total, "tokens": len(request["text"])}


tables = {}
DO = {"describe": describe, "measure": measure, "continue": continue_, "score": score}
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = DO[request["do"]](request)
    except Exception as problem:
        answer = {"error": repr(problem)}
    print(json.dumps(answer | {"id": request["id"]}), flush=True)
