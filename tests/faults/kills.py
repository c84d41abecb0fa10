#!/usr/bin/env python3
"""Kills searches and conversions at random moments (SIGKILL) and continues them.

usage: kills.py XLTUNE [--rounds N] [--seed S] [--csv FILE]      default 8 rounds of each

A search that was killed again and again, and continued each time, must end with the same points as one that nobody
disturbed: no trial lost, none twice, each line of trials.jsonl whole. A conversion that was killed must leave nothing that
loads as a checkpoint before it is whole, and the same command must finish it, with the same bytes as an undisturbed one.
"""
import argparse
import csv
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

PROMPT = "It was a bright cold morning, and"
SEARCH = ["optimize", "--backend", "queued", "--prompt", PROMPT, "--new", "2", "--mode", "random", "--trials", "10",
          "--repeats", "1", "--seed", "7", "--chunks-min", "16", "--chunks-max", "64", "--workers-max", "2", "--no-best",
          "--effort", "quick"]
CONVERT = ["convert", "--weights", "q8_0", "--out", "out"]


def call(xltune, arguments, folder, after=None):
    """Runs it, killing it after so many seconds; returns the exit code, or None where it was killed, and its error."""
    child = subprocess.Popen([xltune] + arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, start_new_session=True)
    try:
        _, err = child.communicate(timeout=after if after is not None else 600)
        return child.returncode, err.decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, 9)
        _, err = child.communicate()
        return None, err.decode(errors="replace")


def points(folder):
    runs = os.path.join(folder, "runs")
    run = os.path.join(runs, begun_in(runs)[0])
    rows = [json.loads(line) for line in open(os.path.join(run, "trials.jsonl"))]
    json.load(open(os.path.join(run, "run_meta.json")))
    numbers = [row["trial"] for row in rows if "trial" in row]
    if len(set(numbers)) != len(numbers):
        raise AssertionError("a trial is written twice")
    return sorted(json.dumps(row["params"], sort_keys=True) for row in rows if row.get("status") == "ok")


def bytes_of(folder):
    return {name: hashlib.sha256(open(os.path.join(folder, name), "rb").read()).hexdigest()
            for name in sorted(os.listdir(folder))}


def begun_in(runs):
    """The runs that have begun: a search that is killed before run_meta.json is there leaves a folder that the next one takes away."""
    return sorted(name for name in (os.listdir(runs) if os.path.isdir(runs) else [])
                  if os.path.isfile(os.path.join(runs, name, "run_meta.json")))


def search_round(xltune, place, wanted, chance, seconds):
    folder = tempfile.mkdtemp(dir=place)
    kills, code = 0, None
    while code is None:
        runs = os.path.join(folder, "runs")
        begun = begun_in(runs)
        arguments = ["optimize", "--resume", os.path.join("runs", begun[0])] if begun else \
            SEARCH + ["--log-dir", "runs", "--tag", "it"]
        code, err = call(xltune, arguments, folder, chance.uniform(0.02, seconds) if kills < 12 else None)
        kills += code is None
        if code is not None and code != 0:
            raise AssertionError(f"a killed search cannot be continued: {err.strip().splitlines()[-1:]}")
    if points(folder) != wanted:
        raise AssertionError(f"other points than an undisturbed search: {len(points(folder))} of {len(wanted)}")
    shutil.rmtree(folder)
    return kills


def convert_round(xltune, place, wanted, chance, seconds):
    folder = tempfile.mkdtemp(dir=place)
    kills, code = 0, None
    while code is None:
        code, err = call(xltune, CONVERT, folder, chance.uniform(0.005, seconds) if kills < 8 else None)
        kills += code is None
        out = os.path.join(folder, "out")
        if code is None and os.path.isdir(out) and call(xltune, ["info", "--model", "out"], folder)[0] == 0:
            if {k: v for k, v in bytes_of(out).items() if k != "conversion.json"} != wanted:
                raise AssertionError("what a killed conversion left loads, and is not whole")
            break
        if code not in (None, 0):
            raise AssertionError(f"a killed conversion cannot be continued: {err.strip().splitlines()[-1:]}")
    if {k: v for k, v in bytes_of(os.path.join(folder, "out")).items() if k != "conversion.json"} != wanted:
        raise AssertionError("other bytes than an undisturbed conversion")
    shutil.rmtree(folder)
    return kills


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("xltune")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--csv")
    options = parser.parse_args()
    xltune, chance = os.path.abspath(options.xltune), random.Random(options.seed)
    place = tempfile.mkdtemp(prefix="xltune-kills.")
    rows, bad = [], 0
    try:
        for name, arguments, one_round, result in (
                ("optimize", SEARCH + ["--log-dir", "runs", "--tag", "it"], search_round, points),
                ("convert", CONVERT, convert_round, lambda folder: bytes_of(os.path.join(folder, "out")))):
            folder = tempfile.mkdtemp(dir=place)
            start = time.monotonic()
            code, err = call(xltune, arguments, folder)
            seconds = 0.6 * (time.monotonic() - start)
            if code != 0:
                sys.exit(f"{name}: an undisturbed run failed: {err}")
            wanted, kills, faults = result(folder), 0, 0
            for number in range(options.rounds):
                try:
                    kills += one_round(xltune, place, wanted, chance, seconds)
                except AssertionError as fault:
                    print(f"FAULT {name}, round {number}: {fault}", flush=True)
                    faults += 1
            print(f"{name}: {options.rounds} rounds, {kills} kills, {faults} faults", flush=True)
            rows.append([name, options.rounds, kills, faults])
            bad += faults
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if options.csv:
        with open(options.csv, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["command", "rounds", "kills", "faults"])
            writer.writerows(rows)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
