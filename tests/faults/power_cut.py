#!/usr/bin/env python3
"""Cuts the power at every point of what a command writes, and looks at what a reader finds then.

usage: power_cut.py XLTUNE RECORDER [--most N] [--readers N] [--only COMMAND] [--seed S] [--csv FILE]
    --most N       points at which the power is cut, spread evenly over all of them (0: every one); default 60
    --readers N    of the folders that are left, those in which xltune is run again (0: every one); default 4

A command runs once with RECORDER (see recorder.c). For each point of its record, and for several ways in which a disk may
hold what was not synced yet, a folder is made as it would be found after a power cut:
    all        everything arrived (the process was killed, and the machine lived)
    nothing    only what was synced
    names      the names of files arrived, not the data in them
    zeros      the names and the sizes arrived; the data are zeros
    data       the data of files arrived, not the names
    half       the names, and half of the data
    chance     of each folder and file some of it
Names of one folder arrive in their order, as journals of file systems keep them. Then must hold:
    - a file that was written aside and renamed is one of those that were renamed, whole, or the one from before;
    - what the command's own reader says (see the commands below);
    - after the command has ended, all of them are the same: what was reported as done is on the disk.
Prints a row for each command, and every fault; exit status 1 where there was one.
"""
import argparse
import csv
import functools
import hashlib
import json
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "server"))
import running  # noqa: E402

PROMPT = "It was a bright cold morning, and"
WAYS = ["all", "nothing", "names", "zeros", "data", "half", "chance"]
DATABASE = ("-wal", "-journal", ".sqlite")


# ---- the record ----

def read_record(path):
    operations = []
    with open(path, "rb") as file:
        while kind := file.read(1):
            a, b, n, m, size = struct.unpack("=5Q", file.read(40))
            operations.append((kind.decode(), a, b, file.read(n).decode(), file.read(m).decode(), file.read(size)))
    return operations


