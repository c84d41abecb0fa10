#!/usr/bin/env python3
"""Says which lines and branches the tests reach, by folder, from a build with counters (gcc --coverage, gcov).

usage: coverage.py BUILD [--files FOLDER] [--missing FILE] [--markdown]
    --files FOLDER    a row for each file of that folder instead, worst first
    --missing FILE    the lines of that file that nothing ran (a number alone), and those of whose branches
                      some were never taken (with how many)
    --markdown        the table of docs/coverage.md

A line counts as reached when any program of the tests ran it. A branch is a way out of a condition, as the compiler made
it: `a && b` has four. Test programs and benches are not counted. Files that are compiled several times (a header's
functions) are counted once: what any of them reached.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COUNTED = ("src", "tuner", "server", "cluster", "cli", "include")


def notes_of(build):
    for place, _, names in os.walk(build):
        for name in names:
            if name.endswith(".gcno") and "meson-private" not in place:
                yield os.path.join(place, name)


def read_batch(build, notes):
    found = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout", *notes], cwd=build,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    return [json.loads(line) for line in found.splitlines() if line.startswith(b"{")]


def read(build):
    """path -> (line -> times, (line, place) -> times of a branch)"""
    lines = collections.defaultdict(lambda: collections.defaultdict(int))
    branches = collections.defaultdict(lambda: collections.defaultdict(int))
    notes = sorted(notes_of(build))
    if not notes:
        sys.exit(f"coverage.py: {build}: no counters; make the build with -Db_coverage=true")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        batches = [notes[i:i + 20] for i in range(0, len(notes), 20)]
        for answers in pool.map(lambda some: read_batch(build, some), batches):
            for answer in answers:
                for file in answer["files"]:
                    path = os.path.normpath(os.path.join(answer["current_working_directory"], file["file"]))
                    path = os.path.relpath(path, SOURCE)
                    if path.split(os.sep)[0] not in COUNTED:
                        continue
                    # Two functions may share a line (a macro makes them); each has branches of its own.
                    places = collections.defaultdict(int)
                    for line in file["lines"]:
                        number = line["line_number"]
                        lines[path][number] += line["count"]
                        for branch in line["branches"]:
                            if not branch["throw"]:
                                branches[path][number, places[number]] += branch["count"]
                                places[number] += 1
    return {path: (lines[path], branches[path]) for path in lines}


def folder_of(path):
    """A folder of the architecture: src/format with all below it, cli alone."""
    parts = path.split(os.sep)[:-1]
    return "/".join(parts[:2])


def share(some, every):
    return f"{100 * some / every:.1f}" if every else "-"


def table(coverage, name_of):
    rows = collections.defaultdict(lambda: [0, 0, 0, 0])
    for path, (lines, branches) in coverage.items():
        for name in (name_of(path), "all"):
            if name:
                row = rows[name]
                row[0] += sum(1 for times in lines.values() if times)
                row[1] += len(lines)
                row[2] += sum(1 for times in branches.values() if times)
                row[3] += len(branches)
    return rows


def runs_of(numbers):
    """1, 2, 3, 7 -> 1-3, 7"""
    found = []
    for n in sorted(numbers):
        if found and n == found[-1][1] + 1:
            found[-1][1] = n
        else:
            found.append([n, n])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in found)


def missing(coverage, path):
    if path not in coverage:
        sys.exit(f"coverage.py: {path}: no such file in the build")
    lines, branches = coverage[path]
    print("never run: " + (runs_of(n for n, times in lines.items() if not times) or "none"))
    partly = collections.Counter(number for (number, _), times in branches.items() if not times and lines[number])
    print("branches never taken: " + (", ".join(f"{n} ({c})" for n, c in sorted(partly.items())) or "none"))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build")
    parser.add_argument("--files")
    parser.add_argument("--missing")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    coverage = read(os.path.abspath(options.build))
    if options.missing:
        missing(coverage, options.missing)
        return
    if options.files:
        folder = options.files.rstrip("/") + "/"
        rows = table({p: c for p, c in coverage.items() if p.startswith(folder)}, lambda path: path)
        order = sorted(rows.items(), key=lambda r: -(r[1][1] - r[1][0] + (r[1][3] - r[1][2]) / 4))
    else:
        rows = table(coverage, folder_of)
        order = sorted(rows.items(), key=lambda r: (r[0] == "all", r[0]))
    if options.markdown:
        print("| folder | lines | reached, % | branches | taken, % |\n|---|---|---|---|---|")
        for name, (ran, every, taken, ways) in order:
            print(f"| {name if name == 'all' else f'`{name}/`'} | {every} | {share(ran, every)} | {ways} | {share(taken, ways)} |")
        return
    print(f"{'':44} {'lines':>7} {'%':>6} {'branches':>9} {'%':>6}")
    for name, (ran, every, taken, ways) in order:
        print(f"{name:44} {every:7} {share(ran, every):>6} {ways:9} {share(taken, ways):>6}")


if __name__ == "__main__":
    main()
