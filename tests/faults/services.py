"""Signals to what does not end by itself: a server with requests on their way, and an agent in a search (signals.py)."""
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "server"))
import running  # noqa: E402

ENDS = {"INT": 130, "TERM": 143, "HUP": 129, "twice": 130, "KILL": -signal.SIGKILL}
WAIT_S = 900  # nothing here takes long, but the machine may be busy, and a comparison is of hundreds of processes


def send(child, kind):
    """As signals.py sends it."""
    child.send_signal(signal.SIGINT if kind == "twice" else getattr(signal, "SIG" + kind))
    if kind == "twice":
        time.sleep(0.02)
        child.send_signal(signal.SIGINT)
    if kind == "STOP":
        time.sleep(0.3)
        child.send_signal(signal.SIGCONT)


class Serve:
    """Conversations stay whole, and what was said before the signal is known after the next start."""
    ASK = {"prompt": "It was a bright cold morning, and", "max_tokens": 4, "temperature": 0}

    def __init__(self, xltune, folder):
        self.xltune = xltune
        self.flags = ["--sessions", os.path.join(folder, "sessions"), "--cache-dir", os.path.join(folder, "cache"),
                      "--drain-limit", "1s", "--max-tokens", "100000"]

    def start(self):
        return running.Server(self.xltune, *self.flags)

    def talk(self, server, until):
        """Asks in the same conversation until the server goes; beside it, for a text that does not end."""
        try:
            while not until.is_set():
                server.ask("/v1/completions", {**self.ASK, "session_id": "one"})
        except (OSError, http.client.HTTPException):
            pass

    def undisturbed(self):
        with self.start() as server:
            return self.text(server)

    def text(self, server):
        return server.get("/v1/completions", self.ASK)["choices"][0]["text"]

    def faults(self, kind, after, wanted):
        server, until = self.start(), threading.Event()
        talks = [threading.Thread(target=self.talk, args=(server, until))]
        long = server.connect()
        long.request("POST", "/v1/completions", json.dumps({**self.ASK, "max_tokens": 50000, "ignore_eos": True, "stream": True}))
        for thread in talks:
            thread.start()
        time.sleep(after)
        send(server.process, kind)
        if kind not in ENDS:
            if server.process.poll() is not None or self.text(server) != wanted:
                yield "does not go on"
            kind = "TERM"
            send(server.process, kind)
        try:
            code = server.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait()
            yield f"no end within {WAIT_S} s"
            return
        finally:
            until.set()
            for thread in talks:
                thread.join()
            long.close()
        if code != ENDS[kind] and not (kind == "twice" and code == -signal.SIGINT):
            yield f"exit code {code}: {server.said()[-300:]}"
        with self.start() as server:
            if self.text(server) != wanted:
                yield "another text after the next start"
            status, _, said = server.ask("/v1/completions", {**self.ASK, "prompt": "", "session_from": "one"})
            # Not there: it was not yet kept.
            if status not in (200, 404):
                yield f"the conversation is not whole: {status} {said}"
        for place, _, files in os.walk(self.flags[1]):
            for name in files:
                if not name.endswith(".safetensors"):
                    yield f"leaves {os.path.join(place, name)}"


class Agent:
    """A search whose agent gets a signal ends with every trial once, measured by whoever comes next."""
    TRIALS = 4
    SEARCH = ["optimize", "--agents", "1", "--study", "all.sqlite", "--log-dir", "runs", "--target", "exec", "--mode", "random",
              "--trials", str(TRIALS), "--effort", "quick", "--lease", "2s", "--seed", "7", "--space",
              json.dumps({"ms": [4, 3, 2], "other": list(range(8))}), "--", "true", "{ms}", "{other}"]
    MEASURE = ["agent", "--study", "all.sqlite", "--patience", "60s"]

    def __init__(self, xltune, folder):
        self.xltune, self.folder = xltune, folder

    def begin(self, arguments):
        self.log = open(os.path.join(self.folder, "log"), "a+", encoding="utf-8")
        return subprocess.Popen([self.xltune, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.log,
                                stderr=self.log, start_new_session=True)

    def said(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-500:]

    def end(self, children):
        """Their exit codes."""
        codes = []
        for child in children:
            try:
                codes.append(child.wait(WAIT_S))
            except subprocess.TimeoutExpired:
                codes.append(None)
        for child in children:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        return codes

    def points(self):
        runs = os.path.join(self.folder, "runs")
        rows = [json.loads(line) for line in open(os.path.join(runs, os.listdir(runs)[0], "trials.jsonl"), encoding="utf-8")]
        return sorted((row["trial"], row["status"], row["params"]["ms"], row["params"]["other"]) for row in rows)

    def undisturbed(self):
        codes = self.end([self.begin(self.SEARCH), self.begin(self.MEASURE)])
        if codes != [0, 0]:
            raise RuntimeError(f"exit codes {codes}: {self.said()}")
        return self.points()

    def faults(self, kind, after, wanted):
        search, first = self.begin(self.SEARCH), self.begin(self.MEASURE)
        time.sleep(after)
        there = first.poll() is None
        send(first, kind)
        allowed = {0}
        if kind in ENDS and there:
            code = self.end([first])[0]
            allowed |= {ENDS[kind], 128 - ENDS[kind]} if kind != "KILL" else {ENDS[kind]}
            codes = self.end([search, self.begin(self.MEASURE)]) if code else self.end([search, first])
        else:
            codes = self.end([search, first])
            code = codes[1]
        if code not in allowed:
            yield f"exit code {code}: {self.said()}"
        # Where the search had ended, the second agent finds none and says so.
        if codes[0] != 0 or codes[1] not in (0, 1):
            yield f"the search does not end: exit codes {codes}: {self.said()}"
        elif self.points() != wanted:
            yield f"other trials than undisturbed: {self.points()}"


SERVICES = {"serve": Serve, "agent": Agent}
