#!/usr/bin/env python3
"""Makes run folders for the tests of the page, from a seed: XLTUNE imports them into a study.

usage: make_runs.py XLTUNE FOLDER [--many N]   writes FOLDER/{two-states,other-day,fronts,hostile,begun}, or with --many
                                               FOLDER/many, a run of N trials
"""
import json
import math
import os
import random
import subprocess
import sys

METRICS = {"parts": 3, "objective": 4, "seconds": 4, "apart": [2, 3], "metrics": [
    {"name": "prefill_tok_s", "unit": "tok/s", "larger_is_better": True, "part": -1, "affected": 1},
    {"name": "decode_tok_s", "unit": "tok/s", "larger_is_better": True, "part": -1, "affected": 2},
    {"name": "prefill_s", "unit": "s", "part": 0, "affected": 1},
    {"name": "decode_s", "unit": "s", "part": 1, "affected": 2},
    {"name": "request_s", "unit": "s", "part": -1, "affected": 3},
    {"name": "peak_mb", "unit": "MiB", "part": 2, "affected": 8},
    {"name": "kl", "unit": "nats", "of_point": True, "part": -1, "affected": 16}]}
SPACE = {"workers": [1, 2, 3, 4, 6, 8], "chunk_size": [8, 16, 24, 32, 48, 64, 96, 128], "heads_per_band": [1, 2, 4, 8],
         "segment": list(range(64, 64 + 32 * 40, 32)), "weights": ["stored", "bf16", "q8_0", "q4_0"]}
BASELINE = {"workers": 4, "chunk_size": 64, "heads_per_band": 4, "segment": 512, "weights": "stored"}


def truth(p):
    """Seconds of prefill and decode, MiB and KL of a point, without noise."""
    share = {"stored": 1.0, "bf16": 0.8, "q8_0": 0.62, "q4_0": 0.48}[p["weights"]]
    prefill = 0.4 / min(p["workers"], 6) ** 0.7 * (1 + 0.12 * abs(math.log2(p["chunk_size"] / (16 * p["heads_per_band"]))))
    prefill *= 1 + 0.03 * abs(math.log2(p["segment"] / 384))
    decode = 0.5 * share / min(p["workers"], 4) ** 0.4
    memory = 120 + 300 * share + 0.5 * p["workers"] * p["segment"] / 64
    kl = {"stored": 0.0, "bf16": 1e-5, "q8_0": 4e-4, "q4_0": 2.1e-2}[p["weights"]]
    return prefill, decode, memory, kl


class Maker:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.at = 1_790_000_000.0
        self.samples = []
        self.pace = 1.0

    def sample(self, trial, point, outlier=0.0):
        self.pace += self.rng.gauss(0, 0.0008) + 0.00002
        prefill, decode, memory, _ = truth(point)
        noise = self.pace * math.exp(self.rng.gauss(0, 0.006)) * (1 + outlier)
        row = {"trial": trial, "stage": "search", "block": len(self.samples), "process": 0, "seq": len(self.samples),
               "at": self.at, "prefill_s": prefill * noise, "decode_s": decode * noise, "peak_mb": memory,
               "value": (prefill + decode) * noise, "used": True, "why": None, "causes": 0}
        self.at += row["value"] + 0.02
        self.samples.append(row)
        return row

    def baseline(self):
        chance = self.rng.random()
        row = self.sample(-1, BASELINE, 0.25 if chance < 0.02 else 0)
        if len(self.samples) < 3:
            row.update(used=False, causes=1, why="warm-up")
        elif chance > 0.96:
            row.update(used=False, causes=self.rng.choice([4, 16, 32]), why="4 % steal time")
        elif chance > 0.92:
            row.update(causes=16, why="other processes")
        if len(self.samples) == 150:
            self.at += 3000  # the computer slept
        return row


