#!/usr/bin/env python3
"""Makes small mistakes in the source, one at a time, and looks whether a test notices (mutation testing).

usage: mutate.py WORK [--count N] [--seed S] [--files PATTERN,...] [--csv FILE] [--coverage BUILD] [--sanitize]
                 [--again FILE]
    WORK            a folder of its own for a copy of what is committed and its build; kept for the next time
    --count N       mistakes to make (300), spread over the files by their length
    --seed S        of the choice (1)
    --files P,...   only files whose path begins so; default: the parts that TESTS lists;
                    what this build does not compile is left out
    --csv FILE      a row for each: file, line, mistake, what became of it
    --coverage B    only on lines that the tests reach, by the counters of that build (tools/coverage.sh)
    --sanitize      a build with the address and undefined behaviour sanitizers, which also notice leaks
    --again FILE    no choice, but what survived according to such a --csv FILE

A mistake changes one operator, constant or condition, or leaves out one statement. It is `noticed` where a test of the
file fails or does not end, `compiler` where the program does not build, `same` where the compiler made the same code of it,
and `survived` where all those tests pass: then either the change is none (`i < n` and `i != n` in a loop), or a test is
missing. Survivors are for a person to look at. Tests run with limits of memory and of file size, and with a HOME and TMPDIR
in WORK. Exit status 0; what is printed last is the counts.
"""
import argparse
import collections
import csv
import hashlib
import io
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tarfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# The tests that cover a part of the source, quickest first. A longer path comes before a shorter one.
TESTS = [
    ("src/format/tokenizer/", ["tokenizer", "tokenizer_bad", "fuzz-pattern", "fuzz-tokenizer_encode"]),
    ("src/format/jinja/", ["chat_template", "fuzz-chat_template"]),
    ("src/format/chat_", ["chat_template"]),
    ("src/format/", ["safetensors", "shard_index", "config", "json_reader", "checkpoint", "model"]),
    ("src/weights/", ["compute", "kernels"]),
    ("src/runtime/sampler", ["sampler", "sampler_state"]),
    ("src/runtime/", ["tunable", "state_formats", "sampler_state", "batch", "model", "determinism"]),
    ("tuner/measure/race", ["race", "race_numbers", "strata", "verdict", "driver"]),
    ("tuner/measure/", ["stats", "states", "strata", "nodes", "measure", "final", "verdict", "honesty"]),
    ("tuner/search/", ["gp", "strategy", "replay", "pareto", "steering"]),
    ("tuner/scores/", ["scoring", "judge", "divergence"]),
    ("tuner/space/", ["expr", "space", "space_forms", "large_space"]),
    ("tuner/study/", ["study", "study_files", "study_exchange", "study_memory", "plain_json", "tasks", "fuzz-study_import", "cli-study"]),
    ("tuner/driver/fleet_playoff", ["fleet_playoff"]),
    ("tuner/driver/front", ["front"]),
    ("tuner/driver/keeper", ["keeper", "agent", "driver"]),
    ("server/slices", ["slices"]),
    ("cli/hub_cache", ["cli-folders"]),
    ("cluster/", ["cluster", "cluster_foreign", "cluster_package"]),
    ("tuner/run/", ["run_folder", "run_files", "run_tables", "run_meta", "run_memory", "study_files", "recording", "determinism", "driver"]),
]
SWAPS = [(" < ", " <= "), (" <= ", " < "), (" > ", " >= "), (" >= ", " > "), (" == ", " != "), (" != ", " == "),
         (" && ", " || "), (" || ", " && "), (" + ", " - "), (" - ", " + "), (" * ", " + "), (" / ", " * "), (" % ", " / "),
         (" += ", " -= "), (" -= ", " += "), ("++", "--"), (" & ", " | "), (" << ", " >> "), (" >> ", " << ")]
NUMBER = re.compile(r"(?<![\w.\"'%])(\d+)(?![\w.])")
CONDITION = re.compile(r"\b(if|while) \((.+)\) ?(.*)$")
STATEMENT = re.compile(r"^\s+(?!return\b|const\b|static\b|goto\b|break\b|continue\b|case\b|default\b)[\w>.\[\]()*-]+ ?(=|\+=|\()[^;]*;$")


def committed():
    return subprocess.run(["git", "ls-files", "*.c"], cwd=SOURCE, stdout=subprocess.PIPE, text=True,
                          check=True).stdout.split()


