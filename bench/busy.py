#!/usr/bin/env python3
"""Decode on a machine that others use too: thread counts and builds, beside 0, 1, 2, … processes that compute all the time.

  busy.py OUT.csv PROGRAM [PROGRAM ...] [--busy 0,1,2] [--threads 1,2] [--rounds N] [--model DIR] [--new N] [--cpus LIST]

In each round every program decodes with every number of threads beside every number of busy processes, one short run of
`bench` after the other, so that what else happens on the machine meets all of them alike. --cpus binds the runs and the
busy processes to these processors (taskset's list); one processor for two threads is the hardest case there is.

OUT.csv has a line for each run: its mean speed over all samples, since a stall is what is looked for. Printed are the
medians over the rounds, and each one's share of the best number of threads of the same program beside the same number of
busy processes: a default that keeps to 0.8 of it is never slower than the best choice by more than a fifth. Standard
library only.
"""
import argparse, csv, json, os, statistics, subprocess, sys, tempfile

SPIN = "while True: pass"


def numbers(text):
    return [int(n) for n in text.split(",")]


def decode(program, threads, options):
    """Tokens a second of one run, over all of its samples."""
    wrap = ["taskset", "-c", options.cpus] if options.cpus else []
    command = wrap + [program, "bench", "-p", "0", "--new", str(options.new), "--repeats", "3", "--workers", str(threads),
                      "--decode-workers", str(threads), "--no-best", "--output", "json"]
    if options.model: command += ["--model-path", options.model]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode: sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stderr}")
    row = json.loads(done.stdout)[0]
    return row["n_gen"] * len(row["samples_ns"]) * 1e9 / sum(row["samples_ns"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out")
    parser.add_argument("programs", nargs="+")
    parser.add_argument("--busy", type=numbers, default=[0, 1, 2])
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--model")
    parser.add_argument("--new", type=int, default=256)
    parser.add_argument("--cpus")
    options = parser.parse_args()
    runs = {}
    with open(options.out, "w", newline="") as file:
        print(f"# {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the beginning, bound to {options.cpus or 'none'}",
              file=file)
        writer = csv.writer(file)
        writer.writerow(["round", "program", "busy", "threads", "tok_s"])
        for turn in range(options.rounds):
            for busy in options.busy:
                wrap = ["taskset", "-c", options.cpus] if options.cpus else []
                others = [subprocess.Popen(wrap + [sys.executable, "-c", SPIN]) for _ in range(busy)]
                try:
                    for threads in options.threads:
                        order = options.programs if turn % 2 == 0 else options.programs[::-1]
                        for program in order:
                            speed = decode(program, threads, options)
                            runs.setdefault((program, busy, threads), []).append(speed)
                            writer.writerow([turn, program, busy, threads, f"{speed:.1f}"])
                            file.flush()
                finally:
                    for other in others: other.kill()
                    for other in others: other.wait()
    medians = {key: statistics.median(speeds) for key, speeds in runs.items()}
    print("program busy threads tok_s of_best")
    for (program, busy, threads), speed in medians.items():
        best = max(medians[program, busy, n] for n in options.threads)
        print(f"{program} {busy} {threads} {speed:.0f} {speed / best:.2f}")


if __name__ == "__main__":
    main()