def trials(maker, count, baselines=1, failures=True):
    rng, rows, seen = maker.rng, [], {}
    base = sum(truth(BASELINE)[:2])
    for i in range(count):
        p = {name: rng.choice(values) for name, values in SPACE.items()}
        if i > count / 3 and rng.random() < 0.6:
            p.update(workers=rng.choice([4, 6, 8]), weights=rng.choice(["q8_0", "q4_0"]))
        key = " ".join(f"{k}={v}" for k, v in p.items())
        row = {"trial": i, "params": p, "key": key, "status": "ok", "reason": None, "duplicate_of": None, "value": None,
               "spread": None, "told": None, "ratios": None, "samples": 0, "token_hash": None, "in_force": None,
               "started": maker.at, "seconds": 1.0}
        rows.append(row)
        for _ in range(baselines):
            maker.baseline()
        if failures and rng.random() < 0.02:
            row.update(status=rng.choice(["failed", "timeout", "infeasible"]), reason="out of memory: 812 MiB wanted")
            continue
        if key in seen:
            other = rows[seen[key]]
            row.update({**other, "trial": i, "status": "duplicate", "duplicate_of": seen[key]})
            continue
        seen[key] = i
        if baselines:
            s = maker.sample(i, p)
            prefill, decode, memory = s["prefill_s"], s["decode_s"], s["peak_mb"]
        else:
            noise = math.exp(rng.gauss(0, 0.01))
            prefill, decode, memory = truth(p)[0] * noise, truth(p)[1] * noise, truth(p)[2]
        row.update(prefill_s=prefill, decode_s=decode, request_s=prefill + decode, prefill_tok_s=512 / prefill,
                   decode_tok_s=31 / decode, peak_mb=memory, kl=truth(p)[3], samples=1 + (i % 3),
                   value=(prefill + decode) / base / maker.pace, told=[(prefill + decode) / base])
    return rows


def result(maker, rows, gain, states, objective):
    ok = [r for r in rows if r["status"] == "ok"]
    best = min(ok, key=lambda r: r["value"])
    base = dict(zip(("prefill_s", "decode_s", "peak_mb", "kl"), truth(BASELINE)))
    base.update(request_s=base["prefill_s"] + base["decode_s"], prefill_tok_s=512 / base["prefill_s"], decode_tok_s=31 / base["decode_s"])
    n, rng = 14, maker.rng
    of = [0 if not states or i % 5 < 3 else 1 for i in range(n)]
    ratios = [math.log1p(gain) + (0.012 if k else 0) + rng.gauss(0, 0.004) for k in of]
    mean = sum(ratios) / n
    half = 2.2 * math.sqrt(sum((x - mean) ** 2 for x in ratios) / (n - 1) / n)
    value, low, high = (math.expm1(x) for x in (mean, mean - half, mean + half))
    better = low > 0
    speedup = {"value": value, "low": low, "high": high, "level": 0.95, "processes": n, "blocks": 3 * n, "discarded_blocks": 1,
               "kept_disturbed_blocks": 0, "lost_processes": 0, "stopped_by": "width", "log_ratios": ratios,
               "holds_for": "time of measuring" if states else "one state", "seconds": 6.0 * n, "state_changes": 5 if states else 0,
               "states": [{"processes": of.count(k), "visits": 3, "value": gain + 0.012 * k,
                           "seen_as": ["each processor at 57 % beside the others", None][k]} for k in range(2)] if states else [],
               "state_of": of, "begun_s": [6.0 * i + rng.random() for i in range(n)]}
    percent = f"{100 * value:.1f} % [{100 * low:.1f}, {100 * high:.1f}] (95 % interval, {n} fresh processes, {3 * n} blocks)"
    made = {"params": best["params"] if better else BASELINE, "metrics": {k: best.get(k) for k in base}, "is_baseline": not better,
            "settings": {**BASELINE, **best["params"]}, "objective": objective, "final": True, "speedup": speedup,
            "baseline": {"params": BASELINE, "metrics": base, "search_metrics": base},
            "verdict": "better" if better else "no significant difference",
            "verdict_text": ("better by " if better else "no significant difference: ") + percent}
    if not better:
        made["challenger"] = best["params"]
    if "," in objective:
        names = objective.split(",")
        def beats(a, b):
            return all(a[k] <= b[k] for k in names) and any(a[k] < b[k] for k in names)
        made["front"] = [r["trial"] for r in ok if not any(beats(o, r) for o in ok)]
    return made