class File:
    def __init__(self, data=b""):
        self.durable, self.pending = data, []

    def content(self, count=None, zeros=False, torn=False):
        """With the first `count` of what is pending (None: all); torn: and half of the next."""
        count = len(self.pending) if count is None else count
        if not self.pending or (count == 0 and not torn):
            return self.durable
        data = bytearray(self.durable)
        for number, (at, piece) in enumerate(self.pending[:count + torn]):
            if piece is None:
                if number < count:
                    del data[at:]
                    data.extend(bytes(at - len(data)))
                continue
            if number == count:
                piece = piece[:len(piece) // 2]
            if at > len(data):
                data.extend(bytes(at - len(data)))
            known = max(0, len(self.durable) - at) if zeros else len(piece)
            if zeros:
                data.extend(bytes(max(0, at + len(piece) - len(data))))
            else:
                data[at:at + known] = piece
        return bytes(data)

    def sync(self):
        self.durable, self.pending = self.content(), []


class Folder:
    def __init__(self):
        self.durable, self.pending = {}, []  # (name, entry or None); a tuple of such is one step

    def entries(self, count=None):
        found = dict(self.durable)
        for step in self.pending[:count]:
            for name, entry in step:
                if entry is None:
                    found.pop(name, None)
                else:
                    found[name] = entry
        return found

    def sync(self):
        self.durable, self.pending = self.entries(), []


class Disk:
    """What was done so far, and what a disk may hold of it."""

    def __init__(self, root):
        self.root, self.top, self.inodes, self.whole = root, Folder(), {}, {}

    def load(self, folder=None, path=None):
        """Takes what is in the root now as synced."""
        folder, path = folder or self.top, path or self.root
        for entry in os.scandir(path):
            if entry.is_dir(follow_symlinks=False):
                folder.durable[entry.name] = Folder()
                self.load(folder.durable[entry.name], entry.path)
            else:
                with open(entry.path, "rb") as file:
                    folder.durable[entry.name] = self.inodes[entry.inode()] = File(file.read())

    def folder_of(self, path):
        folder = self.top
        parts = [part for part in os.path.relpath(path, self.root).split("/") if part != "."]
        for part in parts[:-1]:
            folder = folder.entries()[part]
        return folder, parts[-1] if parts else None

    def find(self, path):
        folder, name = self.folder_of(path)
        return folder.entries().get(name) if name else folder

    def step(self, kind, a, b, path, other, data):
        if kind == "?":
            raise SystemExit(f"{path}: it is written in a way that is not recorded")
        if kind == "w":
            self.inodes[a].pending.append((b, data))
        elif kind == "t":
            self.inodes[a].pending.append((b, None))
        elif kind == "s":
            self.inodes[a].sync()
        elif kind == "d":
            self.find(path).sync()
        elif kind in "nm":
            folder, name = self.folder_of(path)
            entry = File() if kind == "n" else Folder()
            folder.pending.append(((name, entry),))
            if kind == "n":
                self.inodes[a] = entry
        elif kind == "u":
            folder, name = self.folder_of(path)
            folder.pending.append(((name, None),))
        elif kind in "rl":
            (source, old), (folder, name) = self.folder_of(path), self.folder_of(other)
            entry = source.entries()[old]
            moved = ((name, entry), (old, None)) if kind == "r" else ((name, entry),)
            if source is folder:
                folder.pending.append(moved)
            else:
                folder.pending.append(moved[:1])
                source.pending.append(moved[1:])
            if isinstance(entry, File):
                relative = os.path.relpath(other, self.root)
                self.whole.setdefault(relative, set()).add(hash_of(entry.content()))

    def after(self, way, chance, folder=None, place=""):
        """{path: data, or None for a folder} of what the disk holds."""
        folder, found = folder or self.top, {}
        count = {"nothing": 0, "data": 0, "chance": chance.randint(0, len(folder.pending))}.get(way)
        for name, entry in folder.entries(count).items():
            path = os.path.join(place, name)
            if isinstance(entry, Folder):
                found[path] = None
                found.update(self.after(way, chance, entry, path))
                continue
            pending = len(entry.pending)
            if way in ("all", "data"):
                found[path] = entry.content()
            elif way in ("nothing", "names"):
                found[path] = entry.durable
            elif way == "zeros":
                found[path] = entry.content(zeros=True)
            elif way == "half":
                found[path] = entry.content(pending // 2, torn=pending > 0)
            else:
                found[path] = entry.content(chance.randint(0, pending), chance.random() < 0.3, chance.random() < 0.5)
        return found


def put(found, root):
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    for path, data in sorted(found.items()):
        if data is None:
            os.makedirs(os.path.join(root, path), exist_ok=True)
        else:
            with open(os.path.join(root, path), "wb") as file:
                file.write(data)


@functools.lru_cache(maxsize=256)
def hash_of(data):
    return hashlib.sha256(data or b"-").digest()


def digest(found):
    whole = hashlib.sha256()
    for path, data in sorted(found.items()):
        whole.update(f"{path}\0{-1 if data is None else len(data)}\0".encode() + hash_of(data))
    return whole.digest()


# ---- commands and their readers ----

class Command:
    """`prepare` fills the root with what is there before; `record` runs what is recorded; `look` finds faults in what a cut
    left without running anything; `read` runs xltune on it."""
    growing = ()   # names of files that grow in place, and of those that nobody reads after a cut

    def __init__(self, xltune, root):
        self.xltune, self.root = xltune, root

    def run(self, *arguments, env=None, seconds=120):
        child = subprocess.run([self.xltune, *arguments], cwd=self.root, env=env, stdin=subprocess.DEVNULL,
                               capture_output=True, timeout=seconds)
        return child.returncode, child.stderr.decode(errors="replace").strip().splitlines()[-1:]

    def must(self, *arguments, env=None):
        code, said = self.run(*arguments, env=env)
        if code:
            raise SystemExit(f"{arguments[0]}: an undisturbed run failed: {said}")

    def prepare(self):
        pass

    def look(self, found):
        return []

    def read(self, found):
        return []


class Convert(Command):
    name = "convert"
    arguments = ["convert", "--weights", "q8_0", "--out", "of/it"]

    def record(self, env):
        self.must(*self.arguments, env=env)
        self.wanted = self.bytes_of()

    def bytes_of(self):
        folder = os.path.join(self.root, "of/it")
        return {name: open(os.path.join(folder, name), "rb").read() for name in os.listdir(folder)}

    def read(self, found):
        if self.run("info", "--model", "of/it")[0] == 0:
            left = self.bytes_of()
            left.pop("conversion.json", None)
            if left != self.wanted:
                return ["it loads as a checkpoint, and is not whole"]
        code, said = self.run(*self.arguments)
        if code and "conversion.json" not in found.get("of/it", ()) and said and "not empty" in said[0] and \
                self.run("info", "--model", "of/it")[0] == 0:
            return []
        if code:
            return [f"the same command does not continue it: {said}"]
        return [] if self.bytes_of() == self.wanted else ["continued, it has other bytes"]


class State(Command):
    name = "saved state"

    def prepare(self):
        self.must("generate", "--prompt", "Once", "-n", "2", "--save-state", "state")

    def record(self, env):
        self.must("generate", "--prompt", PROMPT, "-n", "4", "--save-state", "state", env=env)

    def look(self, found):
        return [] if "state" in found else ["neither the old state nor the new one is there"]

    def read(self, found):
        code, said = self.run("generate", "--load-state", "state", "--prompt", " it", "-n", "1")
        return [f"the state cannot be loaded: {said}"] if code else []


class Optimize(Command):
    name = "optimize"
    growing = ("trials.jsonl", "summary.csv")
    arguments = ["optimize", "--prompt", PROMPT, "--new", "2", "--mode", "random", "--trials", "5", "--repeats", "1",
                 "--seed", "7", "--tune", "chunk_size=16|32|48|64,heads_per_band=1|2", "--effort", "quick",
                 "--log-dir", "logs/runs", "--best-dir", "best", "--tag", "it"]

    def record(self, env):
        self.must(*self.arguments, env=env)
        runs = os.path.join(self.root, "logs/runs")
        self.run_folder = os.path.join("logs/runs", [name for name in os.listdir(runs) if name.endswith("_it")][0])
        self.wanted = self.points()

    def points(self):
        with open(os.path.join(self.root, self.run_folder, "trials.jsonl")) as file:
            rows = [json.loads(line) for line in file]
        with open(os.path.join(self.root, self.run_folder, "summary.csv")) as file:
            if len(list(csv.reader(file))) != len(rows) + 1:
                raise SystemExit("summary.csv and trials.jsonl have not the same rows")
        return [json.dumps(row["params"], sort_keys=True) for row in rows]

    def look(self, found):
        meta = found.get(os.path.join(self.run_folder, "run_meta.json"))
        if meta is None:
            if found.get(os.path.join(self.run_folder, "best.json")) is not None:
                yield "a best.json without a run"
            return
        place = tempfile.mkdtemp(prefix="xltune-cut.")
        try:
            for tail in ("", "-wal", "-journal"):
                data = found.get(os.path.join(self.run_folder, "study.sqlite" + tail))
                if data is not None:
                    with open(os.path.join(place, "study.sqlite" + tail), "wb") as file:
                        file.write(data)
            study = sqlite3.connect(os.path.join(place, "study.sqlite"))
            try:
                rows = study.execute("SELECT id, result, state FROM run WHERE uid = ?", [json.loads(meta)["uid"]]).fetchall()
                trials = {row[0] for row in study.execute("SELECT number FROM trial")} if rows else set()
            finally:
                study.close()
        except sqlite3.Error as why:
            yield f"run_meta.json speaks of a run, and the study of it cannot be read: {why}"
            return
        finally:
            shutil.rmtree(place)
        if not rows:
            yield "run_meta.json speaks of a run that the study does not have"
        best = found.get(os.path.join(self.run_folder, "best.json"))
        if rows and best is not None:
            best = json.loads(best)
            if "trial" in best and best["trial"] not in trials:
                yield f"best.json speaks of trial {best['trial']}, which the study does not have"
            if best.get("final") and not json.loads(rows[0][1] or "{}").get("final"):
                yield "best.json has a verdict, and the study has none"
        if any(path.startswith("best/") and path.endswith("_latest.json") for path in found) and best is None:
            yield "a snapshot of a run without a result"

    def read(self, found):
        if os.path.join(self.run_folder, "run_meta.json") not in found:
            code, said = self.run(*self.arguments[:-1], "again")
            if code:
                return [f"the command cannot be run again: {said}"]
            left = [name for name in os.listdir(os.path.join(self.root, "logs/runs")) if name.endswith("_it")]
            return [f"what never began is left: {left}"] if left else []
        code, said = self.run("explain", self.run_folder)
        if code not in (0, 1) or (code and "no trial" not in " ".join(said)):
            return [f"explain: exit code {code}: {said}"]
        code, said = self.run("optimize", "--resume", self.run_folder)
        if code:
            return [f"it cannot be resumed: {said}"]
        return [] if self.points() == self.wanted else ["resumed, it has other points"]


class SaveOutputs(Command):
    name = "save-outputs"

    def prepare(self):
        self.must(*Optimize.arguments[:-1], "it")
        runs = os.path.join(self.root, "logs/runs")
        self.run_folder = os.path.join("logs/runs", os.listdir(runs)[0])

    def record(self, env):
        self.must("save-outputs", "--run", self.run_folder, "--new", "2", env=env)
        self.must("judge", "--run", self.run_folder, "--prompt", PROMPT, env=env)

    def read(self, found):
        code, said = self.run("save-outputs", "--run", self.run_folder, "--new", "2")
        if not code:
            code, said = self.run("judge", "--run", self.run_folder, "--prompt", PROMPT)
        return [f"it cannot be done again: {said}"] if code else []


class Serve(Command):
    name = "serve"
    flags = ["--sessions", "sessions", "--cache-dir", "cache"]

    def talk(self, env=None):
        here = os.getcwd()
        os.chdir(self.root)
        try:
            with running.Server(self.xltune, *self.flags, env=env) as server:
                for text in (PROMPT, " so", " it"):
                    status, _, said = server.ask("/v1/completions", {"prompt": text, "max_tokens": 2, "session_id": "one",
                                                                     "temperature": 0})
                    if status != 200:
                        raise AssertionError(f"{status}: {said}")
        finally:
            os.chdir(here)

    def record(self, env):
        self.talk(env)

    def read(self, found):
        try:
            self.talk()
        except (AssertionError, RuntimeError) as why:
            return [f"the server does not go on with it: {why}"]
        return []


COMMANDS = [State, Convert, Optimize, SaveOutputs, Serve]


# ---- cutting ----

def spread(total, most):
    if most == 0 or total <= most:
        return list(range(total + 1))
    return sorted({round(i * total / (most - 1)) for i in range(most)})


def is_free(command, path):
    """Whether a file may be anything in between: what grows, SQLite's own, and what is written aside."""
    name = os.path.basename(path)
    return name in command.growing or name.endswith(DATABASE) or (name.startswith("xltune-") and name.endswith(".tmp"))


def look(command, disk, before, found, at_end, everything):
    for path, data in found.items():
        if data is None or is_free(command, path) or path not in disk.whole:
            continue
        if hash_of(data) not in disk.whole[path] and data != before.get(path):
            yield f"{path} is neither old nor new ({len(data)} bytes)"
    if at_end:
        def lasting(what):
            return {k: v for k, v in what.items()
                    if not k.endswith(DATABASE) and not (os.path.basename(k).startswith("xltune-") and k.endswith(".tmp"))}
        mine, whole = lasting(found), lasting(everything)
        for path in sorted(set(mine) | set(whole)):
            if mine.get(path, 0) != whole.get(path, 0):
                yield f"it was reported as done, and {path} may be lost"
    yield from command.look(found)


def cut(command, operations, disk, options, chance):
    """(folders looked at, those in which xltune was run, faults)"""
    before = disk.after("all", chance)
    points, seen, faults, chosen, run = set(spread(len(operations), options.most)), set(), [], [], 0

    def read(at, way, found):
        put(found, command.root)
        faults.extend((at, way, fault) for fault in command.read(found))

    for at in range(len(operations) + 1):
        everything = disk.after("all", chance) if at in points else None
        for way in WAYS if at in points else ():
            found = disk.after(way, chance)
            mark = digest(found), at == len(operations)
            if mark in seen:
                continue
            seen.add(mark)
            faults.extend((at, way, fault) for fault in look(command, disk, before, found, at == len(operations), everything))
            if options.readers == 0:
                run += 1
                read(at, way, found)
            elif len(chosen) < options.readers:
                chosen.append((at, way, found))
            elif (place := chance.randrange(len(seen))) < options.readers:
                chosen[place] = (at, way, found)
        if at < len(operations):
            disk.step(*operations[at])
    for at, way, found in chosen:
        read(at, way, found)
    return len(seen), run + len(chosen), faults


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("xltune")
    parser.add_argument("recorder")
    parser.add_argument("--most", type=int, default=60)
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--only")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--csv")
    options = parser.parse_args()
    place = os.path.realpath(tempfile.mkdtemp(prefix="xltune-power."))
    rows, bad = [], 0
    try:
        for kind in COMMANDS:
            if options.only and kind.name != options.only:
                continue
            root, log = os.path.join(place, "root"), os.path.join(place, "log")
            shutil.rmtree(root, ignore_errors=True)
            os.makedirs(root)
            if os.path.exists(log):
                os.remove(log)
            command = kind(os.path.abspath(options.xltune), root)
            command.prepare()
            disk = Disk(root)
            disk.load()
            command.record(dict(os.environ, LD_PRELOAD=os.path.abspath(options.recorder), RECORD_ROOT=root, RECORD_LOG=log))
            operations = read_record(log) if os.path.exists(log) else []
            if not operations:
                sys.exit(f"{command.name}: nothing was recorded")
            looked, run, faults = cut(command, operations, disk, options, random.Random(options.seed))
            for at, way, fault in faults:
                print(f"FAULT {command.name}: cut after {at} of {len(operations)} ({way}): {fault}", flush=True)
            print(f"{command.name:13} {len(operations):6} operations, {looked:6} folders looked at, {run:5} of them read by "
                  f"xltune, {len(faults)} faults", flush=True)
            rows.append([command.name, len(operations), looked, run, len(faults)])
            bad += len(faults)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if options.csv:
        with open(options.csv, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["command", "operations", "folders", "read", "faults"])
            writer.writerows(rows)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
