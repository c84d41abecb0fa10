#!/usr/bin/env python3
"""Searches by a fleet in which something dies at a random moment: an agent, the database, or the proposing process.
Nothing may be lost, nothing may count twice, and every search must end.

usage: tests/fleet/accidents.py XLTUNE [ROUNDS] [--sqlite] [--seed N]     exits 77 where no PostgreSQL server is installed
"""
import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import postgres  # noqa: E402

TRIALS = 12
SPACE = {"ms": [6, 5, 4, 3, 2], "other": list(range(8))}
SEARCH = ["--target", "exec", "--mode", "random", "--trials", str(TRIALS), "--effort", "quick",
          "--lease", "2s", "--space", json.dumps(SPACE), "--seed", "7"]
LIMIT_S = float(os.environ.get("TEST_LIMIT_S", 300))  # for what hangs; a busy machine may take long
COMMAND = ["--", "sh", "-c", "sleep 0.00{ms} # {other}"]


class Round:
    def __init__(self, xltune, study, folder, server):
        self.xltune, self.study, self.folder, self.server = xltune, study, folder, server
        self.environment = dict(os.environ, **({} if server is None else server.environment))
        self.agents, self.begun = [], 0
        self.log = open(os.path.join(folder, "log"), "w+", encoding="utf-8")
        self.proposer = self.begin("optimize", "--agents", "1", *SEARCH, "--log-dir", folder + "/runs", *COMMAND)
        for _ in range(3):
            self.add_agent()

    def begin(self, command, *arguments):
        if command == "optimize":
            arguments = ("--study", self.study, *arguments) if "--resume" not in arguments else arguments
        else:
            arguments = ("--study", self.study, *arguments)
        self.begun += 1
        name = f"xltune{self.begun}"
        process = subprocess.Popen([self.xltune, command, *arguments], cwd=self.folder, env=dict(self.environment, PGAPPNAME=name),
                                   stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        process.connected_as = name
        return process

    def add_agent(self):
        self.agents.append(self.begin("agent", "--patience", "30s"))

    def await_connections(self):
        """A program that begins while there is no server says so and ends; what is tried here is one that loses it. Each has
        its own name at the server, where a connection of one that was killed may last a little longer than itself."""
        until = time.monotonic() + LIMIT_S
        sql = ("SELECT application_name FROM pg_stat_activity WHERE datname = '" + self.name() + "' AND query <> '' AND "
               "NOT (state = 'active' AND query LIKE 'SET search_path%')")
        while time.monotonic() < until:
            connected = self.server.sql(sql).split()
            if all(p.connected_as in connected for p in [self.proposer, *self.agents] if p.poll() is None):
                return
            time.sleep(0.05)

    def name(self):
        return self.study.rsplit("/", 1)[1]

    def accident(self, kind):
        if kind == "agent":
            victim = random.choice(self.agents)
            victim.kill()
            victim.wait()
            self.agents.remove(victim)
            self.add_agent()
        elif kind == "database":
            self.await_connections()
            self.server.kill()
            time.sleep(random.uniform(0, 0.5))
            self.server.start()
        else:
            self.proposer.kill()
            self.proposer.wait()
            runs = os.path.join(self.folder, "runs")
            begun = [r for r in (os.listdir(runs) if os.path.isdir(runs) else [])
                     if os.path.exists(os.path.join(runs, r, "run_meta.json"))]
            if begun:
                self.proposer = self.begin("optimize", "--resume", os.path.join(runs, begun[0]))
            else:  # killed before a run began: the user begins again
                self.proposer = self.begin("optimize", "--agents", "1", *SEARCH, "--log-dir", runs, *COMMAND)

    def finish(self):
        """Agents of a search that is gone end; where all have ended another one is begun, as who looks after them would."""
        until, seen = time.monotonic() + 2 * LIMIT_S, time.monotonic()
        while self.proposer.poll() is None:
            now = time.monotonic()
            if now > until:
                raise subprocess.TimeoutExpired("optimize", 2 * LIMIT_S)
            if any(a.poll() is None for a in self.agents):
                seen = now
            elif now - seen > 5:
                self.add_agent()
            time.sleep(0.05)
        code = self.proposer.returncode
        for agent in self.agents:
            agent.wait(timeout=LIMIT_S)
        return code

    def output(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read()

    def close(self):
        for p in [self.proposer, *self.agents]:
            if p.poll() is None:
                p.kill()
                p.wait()


def rows_of(study, server, sql):
    if server is None:
        with sqlite3.connect(study) as db:
            return [tuple("" if v is None else str(v) for v in row) for row in db.execute(sql)]
    text = server.sql("SET search_path = xltune; " + sql, study.rsplit("/", 1)[1])
    return [tuple(line.split("|")) for line in text.splitlines()]


class Sample:
    COLUMNS = "id, trial, stage, block, process, seq, at, parts, value, used, causes, why"

    def __init__(self, row):
        self.text = dict(zip(self.COLUMNS.split(", "), row))
        self.trial, self.block, self.process, self.seq = (int(self.text[c]) for c in ("trial", "block", "process", "seq"))
        self.stage, self.used = self.text["stage"], self.text["used"] == "1"

    def key(self):
        """What two rows of one sample have in common. Samples of two agents may begin at the same time, to the last bit of a
        double (a quarter of a microsecond), and have the same value where a program prints few digits; but `parts` holds
        the seconds that each execution took, and `seq` is the agent's own count."""
        return tuple(v for c, v in self.text.items() if c != "id")

    def task(self):
        """What kind of task it belongs to, and which; the measurements of a trial in the playoff are taken together."""
        return ("process", self.process - 1) if self.stage == "final" else ("check" if self.stage == "check" else "trial", self.block)


def check_samples(samples, tasks):
    """What is wrong with the samples of a run, as sentences, and which rows are meant. `tasks` are rows of work, number,
    state, what, result."""
    wrong, meant, by_task, seen = [], [], {}, {}
    for s in samples:
        by_task.setdefault(s.task(), []).append(s)
        if s.key() in seen:
            wrong.append(f"a sample of trial {s.trial} is stored twice")
            meant += [seen[s.key()], s]
        seen.setdefault(s.key(), s)
    wanted, failed = {}, set()
    for work, number, state, what, result in tasks:
        if work == "trial" or state != "done":
            continue
        found, what = json.loads(result).get("result"), json.loads(what)
        key = (work, what["trial"] if work == "check" else int(number))
        if found:  # a block has four samples for each of its quads, and those that were not used are stored too
            wanted[key] = wanted.get(key, 0) + 4 * what["plan"]["quads"] * (found["blocks"] + found["disturbed"])
        else:  # on a machine that stands still a measurement may fail, and nobody knows how many samples it had
            failed.add(key)
    for key in sorted(set(wanted) | set(by_task)):
        rows = by_task.get(key, [])
        numbers = sorted(s.seq for s in rows)
        used = sum(s.used for s in rows)
        # An agent counts its samples, and those of a task are stored all together by one agent, or not at all.
        if key[0] != "check" and numbers != list(range(numbers[0], numbers[0] + len(numbers)) if numbers else []):
            wrong.append(f"{key[0]} {key[1]} has samples {numbers}, wanted those of one agent, each once")
            meant += rows
        if key[0] != "trial" and key not in failed and used != wanted.get(key, 0):
            wrong.append(f"{key[0]} {key[1]} has {used} samples in use, wanted {wanted.get(key, 0)}")
            meant += rows
    return wrong, meant


def result_run(study, server):
    runs = rows_of(study, server, "SELECT id FROM run WHERE result IS NOT NULL ORDER BY id")
    return runs[-1][0] if runs else None


def samples_of(study, server, run):
    samples = [Sample(r) for r in rows_of(study, server, f"SELECT {Sample.COLUMNS} FROM sample WHERE run = {run} ORDER BY id")]
    return samples, rows_of(study, server, f"SELECT work, number, state, what, replace(result, '|', '/') FROM task WHERE run = {run}")


def check(study, server):
    """What is wrong with the study, as sentences."""
    run = result_run(study, server)
    if run is None:
        return ["no run has a result"]
    wrong = []
    numbers = [int(n) for n, in rows_of(study, server, f"SELECT number FROM trial WHERE run = {run} ORDER BY number")]
    if numbers != list(range(TRIALS)):
        wrong.append(f"trials {numbers}, wanted 0 to {TRIALS - 1}, each once")
    measured = rows_of(study, server, f"SELECT count(*) FROM trial WHERE run = {run} AND status = 'ok' AND samples < 1")
    if measured[0][0] != "0":
        wrong.append(f"{measured[0][0]} trials without a sample")
    samples, tasks = samples_of(study, server, run)
    bad, meant = check_samples(samples, tasks)
    nodes = dict(((w, n), node) for w, n, node in rows_of(study, server, f"SELECT work, number, node FROM task WHERE run = {run}"))
    for s in meant[:40]:
        work, number = s.task()
        print(" ", ", ".join(f"{c} {v}" for c, v in s.text.items()), "node", nodes.get((work, str(number)), "of the playoff"))
    wrong += bad[:5]
    stored = {s.task()[1] for s in samples if s.stage == "search"}
    empty = [n for n, in rows_of(study, server, f"SELECT number FROM trial WHERE run = {run} AND status = 'ok'") if int(n) not in stored]
    if empty:
        wrong.append(f"trials {empty} have no rows of samples")
    lost = rows_of(study, server, f"SELECT number, state FROM task WHERE run = {run} AND work = 'trial' AND state <> 'done'")
    if lost:
        wrong.append(f"tasks that are not done: {lost[:3]}")
    orphans = rows_of(study, server, "SELECT t.number FROM task t LEFT JOIN trial r ON r.run = t.run AND r.number = t.number "
                                     f"WHERE t.run = {run} AND t.work = 'trial' AND r.number IS NULL")
    if orphans:
        wrong.append(f"results without a trial: {orphans[:3]}")
    return wrong


def check_the_check(study, server):
    """Rows that are stored twice or lost must be found, of every stage, and those of two samples at one time must not."""
    wrong = []
    samples, tasks = samples_of(study, server, result_run(study, server))
    by_task = {}
    for s in samples:
        by_task.setdefault((s.stage, s.task()), []).append(s)
    counted = all(json.loads(result).get("result") for work, _, state, _, result in tasks if work == "check" and state == "done")
    for stage in ("search", "check", "final"):
        # One in the middle: an agent's other tasks begin where the last of one is lost.
        rows = next((r for (of, _), r in by_task.items() if of == stage and any(s.used for s in r[1:-1])), None)
        if not rows:  # a playoff that a single trial is left for has none
            continue
        used = next(s for s in rows[1:-1] if s.used)
        if not check_samples([*samples, used], tasks)[0]:
            wrong.append(f"a sample of stage {stage} that is stored twice is not found")
        if (stage != "check" or counted) and not check_samples([s for s in samples if s is not used], tasks)[0]:
            wrong.append(f"a sample of stage {stage} that is lost is not found")
        kept, before = dict(used.text), rows[rows.index(used) - 1]
        used.text.update({c: before.text[c] for c in ("trial", "at", "value")})
        if check_samples(samples, tasks)[0]:
            wrong.append(f"two samples of stage {stage} that began at one time are taken for one")
        used.text = kept
    return wrong


def keep(folder, study, server):
    """Keeps what is left of a round, for who looks for the reason."""
    if server is not None and os.access(os.path.join(server.bin, "pg_dump"), os.X_OK):
        with open(os.path.join(folder, "study.sql"), "wb") as f:
            subprocess.run([os.path.join(server.bin, "pg_dump"), study.rsplit("/", 1)[1]], env=server.environment, stdout=f,
                           check=False)
    print(f"kept in {folder}")


def play(xltune, number, server):
    folder, sound = tempfile.mkdtemp(prefix="xltune-fleet-"), False
    try:
        study = os.path.join(folder, "study.sqlite")
        kinds = ["agent", "proposer"]
        if server is not None:
            server.sql(f"CREATE DATABASE r{number}")
            study = f"postgresql:///r{number}"
            kinds.append("database")
        r = Round(xltune, study, folder, server)
        done = []
        try:
            for _ in range(random.randint(1, 3)):
                time.sleep(random.uniform(0.2, 2.5))
                done.append(random.choice(kinds))
                r.accident(done[-1])
            began = time.monotonic()
            code = r.finish()
            wrong = [f"the search ended with {code}"] if code else []
            wrong += check(study, server)
            wrong = wrong or check_the_check(study, server)
        except (subprocess.SubprocessError, sqlite3.Error) as e:
            wrong = [f"did not end, or has no study: {e}"]
        finally:
            r.close()
        text = r.output()
        r.log.close()
        print(("FAIL " if wrong else "") + f"round {number}: {', '.join(done)}: " + ("; ".join(wrong) if wrong else
              f"ok, {time.monotonic() - began:.1f} s after the last"), flush=True)
        if wrong:
            print(text[-4000:])
            keep(folder, study, server)
        sound = not wrong
    finally:
        if sound:
            shutil.rmtree(folder, ignore_errors=True)
    return sound


def main():
    p = argparse.ArgumentParser()
    p.add_argument("xltune")
    p.add_argument("rounds", nargs="?", type=int, default=10)
    p.add_argument("--sqlite", action="store_true")
    p.add_argument("--seed", type=int, default=None)
    a = p.parse_args()
    if not a.sqlite and not postgres.programs():
        print("skipped: no PostgreSQL server is installed")
        return 77
    seed = a.seed if a.seed is not None else random.SystemRandom().randrange(10 ** 6)
    print(f"seed {seed}")
    random.seed(seed)
    xltune = os.path.abspath(a.xltune)
    if a.sqlite:
        return 0 if all([play(xltune, i, None) for i in range(a.rounds)]) else 1
    with postgres.Server(["max_connections=50"]) as server:
        return 0 if all([play(xltune, i, server) for i in range(a.rounds)]) else 1


if __name__ == "__main__":
    sys.exit(main())
