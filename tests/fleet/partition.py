#!/usr/bin/env python3
"""A search in which the network parts two agents from the database for longer than their lease, several times, and
heals: nothing is lost, nothing counts twice, the other agent goes on meanwhile, and the two come back.

usage: tests/fleet/partition.py XLTUNE [CUTS]      exits 77 where no PostgreSQL server is installed, or where the user may
                                                not make network namespaces (root may)
"""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import accidents  # noqa: E402
import postgres  # noqa: E402

TRIALS = 150  # more than three agents do before the second cut, so that work is left for the one that is not cut off
LEASE_S = 2
SERVER, AGENT = "10.99.7.1", "10.99.7.2"
SEARCH = ["--target", "exec", "--mode", "random", "--trials", str(TRIALS), "--effort", "quick", "--lease", f"{LEASE_S}s",
          "--space", json.dumps({"ms": [3, 2, 1], "other": list(range(60))}), "--seed", "5"]
COMMAND = ["--", "sh", "-c", "sleep 0.0{ms} # {other}"]


def ip(*words):
    subprocess.run(["ip", *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class Network:
    """Two namespaces joined by a cable: `here`, in which this test goes on, and `there`."""

    def __init__(self):
        self.here, self.there = (f"xltune-{os.getpid()}-{side}" for side in "ab")

    def build(self):
        for name in (self.here, self.there):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", self.here, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", self.there)
        for name, address in ((self.here, SERVER), (self.there, AGENT)):
            ip("-n", name, "address", "add", address + "/24", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")

    def remove(self):
        for name in (self.here, self.there):
            subprocess.run(["ip", "netns", "delete", name], check=False, stderr=subprocess.DEVNULL)


def cut(network, change):
    """Packets disappear in both directions (change: add), or no longer (del)."""
    ip("-n", network[0], "route", change, "blackhole", AGENT + "/32")
    ip("-n", network[1], "route", change, "blackhole", SERVER + "/32")


def arrived(server):
    """Waits until all that came from the other side before the cut is read and done, as far as can be seen."""
    quiet, until = 0, time.monotonic() + accidents.LIMIT_S
    while quiet < 3 and time.monotonic() < until:
        time.sleep(0.05)
        lines = subprocess.run(["ss", "-Htn", "src", SERVER, "dst", AGENT], stdout=subprocess.PIPE, text=True, check=True).stdout
        busy = any(line.split()[1] != "0" for line in lines.splitlines())
        busy = busy or server.sql(f"SELECT count(*) FROM pg_stat_activity WHERE client_addr = '{AGENT}' AND state = 'active'") != "0"
        quiet = 0 if busy else quiet + 1


def done_by(server, nodes):
    """How many tasks the agents with these names of their own have done."""
    listed = ", ".join(f"'{n}'" for n in nodes)
    return int(server.sql(f"SELECT count(*) FROM xltune.task WHERE state = 'done' AND substr(node, 1, 8) IN ({listed})",
                          "parted"))


def expect(name, ok, seen, failures):
    print(("ok    " if ok else "FAIL  ") + name, flush=True)
    if not ok:
        failures.append(name)
        print("      " + str(seen)[-3000:])


def inside(xltune, cuts, network):
    failures, began = [], time.monotonic()
    accidents.TRIALS = TRIALS
    with tempfile.TemporaryDirectory(prefix="xltune-parted-") as folder, postgres.Server(address=SERVER) as server:
        server.sql("CREATE DATABASE parted")
        study = f"postgresql://test@{SERVER}:{server.port}/parted?tcp_user_timeout=1500&connect_timeout=2"
        logs = [open(os.path.join(folder, name), "w+", encoding="utf-8") for name in ("proposer", "near", "far1", "far2")]

        def start(log, *words):
            return subprocess.Popen(words, cwd=folder, env=server.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def text(log):  # a seek would move the place where the process writes
            return os.pread(log.fileno(), 1 << 24, 0).decode(errors="replace")
        agent = [xltune, "agent", "--study", study, "--patience", "60s"]
        everyone = [start(logs[0], xltune, "optimize", "--study", study, "--agents", "3", *SEARCH, *COMMAND),
                    start(logs[1], *agent)]
        everyone += [start(log, "ip", "netns", "exec", network[1], *agent) for log in logs[2:]]
        try:
            while server.sql("SELECT to_regclass('xltune.task') IS NOT NULL", "parted") != "t" or int(server.sql(
                    "SELECT count(*) FROM xltune.task WHERE state = 'done'", "parted")) < 3:
                if everyone[0].poll() is not None or time.monotonic() - began > accidents.LIMIT_S:
                    raise RuntimeError("the search does not begin: " + text(logs[0]))
                time.sleep(0.05)
            while not all("(" in text(log) for log in logs[1:]) and everyone[0].poll() is None:
                time.sleep(0.05)
            far = [text(log).split("(")[1][:8] for log in logs[2:]]
            near = text(logs[1]).split("(")[1][:8]
            went_on, seen = 0, []
            for _ in range(cuts):
                time.sleep(random.uniform(0.3, 1))
                cut(network, "add")
                arrived(server)
                before = done_by(server, [near]), done_by(server, far)
                time.sleep(LEASE_S + random.uniform(1, 2))
                during = done_by(server, [near]), done_by(server, far)
                # On a slow machine a task takes longer than that; those that are cut off try for a minute to come back.
                until = time.monotonic() + 30
                while during[0] == before[0] and everyone[0].poll() is None and time.monotonic() < until:
                    time.sleep(0.1)
                    during = done_by(server, [near]), done_by(server, far)
                cut(network, "del")
                went_on += during[0] > before[0]
                seen.append((before, during))
                expect("nothing comes from the agents that are cut off", during[1] == before[1], (before, during), failures)
            healed = done_by(server, far)
            code = everyone[0].wait(timeout=2 * accidents.LIMIT_S)
            for agent in everyone[1:]:
                agent.wait(timeout=accidents.LIMIT_S)
            said = "\n".join(text(log) for log in logs)
            expect("the search ends", code == 0 and all(a.returncode == 0 for a in everyone), said, failures)
            expect("the agent that is not cut off goes on", went_on > 0, f"{said}\n{seen}", failures)
            expect("the others come back", done_by(server, far) > healed, said, failures)
            wrong = accidents.check("postgresql:///parted", server)
            expect("nothing is lost and nothing counts twice", not wrong, (wrong, said), failures)
        finally:
            for p in everyone:
                if p.poll() is None:
                    p.kill()
                    p.wait()
            for log in logs:
                log.close()
    print(f"{len(failures)} failed, {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


def main():
    if len(sys.argv) > 2 and sys.argv[1] == "--inside":
        return inside(sys.argv[2], int(sys.argv[3]), sys.argv[4:6])
    if not postgres.programs():
        print("skipped: no PostgreSQL server is installed")
        return 77
    if not shutil.which("ip") or not shutil.which("ss"):
        print("skipped: the programs ip and ss (iproute2) are not installed")
        return 77
    network = Network()
    try:
        network.build()
    except subprocess.CalledProcessError as e:
        network.remove()
        print("skipped: no network namespace can be made here: " + e.stdout.decode().strip().replace("\n", " "))
        return 77
    try:
        return subprocess.run(["ip", "netns", "exec", network.here, sys.executable, os.path.abspath(__file__), "--inside",
                               os.path.abspath(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "2", network.here,
                               network.there], check=False).returncode
    finally:
        network.remove()


if __name__ == "__main__":
    sys.exit(main())
