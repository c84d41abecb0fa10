#!/usr/bin/env python3
"""test_load.py XLTUNE WORKER: the worker that tunes the server under a load, asked as xltune asks it."""
import json
import os
import subprocess
import sys

from running import LIMIT_S, MODEL

xltune, worker = sys.argv[1:3]


def ask(flags, *requests):
    lines = [json.dumps({**r, "id": i}) for i, r in enumerate(requests)]
    done = subprocess.run([sys.executable, worker, *flags], input="\n".join(lines) + "\n", capture_output=True, text=True,
                          env={**os.environ, "XLTUNE_PROGRAM": xltune}, timeout=LIMIT_S, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [a["id"] for a in answers] == list(range(len(requests)))
    return answers


LOAD = ["--requests", "10", "--prompt", "40", "--new", "8"]
describe = {"do": "describe", "protocol": 1, "config": {"prompt": "", "new": 1, "model_path": MODEL}}
measure = {"do": "measure", "point": {"max_batch": 4, "slice": 64, "max_itl_ms": 50}, "repeats": 2}
is_, by_count = ask([*LOAD, "--concurrency", "3"], describe, measure)
assert {t["name"] for t in is_["tunables"]} == set(measure["point"]) and is_["workload"]["concurrency"] == 3
(by_rate,) = ask([*LOAD, "--rate", "200"], describe, measure)[1:]
for answer in (by_count, by_rate):
    assert len(answer["samples"]) == 2, answer
    for sample in answer["samples"]:
        assert set(sample) == {m["name"] for m in is_["metrics"]} and all(v >= 0 for v in sample.values())
        assert abs(sample["tok_s"] * sample["wall_s"] - 80) < 1e-6
(late, bad) = ask([*LOAD, "--itl-p99-ms", "0.0001"], describe, measure, {**measure, "point": {**measure["point"], "slice": 0}})[1:]
assert late["infeasible"] and "wanted 0.0001" in late["error"], late
assert "slice" in bad["error"], bad
print("ok")