def tests_of(path):
    return next((tests for prefix, tests in TESTS if path.startswith(prefix)), None)


def blank(text):
    """The text with comments, strings and preprocessor lines replaced by spaces, so that places stay."""
    pattern = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|^[ \t]*#(?:[^\\\n]|\\\n|\\.)*", re.S | re.M)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def mistakes_of(text):
    """(line number from 0, what, the line with the mistake)"""
    lines, plain = text.split("\n"), blank(text).split("\n")
    for i, (line, bare) in enumerate(zip(lines, plain)):
        if re.match(r"\s*(enum|static const|typedef|_Static_assert|extern)\b", bare) or not bare.startswith((" ", "\t")):
            continue
        for old, new in SWAPS:
            at = bare.find(old)
            while at >= 0:
                yield i, f"{old.strip()} becomes {new.strip()}", line[:at] + new + line[at + len(old):]
                at = bare.find(old, at + 1)
        for m in NUMBER.finditer(bare):
            yield i, f"{m[1]} becomes {int(m[1]) + 1}", line[:m.start()] + str(int(m[1]) + 1) + line[m.end():]
        m = CONDITION.search(bare)
        if m:
            depth, end = 0, None
            for at in range(m.start(2) - 1, len(bare)):
                depth += (bare[at] == "(") - (bare[at] == ")")
                if depth == 0:
                    end = at
                    break
            if end:
                inside = line[m.start(2):end]
                yield i, "condition turned round", f"{line[:m.start(2)]}!({inside}){line[end:]}"
        if STATEMENT.match(bare) and not re.match(r"\s+\w+ \*?\w+ =", bare) and bare.count("(") == bare.count(")"):
            yield i, "statement left out", re.match(r"\s*", line).group() + ";"


def end_with_children(child):
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()


