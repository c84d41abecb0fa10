#!/usr/bin/env python3
"""heads.py XLTUNE AGENTS_MAIN: heads of Ray clusters that are none, or that misbehave, and what is said of them. Small
servers of this program's own stand for the heads; the real thing is in ray_cluster.py."""
import http.server
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

xltune, agents_main = sys.argv[1:3]
LIMIT_S = float(os.environ.get("TEST_LIMIT_S", 100))  # for what hangs; a busy machine may take long
os.environ.update(no_proxy="127.0.0.1", NO_PROXY="127.0.0.1")
failed = []


def check(condition, what, *more):
    if not condition:
        failed.append(what)
        print("FAIL", what, *more)


class Head:
    """A server that answers with what the dictionary says: path -> (code, body) or a function of the handler."""

    def __init__(self, answers):
        self.asked = []
        head = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                head.asked.append((self.command, self.path, body, dict(self.headers)))
                code, text = 404, "404: Not Found"
                for path, what in answers.items():
                    if self.path == path or (path.endswith("*") and self.path.startswith(path[:-1])):
                        code, text = what(self, body) if callable(what) else what
                        break
                if code is None:  # no answer at all
                    self.close_connection = True
                    return
                data = text.encode() if isinstance(text, str) else text
                self.send_response(code)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                try:
                    self.wfile.write(data)
                except OSError:
                    pass

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # clients that leave in the middle are the point
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def run(*words, **more):
    env = {**os.environ, "RAY_AUTH_TOKEN": "", **more.pop("env", {})}
    return subprocess.run([xltune, *words], capture_output=True, text=True, timeout=LIMIT_S, env=env, **more)


VERSION = (200, json.dumps({"version": "4", "ray_version": "2.50.0"}))
NODES = (200, json.dumps({"result": True, "data": {"result": {"total": 2, "result": [
    {"node_id": "dead", "node_ip": "10.0.0.1", "state": "DEAD", "resources_total": {}},
    {"node_id": "aa", "node_ip": "10.0.0.1", "state": "ALIVE", "is_head_node": True,
     "resources_total": {"CPU": 2.0, "node:10.0.0.1": 1.0}}]}}}))


def job(run_name, node, n, status, began, **more):
    return {"submission_id": f"xltune-{run_name}-{node}-{n}", "status": status, "start_time": began * 1000,
            "metadata": {"xltune_search": run_name, "xltune_node": node}, **more}


def says(what, answers, wanted, code=1, words=("cluster", "status"), env=None):
    with Head(answers) as head:
        r = run(*words, "--ray-address", head.address, env=env or {})
        text = wanted.replace("HEAD", head.address)
        check(r.returncode == code and r.stderr == f"xltune cluster: {text}\n", what, r.returncode, repr(r.stderr),
              "wanted", repr(text))
        return head


