#!/usr/bin/env python3
"""Compares the speed of two builds of xltune on this machine, in rounds that are finely interleaved.

  before_after.py BEFORE AFTER OUT.csv [--rounds N] [--size NAME] [--landscape FILE.csv.gz] [--wrap COMMAND]

BEFORE and AFTER are two xltune programs. In each round both run `bench` on tiny-literature and on a synthetic checkpoint
(--size, as `synth --like` spells it), with the same settings, and a `replay` of 1,000 evaluations of each strategy, where
a landscape is given. Which of the two runs first alternates. A run counts with its fastest sample (bench) or with its
processor time (replay), because other work on the machine only ever adds time.

OUT.csv has a line for each run. Printed are the medians of the rounds' ratios, after to before, each with the interval
between two order statistics that holds the true median with a confidence of at least 95 %, and whether the replays chose
the same rows. Standard library only.
"""
import argparse, json, math, os, resource, shlex, statistics, subprocess, sys, tempfile, time

SETTINGS = ("--scheduler queued --chunk-size 64 --heads-per-band 1 --workers {n} --decode-workers {n} --segment 512 "
            "--pinning none --huge-pages off --weights stored")
STRATEGIES = ["random", "ga", "auto"]


def run(command, wrap=""):
    """Output and processor seconds of a command."""
    command = wrap.split() + command
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stderr}")
    return done.stdout, after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime


def bench(program, folder, prompt, new, threads, wrap):
    """Speeds by test: tokens a second of the fastest sample."""
    text, _ = run([program, "bench", "--model-path", folder, "--n-prompt", str(prompt), "--new", str(new), "--repeats", "5",
                   "--output", "json", *SETTINGS.format(n=threads).split()], wrap)
    return {row["test"]: (row["n_prompt"] + row["n_gen"]) * 1e9 / min(row["samples_ns"]) for row in json.loads(text)}


def replay(program, landscape, strategy, trace, wrap):
    _, used = run([program, "replay", "--landscape", landscape, "--strategy", strategy, "--budget", "1000", "--seeds", "1",
                   "--trace", trace], wrap)
    with open(trace) as file:
        return used, file.read()


def interval(values, confidence=0.95):
    """The narrowest pair of order statistics around the median with at least this confidence."""
    n, ordered = len(values), sorted(values)
    for k in range(n // 2, 0, -1):
        outside = 2 * sum(math.comb(n, i) for i in range(k)) / 2**n
        if 1 - outside >= confidence:
            return ordered[k - 1], ordered[n - k]
    return ordered[0], ordered[-1]


def machine():
    lines = dict(line.split(":", 1) for line in run(["lscpu"])[0].splitlines() if ":" in line)
    return f"{lines['Model name'].strip()}, {lines['CPU(s)'].strip()} CPUs, {os.uname().sysname} {os.uname().release}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("out")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--size", default="160m")
    parser.add_argument("--landscape")
    parser.add_argument("--wrap", default="", help="a command that runs each of the two, 'chrt -f 10' say")
    parser.add_argument("--names", default="before,after", help="what the builds are called in the head of OUT.csv")
    o = parser.parse_args()
    tiny = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "models", "tiny-literature")
    threads, programs = os.cpu_count(), {"before": o.before, "after": o.after}
    rows, differing = [], set()
    with tempfile.TemporaryDirectory() as work:
        synthetic = os.path.join(work, o.size)
        run([o.after, "synth", "--like", o.size, "--out", synthetic])
        for number in range(o.rounds):
            for name, folder, prompt, new in (("tiny-literature", tiny, 256, 64), (o.size, synthetic, 128, 12)):
                for build in sorted(programs, reverse=number % 2 == 0):
                    for test, speed in bench(programs[build], folder, prompt, new, threads, o.wrap).items():
                        rows.append((number + 1, build, name, test, speed, "tokens/s"))
            for strategy in STRATEGIES if o.landscape else []:
                traces = {}
                for build in sorted(programs, reverse=number % 2 == 0):
                    used, traces[build] = replay(programs[build], o.landscape, strategy, os.path.join(work, "trace.csv"),
                                                         o.wrap)
                    rows.append((number + 1, build, os.path.basename(o.landscape), f"replay {strategy}", used, "s"))
                if traces["before"] != traces["after"]:
                    differing.add(strategy)
            print(f"round {number + 1} of {o.rounds}", file=sys.stderr)
    with open(o.out, "w") as file:
        print(f"# machine: {machine()}, {threads} threads; other work was running beside it", file=file)
        print(f"# date: {time.strftime('%Y-%m-%d')}; builds: {o.names}", file=file)
        print("# command:", shlex.join(["bench/before_after.py", *map(os.path.basename, sys.argv[1:])]), file=file)
        print(f"# settings: {SETTINGS.format(n=threads)}", file=file)
        print("round,build,what,test,value,unit", file=file)
        for number, build, what, test, value, unit in rows:
            print(f"{number},{build},{what},{test},{value:.6g},{unit}", file=file)
    for what, test in dict.fromkeys((row[2], row[3]) for row in rows):
        value = {(row[0], row[1]): row[4] for row in rows if row[2:4] == (what, test)}
        ratios = [value[i, "after"] / value[i, "before"] for i in range(1, o.rounds + 1)]
        low, high = interval(ratios)
        print(f"{what} {test}: after / before {statistics.median(ratios):.3f} ({low:.3f} to {high:.3f})")
    if o.landscape:
        print(f"rows chosen in the replays: {'differ with ' + ', '.join(sorted(differing)) if differing else 'the same'}")


main()