def bounded():
    """A mistake may write without an end."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))


def bounded_memory():
    """The same with memory; not beside a sanitizer, which reserves more than there is."""
    bounded()
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))


class Bench:
    """A copy of what is committed, and its build."""

    def __init__(self, work, sanitize):
        work = os.path.abspath(work)
        self.tree, self.home = os.path.join(work, "tree"), os.path.join(work, "home")
        self.build, self.bounded = (os.path.join(self.tree, "sanitized"), bounded) if sanitize else \
            (os.path.join(self.tree, "build"), bounded_memory)  # in the tree, as the program looks for its data around it
        self.seconds, self.whole = {}, {}
        os.makedirs(self.home, exist_ok=True)
        self.bring_up_to_date()
        if not os.path.exists(os.path.join(self.build, "build.ninja")):
            self.must("meson", "setup", "--buildtype=plain", "-Doptimization=2", "-Dvulkan=disabled", "-Dpostgres=disabled",
                      *(["-Db_sanitize=address,undefined", "-Db_lundef=false"] if sanitize else []), self.build, self.tree)
        self.tests = {}
        for test in json.loads(self.must("meson", "introspect", self.build, "--tests")):
            self.tests.setdefault(test["name"], test)
        self.made = {target["id"]: [os.path.relpath(file, self.build) for file in target["filename"]]
                     for target in json.loads(self.must("meson", "introspect", self.build, "--targets"))}
        commands = json.loads(self.must("ninja", "-C", self.build, "-t", "compdb", quiet=True))
        self.objects = {os.path.relpath(os.path.join(self.build, c["file"]), self.tree): c["output"] for c in commands
                        if c["output"].endswith(".o") and ".p/meson-generated" not in c["output"]}

    def must(self, *command, quiet=False):
        done = subprocess.run(command, cwd=self.home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL if quiet else subprocess.STDOUT, text=True)
        if done.returncode:
            sys.exit(f"mutate.py: {' '.join(command)}:\n{done.stdout[-3000:]}")
        return done.stdout

    def bring_up_to_date(self):
        """Writes what differs, a mistake that an interrupted run left included, and leaves the rest as it is."""
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=SOURCE, stdout=subprocess.PIPE, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                path = os.path.join(self.tree, member.name)
                if member.isfile():
                    content = tar.extractfile(member).read()
                    if not os.path.isfile(path) or open(path, "rb").read() != content:
                        os.makedirs(os.path.dirname(path), exist_ok=True)
                        with open(path, "wb") as file:
                            file.write(content)
                        os.chmod(path, member.mode | 0o600)
                elif member.issym() and not os.path.islink(path):
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    os.symlink(member.linkname, path)

    def compile(self, names):
        """Whether what these tests run could be built."""
        files = sorted({file for name in names for target in self.tests[name]["depends"] for file in self.made[target]})
        done = subprocess.run(["ninja", "-C", self.build, *files], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.said = done.stdout
        return done.returncode == 0

    def object_of(self, path):
        """What the compiler made of a source file."""
        try:
            with open(os.path.join(self.build, self.objects[path]), "rb") as file:
                return hashlib.sha256(file.read()).hexdigest()
        except (KeyError, OSError):
            return None

    def passes(self, name, limit):
        test = self.tests[name]
        env = dict(os.environ, HOME=self.home, TMPDIR=self.home, UBSAN_OPTIONS="halt_on_error=1", **test["env"])
        child = subprocess.Popen(test["cmd"], cwd=test["workdir"] or self.build, env=env, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=self.bounded)
        try:
            return child.wait(limit) in (0, 77)
        except subprocess.TimeoutExpired:
            return False
        finally:
            end_with_children(child)

    def time(self, names):
        for name in names:
            start = time.monotonic()
            if not self.passes(name, 600):
                sys.exit(f"mutate.py: {name} fails without a mistake")
            self.seconds[name] = time.monotonic() - start

    def becomes(self, path, line, text, tests):
        """What becomes of a mistake."""
        there = os.path.join(self.tree, path)
        with open(there, encoding="utf-8") as file:
            whole = file.read()
        if path not in self.whole:
            self.compile(tests)
            self.whole[path] = self.object_of(path)
        lines = whole.split("\n")
        lines[line] = text
        try:
            with open(there, "w", encoding="utf-8") as file:
                file.write("\n".join(lines))
            if not self.compile(tests):
                return "compiler"
            if self.whole[path] and self.object_of(path) == self.whole[path]:
                return "same"
            return next((f"noticed by {n}" for n in tests if not self.passes(n, 30 + 8 * self.seconds[n])), "survived")
        finally:
            with open(there, "w", encoding="utf-8") as file:
                file.write(whole)


def reached_lines(build):
    sys.path.insert(0, os.path.join(SOURCE, "tools"))
    import coverage
    return {path: {n for n, times in lines.items() if times} for path, (lines, _) in coverage.read(build).items()}


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("work")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files")
    parser.add_argument("--csv")
    parser.add_argument("--coverage")
    parser.add_argument("--sanitize", action="store_true")
    parser.add_argument("--again")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    bench = Bench(os.path.abspath(options.work), options.sanitize)
    files = [path for path in committed() if tests_of(path) and path in bench.objects]
    if options.files:
        files = [path for path in files if path.startswith(tuple(options.files.split(",")))]
    reached = reached_lines(os.path.abspath(options.coverage)) if options.coverage else None
    every = []
    for path in files:
        with open(os.path.join(bench.tree, path), encoding="utf-8") as file:
            every += [(path, *mistake) for mistake in mistakes_of(file.read())
                      if reached is None or mistake[0] + 1 in reached.get(path, ())]
    if options.again:
        with open(options.again, newline="", encoding="utf-8") as file:
            survived = {(row["file"], row["line"], row["mistake"]) for row in csv.DictReader(file) if row["became"] == "survived"}
        chosen = [m for m in every if (m[0], str(m[1] + 1), m[2]) in survived]
    else:
        chosen = chance.sample(every, min(options.count, len(every)))
    names = sorted({n for path, *_ in chosen for n in tests_of(path) if n in bench.tests})
    if not bench.compile(names):
        sys.exit(bench.said)
    bench.time(names)
    counts = collections.Counter()
    with open(options.csv or os.devnull, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "line", "mistake", "became"])
        for path, line, what, text in chosen:
            became = bench.becomes(path, line, text, sorted((n for n in tests_of(path) if n in bench.tests),
                                                            key=lambda n: bench.seconds[n]))
            counts[became.split()[0]] += 1
            rows.writerow([path, line + 1, what, became])
            file.flush()
            if became == "survived":
                print(f"{path}:{line + 1}: {what}: {text.strip()}", flush=True)
    print(f"{sum(counts.values())} mistakes of {len(every)} possible: "
          + ", ".join(f"{n} {word}" for word, n in sorted(counts.items())))


if __name__ == "__main__":
    main()
