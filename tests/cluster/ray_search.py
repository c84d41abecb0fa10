#!/usr/bin/env python3
"""ray_search.py XLTUNE VENV [--rounds N] [--seed S]: whole searches with the real parts, all on this machine: a PostgreSQL
server that wants a password, a Ray cluster of one head and three nodes, and `xltune optimize --backend ray`. In each round
something is killed at a random moment: an agent, the process of Ray that runs it, a node, the head's job server, or the
database. The search must end with every trial measured, once. Then: Ctrl-C, kill -9, and that the password is in no job, no
log, no list of processes and no run folder. VENV is what tools/ray_venv.sh made."""
import argparse
import glob
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from one_machine import Cluster, kill, parent_of, say, wait_for, words_of
from postgres import Server, programs

parser = argparse.ArgumentParser()
parser.add_argument("xltune")
parser.add_argument("venv")
parser.add_argument("--rounds", type=int, default=10)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()
random.seed(options.seed)
XLTUNE = os.path.abspath(options.xltune)
PASSWORD = "s3cret-Pa55word"
if not programs():
    print("skipped: no PostgreSQL server is installed")
    sys.exit(77)


def must(condition, what, *more):
    if not condition:
        print(*more)
        raise SystemExit("FAIL: " + what)


class Search:
    """An optimize that sleeps at each point, so that the nodes do not disturb each other on two processors. The last two
    fifths of its points wait for `finish`, since Ray may need longer for an accident than the search for its points."""

    def __init__(self, test, trials, *more):
        self.test = test
        self.folder = tempfile.mkdtemp(prefix="search-", dir=test.work)
        self.said = os.path.join(self.folder, "said")
        address = f"postgresql://test:{PASSWORD}@127.0.0.1:{test.server.port}/study"
        space = {"n": list(range(100, 100 + trials))}
        self.gate = os.path.join(self.folder, "gate")
        command = f"until [ {{n}} -lt {100 + 3 * trials // 5} ] || [ -e {self.gate} ]; do sleep 0.1; done; sleep 0.{{n}}"
        with open(self.said, "w", encoding="utf-8") as said:
            self.child = subprocess.Popen(
                [XLTUNE, "optimize", "--backend", "ray", "--ray-address", test.cluster.address, "--study", address, "--ship",
                 test.pgpass, "--mode", "grid", "--repeats", "1", "--effort", "quick", "--seed", "1",
                 "--target", "exec", "--time-limit", "1h", "--space", json.dumps(space), *more, "--", "sh", "-c", command],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        test.searches.append(self)

    def finish(self):
        with open(self.gate, "w", encoding="utf-8"):
            pass

    def text(self):
        with open(self.said, encoding="utf-8") as f:
            return f.read()

    def wait(self, seconds, *codes):
        try:
            code = self.child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            code = "none"
        must(code in codes, f"the exit code of optimize is {code}, wanted {codes}", self.text())

    def trials(self):
        lines = []
        for path in glob.glob(self.folder + "/runs/*/trials.jsonl"):
            with open(path, encoding="utf-8") as f:
                lines += [json.loads(line) for line in f]
        return lines


class Test:
    def __init__(self, cluster, server):
        self.cluster, self.server, self.searches = cluster, server, []
        self.work = cluster.work
        self.pgpass = os.path.join(self.work, ".pgpass")
        with open(self.pgpass, "w", encoding="utf-8") as f:
            f.write(f"127.0.0.1:*:*:test:{PASSWORD}\n")
        os.chmod(self.pgpass, 0o600)
        self.leaks = set()

    def agents(self):
        """address -> process of the agent there."""
        found = {}
        for pid, words in self.cluster.processes():
            if words[0].endswith("xltune") and words[1:2] == ["agent"]:
                try:
                    if words_of(parent_of(pid)) == words:
                        continue  # the guard of a command, which is a fork of the agent
                    found[self.cluster.node_of(pid)] = pid
                except OSError:
                    pass
        found.pop(None, None)  # what has lost its node is about to end
        return found

    def look_for_leaks(self):
        """The password in the list of processes, or in what Ray shows of jobs."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if PASSWORD in " ".join(words_of(pid)):
                    self.leaks.add("process " + " ".join(words_of(pid)).replace(PASSWORD, "***"))
            except OSError:
                pass
        try:
            if PASSWORD in json.dumps(self.cluster.ask("/api/jobs/")):
                self.leaks.add("/api/jobs/")
        except OSError:
            pass

    def look_for_leaks_in_files(self):
        for folder, _, names in os.walk(self.work):
            for name in names:
                if name == ".pgpass" or name.startswith("_ray_pkg"):
                    continue
                try:
                    with open(os.path.join(folder, name), "rb") as f:
                        if PASSWORD.encode() in f.read():
                            self.leaks.add(os.path.join(folder, name))
                except OSError:
                    pass

    def kill_database(self, _ip, _pid):
        self.server.kill()
        time.sleep(random.uniform(0, 3))
        self.server.start()
        return True

    def three(self, search, ip=None, lost=None):
        """Waits until every node has an agent, that on node `ip` another than the process `lost`."""
        def whole():
            agents = self.agents()
            return (len(agents) == 3 and (lost is None or agents[ip] != lost)) or search.child.poll() is not None

        wait_for("every node has an agent", whole, 400, lambda: print(search.text()))
        must(search.child.poll() in (None, 0), "the search has failed", search.text())

    def accidents(self):
        trials = 40 + 40 * options.rounds
        search = Search(self, trials)
        self.three(search)
        say("every node has an agent")
        bag, done = [], 0
        while done < options.rounds and search.child.poll() is None:
            bag = bag or random.sample([*self.cluster.accidents(), self.kill_database], len(self.cluster.accidents()) + 1)
            accident = bag.pop()
            time.sleep(random.uniform(0, 3))
            agents = self.agents()
            if not agents:
                continue
            ip = random.choice(sorted(agents))
            self.look_for_leaks()
            began = time.monotonic()
            lives = accident(ip, agents[ip])
            self.three(search, ip, None if lives else agents[ip])
            done += 1
            say(f"round {done}: {accident.__name__} {ip}: whole again after {time.monotonic() - began:.1f} s, "
                f"{len(search.trials())} trials done")
        search.finish()
        search.wait(1800, 0)
        print(search.text())
        must(done == options.rounds, f"the search ended after {done} rounds")
        found = sorted(t["params"]["n"] for t in search.trials())
        must(found == list(range(100, 100 + trials)), "nothing lost, nothing twice", found)
        bad = [t for t in search.trials() if t["status"] != "ok"]
        must(not bad, "every trial is measured", bad)
        wait_for("all agents have ended", lambda: not self.agents(), 120)
        say(f"a search of {trials} trials went through {done} accidents")

    def interrupted(self):
        search = Search(self, 300)
        self.three(search)
        search.child.send_signal(signal.SIGINT)
        search.wait(300, 130)
        # Without it they would end by themselves after a minute.
        wait_for("Ctrl-C ends the agents", lambda: not self.agents(), 40)
        say("Ctrl-C: agents ended")
        search = Search(self, 300)
        self.three(search)
        began = time.monotonic()
        kill(search.child.pid)
        search.wait(60, -9)
        wait_for("agents of a killed search end", lambda: not self.agents(), 400, lambda: print(search.text()))
        say(f"kill -9: agents ended by themselves after {time.monotonic() - began:.0f} s")

    def wrong(self):
        """A node that cannot do it is named."""
        search = Search(self, 20, "--nodes", "1", "--resources", '{"GPU": 1}')
        wait_for("it says what it waits for", lambda: re.search(
            r'waiting for 1 more node with {"GPU": 1}: the cluster has 0 that would do', search.text()), 200,
            lambda: print(search.text()))
        search.child.send_signal(signal.SIGTERM)
        search.wait(300, 143)

    def run(self):
        self.cluster.start_nodes()
        self.accidents()
        self.interrupted()
        self.wrong()
        self.look_for_leaks()
        self.look_for_leaks_in_files()
        must(not self.leaks, "the password is seen", *self.leaks)

    def close(self):
        for search in self.searches:
            if search.child.poll() is None:
                search.child.kill()
                search.child.wait()


with Server(password=PASSWORD) as database, Cluster(options.venv) as ray:
    database.sql("CREATE DATABASE study")
    test = Test(ray, database)
    try:
        test.run()
    finally:
        test.close()
print("1 passed, 0 failed")