def write(folder, name, run, rows, samples):
    with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as file:
        json.dump({"format": "xltune-run", "version": 2, "run": run, "trials": rows, "samples": samples, "events": []}, file)
    place = run["folder"]
    os.makedirs(place, exist_ok=True)
    with open(os.path.join(place, "run_meta.json"), "w", encoding="utf-8") as file:
        json.dump({**run["meta"], "study": "../all.sqlite", "uid": run["uid"]}, file)
    return os.path.join(folder, name + ".json")


def make(folder, name, seed, count, gain=None, states=False, objective="request_s", baselines=1, state="finished", rename=None, **changed):
    maker = Maker(seed)
    rows = trials(maker, count, baselines)
    run = {"uid": name, "folder": os.path.join(folder, rename or name), "backend": "queued", "state": state, "mode": "auto",
           "objective": objective, "seed": seed, "machine": "m", "target": "engine", "version": "0.2.0",
           "machine_info": {"cpu": "AMD EPYC 9R14", "logical_cpus": 8}, "identity": {"device": "cpu", "checkpoint": "5f" * 32},
           "workload": {"prompt_tokens": 512, "new": 32}, "build": {"kernels": "avx512"}, "created": 1_790_000_000.0,
           "finished": maker.at if state == "finished" else None, "space": SPACE, "metrics": METRICS,
           "meta": {"backend": "queued", "mode": "auto", "points": 30720, "settings": BASELINE},
           "baseline": {"settings": BASELINE, "metrics": {}}, "result": result(maker, rows, gain, states, objective) if gain is not None else None}
    run.update(changed)
    return write(folder, name, run, rows, maker.samples)


HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"


def hostile(folder):
    path = make(folder, "hostile", 7, 60, gain=0.002, rename="hostile<b>&amp;\u2028\u202e", machine="h", machine_info={"cpu": HOSTILE, "logical_cpus": 2})
    with open(path, encoding="utf-8") as file:
        text = json.load(file)
    for row in text["trials"]:
        row["params"][HOSTILE] = row["params"].pop("weights")
        if row["reason"]:
            row["reason"] = HOSTILE
        row["params"]["chunk_size"] = HOSTILE if row["params"]["chunk_size"] == 8 else "]]>" + str(row["params"]["chunk_size"])
    text["run"]["result"]["verdict_text"] += HOSTILE
    text["run"]["objective"] = "request_s"
    text["run"]["space"] = {}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(text, file)
    return path


def main():
    xltune, folder = sys.argv[1], os.path.abspath(sys.argv[2])
    os.makedirs(folder, exist_ok=True)
    if "--many" in sys.argv:
        count = int(sys.argv[sys.argv.index("--many") + 1])
        files = [make(folder, "many", 3, count, gain=0.21, baselines=0)]
    else:
        files = [make(folder, "two-states", 1, 400, gain=0.184, states=True),
                 make(folder, "other-day", 2, 120, gain=0.002, machine="n", machine_info={"cpu": "Apple M3 Ultra", "logical_cpus": 28}),
                 make(folder, "fronts", 4, 240, gain=0.3, objective="request_s,peak_mb,kl"),
                 hostile(folder), make(folder, "begun", 5, 0, state="running")]
    study = os.path.join(folder, "all.sqlite")
    subprocess.run([xltune, "study", "import", "--study", study, *files], check=True, stdout=subprocess.DEVNULL)
    for path in files:
        os.remove(path)


main()
