#!/usr/bin/env python3
"""An agent that is killed on the machine of the proposing process does not keep its task until its lease ends, on either
database.

usage: tests/fleet/killed.py XLTUNE        exits 77 where the system does not tell of its processes
"""
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import postgres  # noqa: E402

LIMIT_S = float(os.environ.get("TEST_LIMIT_S", 300))  # for what hangs; a busy machine may take long
LEASE_S = 10 * LIMIT_S
SEARCH = ["--agents", "1", "--target", "exec", "--mode", "grid", "--effort", "quick", "--repeats", "1", "--lease", f"{LEASE_S:.0f}s",
          "--time-limit", f"{LEASE_S:.0f}s", "--space", json.dumps({"n": [1, 2]})]
# Until the first agent is dead, setting 2 takes for ever.
COMMAND = ["--", "sh", "-c", "until [ {n} = 1 ] || [ -e dead ]; do sleep 0.1; done"]


def wait_for(condition):
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until and not condition():
        time.sleep(0.05)
    return condition()


def search(xltune, folder, study, rows, environment):
    """What is wrong, as a sentence; None: nothing."""
    log = open(os.path.join(folder, "log"), "w+", encoding="utf-8")
    everyone = []

    def begin(*words):
        everyone.append(subprocess.Popen([xltune, *words], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                                         stderr=log))
        return everyone[-1]
    proposer = begin("optimize", "--study", study, *SEARCH, *COMMAND)
    first = begin("agent", "--study", study)
    try:
        if not wait_for(lambda: rows("SELECT number FROM task WHERE state = 'claimed' AND number = 1")):
            return "no agent has claimed setting 2"
        first.kill()
        first.wait()
        open(os.path.join(folder, "dead"), "w", encoding="utf-8").close()
        begun = time.monotonic()
        second = begin("agent", "--study", study)
        codes = [p.wait(timeout=2 * LIMIT_S) for p in (proposer, second)]
        if codes != [0, 0]:
            return f"exit codes {codes}"
        print(f"      {time.monotonic() - begun:.1f} s after its death the search has ended")
        turns = rows("SELECT turn FROM task WHERE work = 'trial' AND number = 1 AND state = 'done'")
        return None if [int(t) for t, in turns] == [2] else f"turns {turns}, wanted 2"
    except subprocess.TimeoutExpired:
        return f"no end within {2 * LIMIT_S:.0f} s, although the lease of the dead lasts {LEASE_S:.0f}"
    finally:
        for p in everyone:
            if p.poll() is None:
                p.kill()
                p.wait()
        log.seek(0)
        said = log.read()
        log.close()
        if sys.exc_info()[0]:
            print(said[-3000:])


def main():
    if not os.path.exists("/proc/self/ns/pid"):
        print("skipped: this system does not tell of its processes")
        return 77
    xltune, failed = os.path.abspath(sys.argv[1]), 0

    def tell(name, wrong):
        print(("FAIL  " if wrong else "ok    ") + name + (f": {wrong}" if wrong else ""), flush=True)
        return bool(wrong)
    with tempfile.TemporaryDirectory(prefix="xltune-killed-") as folder:
        study = os.path.join(folder, "study.sqlite")

        def of_file(sql):
            with contextlib.suppress(sqlite3.OperationalError), \
                    contextlib.closing(sqlite3.connect(f"file:{study}?mode=ro", uri=True, timeout=60)) as db:
                return db.execute(sql).fetchall()
            return []  # it is being made
        failed += tell("in a file", search(xltune, folder, study, of_file, os.environ))
    if postgres.programs():
        with tempfile.TemporaryDirectory(prefix="xltune-killed-") as folder, postgres.Server() as server:
            server.sql("CREATE DATABASE one")

            def of_server(sql):
                if server.sql("SELECT to_regclass('xltune.task') IS NOT NULL", "one") != "t":
                    return []
                return [tuple(line.split("|")) for line in server.sql("SET search_path = xltune; " + sql, "one").splitlines()]
            failed += tell("on a server", search(xltune, folder, "postgresql:///one", of_server, server.environment))
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
