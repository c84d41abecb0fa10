"""A real Ray cluster of one head and some nodes, all on this machine: 127.0.0.1 is the head, which does no work, and
127.0.0.2, 127.0.0.3, … are the nodes, of one CPU each. And the accidents that can happen to it."""
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

started = time.monotonic()
os.environ.update(no_proxy="127.0.0.1", NO_PROXY="127.0.0.1")


def say(*words):
    print(f"{time.monotonic() - started:6.1f}", *words, flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def words_of(pid):
    with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as f:
        return f.read().split("\0")


def parent_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        return int(f.read().rsplit(")", 1)[1].split()[1])


def wait_for(what, condition, seconds, on_failure=lambda: None):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (OSError, ValueError, http.client.HTTPException):  # a head that begins or ends in the middle of an answer
            pass
        time.sleep(0.2)
    on_failure()
    raise SystemExit(f"FAIL: {what}: not within {seconds} s")


class Cluster:
    def __init__(self, venv, nodes=3):
        self.ray = os.path.join(os.path.abspath(venv), "bin", "ray")
        self.nodes = [f"127.0.0.{2 + n}" for n in range(nodes)]
        # A short path: Ray makes sockets in it, whose paths have little room.
        self.work = tempfile.mkdtemp(prefix="xlray-", dir="/tmp")
        self.port, dashboard = free_port(), free_port()
        self.address = f"http://127.0.0.1:{dashboard}"
        self._start("--head", "--node-ip-address", "127.0.0.1", "--port", str(self.port), "--dashboard-host", "127.0.0.1",
                    "--dashboard-port", str(dashboard), "--num-cpus", "0", "--include-dashboard", "true", "--temp-dir",
                    self.work)
        say("head started")

    def _start(self, *words):
        command = [self.ray, "start", "--disable-usage-stats", "--object-store-memory", "80000000",
                   "--dashboard-agent-listen-port", str(free_port()), *words]
        # A dead node is noticed after some 6 seconds, in place of some 30.
        env = {**os.environ, "RAY_health_check_period_ms": "1000", "RAY_health_check_timeout_ms": "3000",
               "RAY_health_check_failure_threshold": "3"}
        for _ in range(3):  # on a busy machine Ray may lose patience with itself
            r = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
            if not r.returncode:
                return
            ip = words[words.index("--node-ip-address") + 1]
            for pid, found in list(self.processes()):
                if any(w in (f"--node_ip_address={ip}", f"--node-ip-address={ip}") for w in found):
                    kill(pid)
        raise SystemExit(f"{' '.join(command)}\n{r.stdout}\n{r.stderr}")

    def start_node(self, ip):
        self._start("--address", f"127.0.0.1:{self.port}", "--node-ip-address", ip, "--num-cpus", "1")

    def start_nodes(self):
        for ip in self.nodes:
            self.start_node(ip)
            say("node started:", ip)

    def ask(self, path):
        with urllib.request.urlopen(self.address + path, timeout=10) as r:
            return json.load(r)

    def alive(self):
        nodes = self.ask("/api/v0/nodes?limit=100")["data"]["result"]["result"]
        return {n["node_ip"] for n in nodes if n["state"] == "ALIVE"}

    def processes(self):
        """(pid, words) of each process of this cluster: Ray's programs name its folder, and those of jobs run in it."""
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == os.getpid():
                continue
            try:
                words = words_of(name)
                if any(self.work in w for w in words) or os.readlink(f"/proc/{name}/cwd").startswith(self.work):
                    yield int(name), words
            except OSError:
                pass

    @staticmethod
    def node_of(pid):
        """The address of the node on which a process of a job runs: that of the Ray process above it."""
        while pid > 1:
            for word in words_of(pid):
                if word.startswith("--node_ip_address="):
                    return word.split("=")[1]
            pid = parent_of(pid)
        return None

    # ---- accidents; each returns when Ray is whole again, and says whether agents live through it ----

    def kill_agent(self, _, pid):
        kill(pid)
        return False

    def kill_supervisor(self, _, pid):
        """The process of Ray that runs the job, and that is above the agent."""
        while pid > 1:
            if "JobSupervisor" in " ".join(words_of(pid)):
                kill(pid)
                return False
            pid = parent_of(pid)
        return False

    def kill_node(self, ip, _):
        kill(next(pid for pid, words in self.processes()
                  if words[0].endswith("/raylet") and f"--node_ip_address={ip}" in words))
        wait_for("the dead node is noticed", lambda: ip not in self.alive(), 200)
        self.start_node(ip)
        return False

    def kill_job_server(self, _ip, _pid):
        pid, words = next((pid, words) for pid, words in self.processes()
                          if any(w.endswith("dashboard/dashboard.py") for w in words))
        with open(f"/proc/{pid}/environ", encoding="utf-8") as f:
            env = dict(line.split("=", 1) for line in f.read().split("\0") if "=" in line)
        kill(pid)
        time.sleep(random.uniform(0, 4))
        # As whoever looks after the head would start it again.
        with open(os.path.join(self.work, "dashboard.log"), "a", encoding="utf-8") as log:
            subprocess.Popen([w for w in words if w], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                             start_new_session=True)
        wait_for("the job server is back", lambda: self.ask("/api/version"), 300)
        return True

    def accidents(self):
        return [self.kill_agent, self.kill_supervisor, self.kill_node, self.kill_job_server]

    def close(self):
        for _ in range(3):
            for pid, _ in list(self.processes()):
                kill(pid)
            time.sleep(0.2)
        shutil.rmtree(self.work, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