def wait_for(condition):
    """Waits until condition() is true; whether it came to be."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end and not condition():
        time.sleep(0.05)
    return condition()


def errors():
    with socket.socket() as s:  # bound, so that nobody else takes the port, and not listening
        s.bind(("127.0.0.1", 0))
        free = f"http://127.0.0.1:{s.getsockname()[1]}"
        r = run("cluster", "status", "--ray-address", free)
    check(r.returncode == 1 and r.stderr.startswith(f"xltune cluster: {free}: ") and "onnect" in r.stderr
          and r.stderr.count("\n") == 1, "nobody listens", r.stderr)
    says("another server", {}, "HEAD: found a server without /api/version, wanted the dashboard of a Ray head")
    says("a page", {"/api/version": (200, "<html>hello</html>")},
         "HEAD: /api/version: found an answer that begins with '<html>hello</html>', wanted JSON of a Ray head")
    says("another API", {"/api/version": (200, '{"version": "5", "ray_version": "9.9"}')},
         "HEAD: Ray 9.9: found version 5 of the jobs API, wanted 4")
    says("a token", {"/api/version": (401, "Unauthorized: Missing authentication token")},
         "HEAD: the cluster wants a token (HTTP 401); set RAY_AUTH_TOKEN")
    says("an endless answer", {"/api/version": (200, b"x" * (3 << 20))},
         "HEAD: GET /api/version: the answer is longer than 1048576 bytes")
    says("a traceback", {"/api/version": VERSION, "/api/jobs/": (500, "Traceback:\n  x\nValueError: no\n")},
         "HEAD: GET /api/jobs/: HTTP 500: ValueError: no")
    says("a job in no state", {"/api/version": VERSION, "/api/jobs/": (200, json.dumps(
        [job("r", "10.0.0.1", 1, "HAPPY\u001b[31m", 1)]))},
        "HEAD: /api/jobs/: job xltune-r-10.0.0.1-1: found status 'HAPPY?[31m', wanted PENDING, RUNNING, STOPPED, "
        "SUCCEEDED or FAILED")
    says("a node of no address", {"/api/version": VERSION, "/api/jobs/": (200, "[]"), "/api/v0/nodes*": (
        200, '{"data": {"result": {"result": [{"node_id": "a", "node_ip": "$(reboot)"}]}}}')},
        "HEAD: /api/v0/nodes: found node_id 'a' and node_ip '$(reboot)', wanted an id and an address")
    says("more nodes than were sent", {"/api/version": VERSION, "/api/jobs/": (200, "[]"), "/api/v0/nodes*": (
        200, NODES[1].replace('"total": 2', '"total": 20000'))}, "HEAD: /api/v0/nodes: found 2 of 20000 nodes, wanted all")
    says("no agents", {"/api/version": VERSION, "/api/jobs/": (200, "[]")}, "the cluster has had no agent",
         words=("cluster", "logs"))
    head = says("the token is sent", {"/api/version": VERSION, "/api/jobs/": (403, "secret-token")},
                "HEAD: the cluster wants a token (HTTP 403); set RAY_AUTH_TOKEN", env={"RAY_AUTH_TOKEN": "secret-token"})
    check(head.asked[0][3].get("Authorization") == "Bearer secret-token", "the token's header", head.asked)

    # A head that accepts and says nothing is left on a signal: it answers only when the program has ended.
    over = threading.Event()
    with Head({"/api/version": lambda *_: (over.wait(2 * LIMIT_S), (None, None))[1]}) as head:
        child = subprocess.Popen([xltune, "cluster", "status", "--ray-address", head.address], stderr=subprocess.PIPE)
        asked = wait_for(lambda: head.asked or child.poll() is not None)
        child.terminate()
        try:
            child.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
        over.set()
        check(asked and child.returncode == 143, "a signal during a request", child.returncode)


def commands():
    jobs = [job("ray_1_abc", "10.0.0.1", 1, "FAILED", 1000, message="x\nlost it", driver_exit_code=1),
            job("ray_1_abc", "10.0.0.1", 2, "RUNNING", 2000), job("ray_2_def", "10.0.0.1", 1, "STOPPED", 500),
            {"submission_id": "somebody-else", "status": "RUNNING"}, {"type": "DRIVER", "submission_id": None}]
    answers = {"/api/version": VERSION, "/api/v0/nodes*": NODES, "/api/jobs/": (200, json.dumps(jobs)),
               "/api/jobs/xltune-ray_1_abc-10.0.0.1-2/logs": (200, json.dumps({"logs": "hello\n"})),
               "/api/jobs/xltune-ray_1_abc-10.0.0.1-2/stop": (200, '{"stopped": true}')}
    with Head(answers) as head:
        flag = ("--ray-address", head.address)
        r = run("cluster", "status", *flag, env={"TZ": "UTC"})
        check(r.stdout == f"""Ray 2.50.0 at {head.address}

node                     state      CPUs   GPUs
10.0.0.1                 alive         2      0  head

agents of ray_1_abc:
10.0.0.1                 RUNNING   since 1970-01-01 00:33:20

