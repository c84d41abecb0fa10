#!/usr/bin/env python3
"""A worker for xltune in Python (docs/worker-protocol.md): sorts numbers in runs, which are then merged.

    xltune optimize --target worker:examples/worker.py
"""
import heapq
import json
import random
import sys
import time

COUNT = 20000
DATA = random.Random(1).choices(range(1 << 30), k=COUNT)


def describe(request):
    return {
        "protocol": 1,
        "identity": {"worker": "merge sort", "version": "1"},
        "workload": {"numbers": COUNT},
        "tunables": [
            {"name": "run", "min": 16, "max": 16384, "powers_of_two": True, "default": 64},
            {"name": "merge", "values": ["heap", "pairs"], "default": "pairs"},
        ],
        "metrics": [{"name": "wall_s", "unit": "s"}],
    }


def pairs(runs):
    while len(runs) > 1:
        runs = [list(heapq.merge(*runs[i : i + 2])) for i in range(0, len(runs), 2)]
    return runs[0]


def sort(point):
    runs = [sorted(DATA[i : i + point["run"]]) for i in range(0, COUNT, point["run"])]
    return list(heapq.merge(*runs)) if point["merge"] == "heap" else pairs(runs)


def measure(request):
    samples = []
    for _ in range(request["repeats"]):
        began = time.perf_counter()
        result = sort(request["point"])
        samples.append({"wall_s": time.perf_counter() - began})
    return {"samples": samples, "output": str(hash(tuple(result)))}


for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"describe": describe, "measure": measure}[request["do"]](request)
    except Exception as problem:
        answer = {"error": repr(problem)}
    print(json.dumps(answer | {"id": request["id"]}), flush=True)
