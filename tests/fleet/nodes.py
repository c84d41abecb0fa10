#!/usr/bin/env python3
"""Searches by agents on simulated machines of one kind: a program that prints a time, which the environment of an agent
may make longer for all settings (a slower machine) or for some of them alone (a machine that disagrees with its kind).

usage: tests/fleet/nodes.py XLTUNE
"""
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile

# Prints a time for setting $1: 1 takes 10, 2 takes 9 and 3 takes 7, with a scatter of 0.3 %. SLOW makes all of them
# longer, TILT those but the baseline's.
PROGRAM = """#!/bin/sh
exec awk -v n="$1" -v slow="${SLOW:-1}" -v tilt="${TILT:-1}" -v seed="$$" 'BEGIN {
    srand(seed)
    t = n == 1 ? 10 : (n == 2 ? 9 : 7) * tilt
    printf "t=%.6f\\n", t * slow * (1 + 0.003 * (rand() + rand() + rand() - 1.5))
}'
"""
SEARCH = ["--target", "exec", "--mode", "grid", "--effort", "quick", "--lease", "20s", "--space", json.dumps({"n": [1, 2, 3]}),
          "--metrics", json.dumps({"t": {"regex": "t=([0-9.]+)"}}), "--objective", "t", "--output-hash", "none", "--seed", "3"]
TRUTH = 10 / 7 - 1
LIMIT_S = float(os.environ.get("TEST_LIMIT_S", 300))  # for what hangs; a busy machine may take long
failures = []


def expect(name, ok, seen):
    print(("ok    " if ok else "FAIL  ") + name, flush=True)
    if not ok:
        failures.append(name)
        print("      " + str(seen)[:3000])


class Fleet:
    """Runs a search with an agent for each of the environments to its end."""

    def __init__(self, xltune, folder, environments):
        os.makedirs(folder)
        program = os.path.join(os.path.dirname(folder), "program")
        study = os.path.join(folder, "study.sqlite")
        quiet = {"stdin": subprocess.DEVNULL, "cwd": folder, "text": True}
        proposer = subprocess.Popen([xltune, "optimize", "--study", study, "--agents", str(len(environments)), *SEARCH, "--",
                                     program, "{n}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **quiet)
        agents = [subprocess.Popen([xltune, "agent", "--study", study], env=dict(os.environ, **e), stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, **quiet) for e in environments]
        self.text = proposer.communicate(timeout=2 * LIMIT_S)[0]
        self.code = proposer.returncode
        said = [a.communicate(timeout=LIMIT_S)[0] for a in agents]
        self.names = [re.search(r"node (\S+ \([0-9a-f]{8}\))", text).group(1) for text in said]
        with sqlite3.connect(study) as db:
            self.aside = {uid[:8]: reason for uid, reason in
                          db.execute("SELECT uid, reason FROM node WHERE reason LIKE '%set aside%'")}
            self.processes = dict((uid[:8], n) for uid, n in db.execute(
                "SELECT node, count(*) FROM task WHERE work = 'process' AND state = 'done' GROUP BY node"))
            result = db.execute("SELECT result FROM run").fetchall()
        self.best = json.loads(result[0][0]) if len(result) == 1 and result[0][0] else {}
        self.speedup = self.best.get("speedup", {})
        self.words = self.best.get("verdict_text", "")

    def uid(self, agent):
        return self.names[agent][-9:-1]

    def seen(self):
        return self.code, self.words, self.aside, self.processes, self.speedup.get("low"), self.speedup.get("high"), self.text

    def holds(self, value):
        return self.speedup.get("low", 1) <= value <= self.speedup.get("high", 0)


def main():
    xltune = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="xltune-nodes-") as folder:
        program = os.path.join(folder, "program")
        with open(program, "w", encoding="utf-8") as f:
            f.write(PROGRAM)
        os.chmod(program, 0o755)

        f = Fleet(xltune, os.path.join(folder, "four"), [{}, {"TILT": "1.25"}, {"SLOW": "3"}, {}])
        odd = f.uid(1)
        expect("four machines take part", f.code == 0 and len(f.processes) == 4, f.seen())
        expect("one with another ratio is set aside, and a slower one is not", list(f.aside) == [odd], f.seen())
        expect("it is named, in the study and on the terminal", f.names[1] in f.aside.get(odd, "") and
               f"node {f.names[1]} disagrees with its kind" in f.text, f.seen())
        expect("the interval is that of the others", f.best.get("verdict") == "better" and f.holds(TRUTH) and
               f.speedup["low"] > 0.3 and f.speedup["holds_for"] == "machines of the kind", f.seen())
        expect("which the verdict names", all((f.names[i] in f.words) == (i != 1) for i in range(4)) and
               "3 machines" in f.words and "others were set aside" in f.words, f.seen())

        f = Fleet(xltune, os.path.join(folder, "two"), [{}, {"TILT": "1.25"}])
        expect("of two nobody knows which is right", not f.aside and "which disagree" in f.words and
               len(f.processes) == 2, f.seen())
        expect("and the interval holds what either says", f.holds(TRUTH) and f.holds(10 / (7 * 1.25) - 1), f.seen())
    print(f"{len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
