#!/usr/bin/env python3
"""Lets every call that may fail fail, one run for each, and looks at what the program makes of it.

usage: run.py XLTUNE SHIM [--most N] [--only COMMAND] [--kind KIND] [--csv FILE]
    --most N       calls of a kind that fail in turn, spread evenly over all of them (0: every one); default 6

For each command and each kind of call (see shim.c), an undisturbed run counts the calls. Then one after the other fails,
and the program must end by itself, with exit code 0 where it could do without, else 1 to 4 and an error that begins with
its name; it must leave no file that an undisturbed run does not leave; and after a failure the same command must
succeed in the same folder. Prints a row for each command and kind, and every fault; exit status 1 where there was one.
"""
import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile

KINDS = ["memory", "open", "write", "sync", "rename", "folder", "map", "thread", "socket"]
BUSY = 5  # times as long on one that is not
PROMPT = "It was a bright cold morning, and"
SEARCH = ["--prompt", PROMPT, "--new", "2", "--trials", "2", "--effort", "quick",
          "--tune", "chunk_size=16|64", "--log-dir", "runs", "--best-dir", "best", "--tag", "it"]
# name -> (arguments, whether a run of `optimize` must be there before, seconds that it may take on a machine that is idle)
COMMANDS = {
    "generate": (["generate", "--prompt", PROMPT, "-n", "4", "--save-state", "state"], False, 20),
    "tokenize": (["tokenize", "--prompt", PROMPT], False, 20),
    "info": (["info"], False, 20),
    "convert": (["convert", "--weights", "q8_0", "--out", "converted"], False, 30),
    "explain": (["explain", "{run}"], True, 20),
    "report": (["report", "{run}", "--html", "page.html"], True, 20),
    "export": (["study", "export", "{run}", "--out", "study.json"], True, 20),
    "save-outputs": (["save-outputs", "--run", "{run}", "--prompt", PROMPT, "--new", "2"], True, 30),
    "judge": (["judge", "--run", "{run}", "--prompt", PROMPT], True, 30),
    "optimize": (["optimize"] + SEARCH, False, 90),
}
# What a run that did not end leaves so that it can be continued.
CONTINUED = {"convert": {"converted/conversion.json"}}
# What succeeds where the result is whole.
DONE = {"convert": ["info", "--model", "converted"]}
# Further arguments that continue what a failed run left.
AGAIN = {"optimize": ["--resume"]}


def files_of(folder):
    found = set()
    for place, folders, files in os.walk(folder):
        for name in files:
            found.add(os.path.relpath(os.path.join(place, name), folder))
    return found


class Bench:
    def __init__(self, xltune, shim):
        self.xltune, self.shim = os.path.abspath(xltune), os.path.abspath(shim)
        self.place = tempfile.mkdtemp(prefix="xltune-faults.")
        self.run_folder = None

    def run(self, folder, arguments, seconds, kind=None, at=None, counts=None):
        env = dict(os.environ, HOME=folder, XDG_RUNTIME_DIR=folder, XDG_CACHE_HOME=os.path.join(folder, "cache"), LC_ALL="C.UTF-8")
        if kind:
            env.update(LD_PRELOAD=self.shim, FAULT_KIND=kind)
            if at:
                env["FAULT_AT"] = str(at)
            if counts:
                env["FAULT_COUNTS"] = counts
        child = subprocess.Popen([self.xltune] + arguments, cwd=folder, env=env, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        try:
            out, err = child.communicate(timeout=BUSY * seconds)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, 9)
            out, err = child.communicate()
            return None, err.decode(errors="replace")
        return child.returncode, err.decode(errors="replace")

    def prepare(self, name):
        arguments, needs_run, seconds = COMMANDS[name]
        folder = tempfile.mkdtemp(dir=self.place)
        if needs_run:
            if not self.run_folder:
                base = tempfile.mkdtemp(dir=self.place)
                code, err = self.run(base, ["optimize"] + SEARCH, 120)
                run = os.path.join("runs", [n for n in os.listdir(os.path.join(base, "runs")) if n.endswith("_it")][0])
                saved = [a.replace("{run}", run) for a in COMMANDS["save-outputs"][0]]
                if code == 0:
                    code, err = self.run(base, saved, 60)
                if code != 0:
                    sys.exit(f"the run that others need failed: {err}")
                self.run_folder = base
            shutil.rmtree(folder)
            shutil.copytree(self.run_folder, folder)
            runs = os.path.join(folder, "runs")
            run = os.path.join("runs", [n for n in sorted(os.listdir(runs)) if os.path.isdir(os.path.join(runs, n))][0])
            arguments = [a.replace("{run}", run) for a in arguments]
        return folder, arguments, seconds


