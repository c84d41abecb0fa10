#!/usr/bin/env python3
"""ray_cluster.py AGENTS_MAIN VENV [--rounds N] [--seed S] [--only ACCIDENT]: agents on a real Ray cluster of one head and
three nodes, all on this machine. In each round something is killed at a random moment: an agent, the process of Ray that
runs it, a node, or the head's job server. After each, every node must have its agent again, and at no moment may a
machine have two. VENV is what tools/ray_venv.sh made.

A small program stands for xltune on the nodes: it takes a lock of its machine, writes when it began, and stays."""
import argparse
import os
import random
import subprocess
import sys
import time

from one_machine import Cluster, say, wait_for

parser = argparse.ArgumentParser()
parser.add_argument("agents_main")
parser.add_argument("venv")
parser.add_argument("--rounds", type=int, default=10)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--only", help="the name of one accident, kill_node")
options = parser.parse_args()
random.seed(options.seed)

STAND_IN = """#!{python}
import fcntl, os, signal, sys, time
if sys.argv[1:] == ["--version"]:
    sys.exit(0)
sys.path.insert(0, {here!r})
from one_machine import Cluster
ip = Cluster.node_of(os.getpid())
def record(what):
    with open("{work}/record", "a", encoding="utf-8") as f:
        f.write(f"{{what}} {{ip}} {{os.getpid()}} {{time.time()}}\\n")
lock = open("{work}/lock-" + ip, "w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    record("two")
    sys.exit("two agents on one machine")
record("began")
print("agent on", ip, *sys.argv[1:], flush=True)
signal.signal(signal.SIGTERM, lambda *_: (record("ended"), sys.exit(0)))
while True:
    time.sleep(0.2)
"""


def text_of(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return ""


class Test:
    def __init__(self, cluster):
        self.cluster = cluster
        self.program = os.path.join(cluster.work, "stand-in")
        with open(self.program, "w", encoding="utf-8") as f:
            f.write(STAND_IN.format(python=sys.executable, work=cluster.work, here=os.path.dirname(os.path.abspath(__file__))))
        os.chmod(self.program, 0o755)

    def record(self):
        return text_of(self.cluster.work + "/record").splitlines()

    def agents(self):
        """address -> process of the agent there."""
        found = {}
        for line in self.record():
            what, ip, pid, _ = line.split()
            if what == "began":
                found[ip] = int(pid)
        return {ip: pid for ip, pid in found.items() if os.path.exists(f"/proc/{pid}")}

    def tell(self):
        print(text_of(self.cluster.work + "/said"), *self.record(), sep="\n")
        for pid, words in self.cluster.processes():
            print(pid, " ".join(words)[:150])
        for name in sorted(os.listdir(self.cluster.work + "/agents")):
            print("==", name, text_of(os.path.join(self.cluster.work, "agents", name)), sep="\n")

    def rounds(self, child):
        accidents = [a for a in self.cluster.accidents() if options.only in (None, a.__name__)]
        bag = []
        for n in range(options.rounds):
            bag = bag or random.sample(accidents, len(accidents))
            accident, ip = bag.pop(), random.choice(self.cluster.nodes)
            time.sleep(random.uniform(0, 3))
            before, began = self.agents()[ip], time.monotonic()
            lives = accident(ip, before)
            wait_for(f"round {n + 1}: every node has an agent after {accident.__name__} {ip}",
                     lambda: len(self.agents()) == len(self.cluster.nodes) and (self.agents()[ip] == before) == lives, 120,
                     self.tell)
            say(f"round {n + 1}: {accident.__name__} {ip}: whole again after {time.monotonic() - began:.1f} s")
            if child.poll() is not None:
                raise SystemExit("FAIL: the agents were given up")

    def run(self):
        cluster = self.cluster
        with open(cluster.work + "/said", "w", encoding="utf-8") as said:
            child = subprocess.Popen([os.path.abspath(options.agents_main), cluster.address, "test", cluster.work + "/agents",
                                      self.program, "0", "agent", "--study", "postgresql://db/x"],
                                     stdin=subprocess.PIPE, stdout=said)
        try:
            cluster.start_nodes()
            wait_for("every node has an agent", lambda: len(self.agents()) == len(cluster.nodes), 90, self.tell)
            say("every node has an agent")
            self.rounds(child)
            began = time.monotonic()
            child.stdin.close()
            child.wait(timeout=60)
            wait_for("all agents have ended", lambda: not self.agents(), 10, self.tell)
            say(f"ended, after {time.monotonic() - began:.1f} s")
        finally:
            child.kill()
            child.wait()
        print(text_of(cluster.work + "/said"))
        twice = [line for line in self.record() if line.startswith("two")]
        if twice:
            raise SystemExit(f"FAIL: two agents on one machine: {twice}")
        logs = os.listdir(cluster.work + "/agents")
        if not all(any(name.startswith(ip + "-") for name in logs) for ip in cluster.nodes):
            raise SystemExit(f"FAIL: found logs {sorted(logs)}, wanted some of each node")


with Cluster(options.venv) as ray:
    Test(ray).run()
print("1 passed, 0 failed")