agents of ray_2_def:
10.0.0.1                 STOPPED   since 1970-01-01 00:08:20
""", "status", r.stdout, r.stderr)
        r = run("cluster", "status", "--json", *flag)
        j = json.loads(r.stdout)
        check(len(j["agents"]) == 3 and j["nodes"][1]["resources"]["CPU"] == 2 and j["agents"][0]["exit_code"] == 1,
              "status --json", j)
        r = run("cluster", "logs", *flag)
        check(r.returncode == 1 and r.stderr == "xltune cluster: found agents of ray_1_abc and of ray_2_def, wanted the "
              "name of one search\n", "two runs", r.stderr)
        r = run("cluster", "logs", "ray_1", *flag)
        check(r.stdout == "== 10.0.0.1, job xltune-ray_1_abc-10.0.0.1-2, RUNNING\nhello\n", "logs", r.stdout, r.stderr)
        r = run("cluster", "logs", "ray_1_abc", "10.0.0.1", *flag)
        check(r.stdout == "hello\n", "logs of a node", r.stdout, r.stderr)
        r = run("cluster", "logs", "ray_1_abc", "10.0.0.9", *flag)
        check(r.stderr == "xltune cluster: 10.0.0.9: the search has had no agent on that node\n", "logs of no node", r.stderr)
        r = run("cluster", "logs", "other", *flag)
        check(r.stderr == "xltune cluster: other: the cluster has had no agent of such a search\n", "no run", r.stderr)
        r = run("cluster", "stop", *flag)
        check(r.stdout == "10.0.0.1: stopped\n", "stop", r.stdout, r.stderr)
        check([a[1] for a in head.asked if a[0] == "POST"] == ["/api/jobs/xltune-ray_1_abc-10.0.0.1-2/stop"],
              "only what runs is stopped", head.asked)


class Cluster:
    """A head that takes jobs and runs none: their states are set here."""

    def __init__(self):
        self.jobs, self.packages, self.stopped, self.down = [], {}, [], False

    def answers(self):
        def guarded(f):
            return lambda handler, body: (None, None) if self.down else f(handler, body)

        def package(handler, body):
            if handler.command == "PUT":
                self.packages[handler.path] = body
            return (200, "") if handler.path in self.packages else (404, "no package")

        def submit(handler, body):
            if handler.command == "POST":
                request = json.loads(body)
                self.jobs.append({**request, "status": "PENDING", "start_time": time.time() * 1000})
                return 200, json.dumps({"submission_id": request["submission_id"]})
            return 200, json.dumps(self.jobs)

        def of_job(handler, _):
            parts = handler.path.split("/")
            if parts[-1] == "logs":
                return 200, json.dumps({"logs": "log of " + parts[3]})
            self.stopped.append(parts[3])
            for j in self.jobs:
                if j["submission_id"] == parts[3]:
                    j["status"] = "STOPPED"
            return 200, '{"stopped": true}'

        return {"/api/version": guarded(lambda *_: VERSION), "/api/v0/nodes*": guarded(lambda *_: NODES),
                "/api/packages/gcs/*": guarded(package), "/api/jobs/": guarded(submit), "/api/jobs/*": guarded(of_job)}


def following():
    cluster = Cluster()
    with Head(cluster.answers()) as head, tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "program")
        with open(program, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n")
        child = subprocess.Popen([agents_main, head.address, "run1", folder + "/agents", program, "1", "agent", "a b"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        lines = []
        reader = threading.Thread(target=lambda: [lines.append(line) for line in child.stdout])
        reader.start()

        def is_said(text):
            check(wait_for(lambda: any(text in line for line in list(lines))), "it says: " + text, lines)

        check(wait_for(lambda: len(cluster.jobs) == 1), "a job is submitted", lines)
        first = cluster.jobs[0]
        check(first["entrypoint"] == "exec sh run.sh 'agent' 'a b'" and first["entrypoint_num_cpus"] == 2.0
              and first["entrypoint_resources"] == {"node:10.0.0.1": 0.51}, "its request", first)
        check(len(cluster.packages) == 1 and first["runtime_env"]["working_dir"].replace("gcs://", "/api/packages/gcs/")
              in cluster.packages, "its package", list(cluster.packages), first)
        first.update(status="RUNNING", driver_node_id="aa")
        is_said("10.0.0.1: the agent is at work\n")
        # The head goes away for a while; then it has dropped the package, and the agent has died meanwhile.
        cluster.down = True
        is_said("(agents that run go on; lost ones are started again when it answers)\n")
        cluster.packages.clear()
        first.update(status="FAILED", message="tail\nkilled", driver_exit_code=-9)
        cluster.down = False
        check(wait_for(lambda: len(cluster.jobs) == 2), "a lost agent is started again", lines)
        check(len(cluster.packages) == 1, "the package is sent again", lines)
        check(wait_for(lambda: os.path.exists(folder + "/agents/10.0.0.1-1.log")), "its log is kept", lines)
        cluster.jobs[1].update(status="RUNNING", driver_node_id="aa")
        is_said("10.0.0.1: the agent is at work again\n")
        child.stdin.close()
        child.wait(timeout=LIMIT_S)
        reader.join()
        out = "".join(lines)
        check(cluster.stopped == ["xltune-run1-10.0.0.1-2"] and out.endswith("ended\n"), "the end", cluster.stopped, out)
        for line in ("10.0.0.1: the agent is at work\n", "the head answers again\n",
                     "10.0.0.1: the agent is lost and is started again: it was killed by signal 9\n"):
            check(out.count(line) == 1, "is said once: " + line, out)
        with open(folder + "/agents/10.0.0.1-2.log", encoding="utf-8") as f:
            check(f.read() == "log of xltune-run1-10.0.0.1-2", "the last log")


errors()
commands()
following()
print(f"{len(failed)} failed")
sys.exit(1 if failed else 0)