def spread(total, most):
    if most == 0 or total <= most:
        return list(range(1, total + 1))
    return sorted({1 + round(i * (total - 1) / (most - 1)) for i in range(most)})


def faults_of(bench, name, kind, at, usual):
    folder, arguments, seconds = bench.prepare(name)
    try:
        code, err = bench.run(folder, arguments, seconds, kind, at)
        lines = [line for line in err.splitlines() if line]
        if code is None:
            yield f"no end within {BUSY * seconds} s"
            return
        if code < 0 or code > 4:
            yield f"exit code {code}: {' / '.join(lines[-2:])}"
        elif code and not any(line.startswith("xltune") for line in lines):
            yield f"exit code {code} without an error: {' / '.join(lines[-2:])}"
        # The folder of a search is named after the time.
        extra = {plain(f) for f in files_of(folder)} - usual
        extra = {f for f in extra if not f.startswith("cache/")} - CONTINUED.get(name, set())
        if extra and code != 0:
            yield f"leaves {', '.join(sorted(extra))}"
        again, why = bench.run(folder, arguments + AGAIN.get(name, []), seconds) if code else (0, "")
        if again != 0:
            again, why = bench.run(folder, arguments, seconds)
        # The result was complete, and only the last word of it could not be printed.
        if again != 0 and name in DONE and bench.run(folder, DONE[name], seconds)[0] == 0:
            again = 0
        if again != 0:
            yield f"cannot be run again: exit code {again}: {why.strip().splitlines()[-1:]}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def plain(path):
    return "/".join("RUN" if part.startswith(("ray_", "queued_", "recurrent_", "mps_", "cpu_")) and "_it" in part else part
                    for part in path.split("/"))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("xltune")
    parser.add_argument("shim")
    parser.add_argument("--most", type=int, default=6)
    parser.add_argument("--only")
    parser.add_argument("--kind")
    parser.add_argument("--csv")
    options = parser.parse_args()
    bench = Bench(options.xltune, options.shim)
    rows, bad = [], 0
    try:
        for name in COMMANDS:
            if options.only and name not in options.only.split(","):
                continue
            for kind in KINDS:
                if options.kind and kind not in options.kind.split(","):
                    continue
                folder, arguments, seconds = bench.prepare(name)
                counts = os.path.join(bench.place, "counts")
                if os.path.exists(counts):
                    os.remove(counts)
                code, err = bench.run(folder, arguments, seconds, kind, None, counts)
                if code != 0:
                    sys.exit(f"{name}: an undisturbed run failed: {err}")
                usual = {plain(f) for f in files_of(folder)}
                # SQLite's files beside a study exist while it is open; a program that ends early may leave them.
                usual |= {f + tail for f in list(usual) if f.endswith(".sqlite") for tail in ("-wal", "-shm")}
                total = max(int(line) for line in open(counts)) if os.path.exists(counts) else 0
                shutil.rmtree(folder, ignore_errors=True)
                tried = spread(total, options.most)
                found = 0
                for at in tried:
                    for fault in faults_of(bench, name, kind, at, usual):
                        print(f"FAULT {name}: {kind} call {at} of {total}: {fault}", flush=True)
                        found += 1
                print(f"{name:13} {kind:7} {total:7} calls, {len(tried):5} failed in turn, {found} faults", flush=True)
                rows.append([name, kind, total, len(tried), found])
                bad += found
    finally:
        shutil.rmtree(bench.place, ignore_errors=True)
    if options.csv:
        with open(options.csv, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["command", "kind", "calls", "failed", "faults"])
            writer.writerows(rows)
    print(f"{sum(r[3] for r in rows)} failing calls, {bad} faults")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
