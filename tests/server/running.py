"""A server for tests: started on a free port of this machine, asked over plain sockets and http.client, and stopped."""
import http.client
import json
import os
import re
import signal
import subprocess
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODEL = os.path.join(SOURCE, "models", "tiny-literature")
os.environ.update(no_proxy="127.0.0.1", NO_PROXY="127.0.0.1")  # for clients that are begun by a test
LIMIT_S = float(os.environ.get("TEST_LIMIT_S", 300))  # for what hangs; a busy machine may take long


class Server:
    def __init__(self, xltune, *flags, env=None, model=MODEL):
        self.log = tempfile.TemporaryFile()
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("XLSTM_", "XLTUNE_"))}
        self.process = subprocess.Popen([xltune, "serve", "--model", model, "--no-best", "--port", "0", *flags],
                                        stdin=subprocess.DEVNULL, stderr=self.log, env={**clean, **(env or {})})
        end = time.monotonic() + LIMIT_S
        found = None
        while not found:
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                raise RuntimeError("the server does not start: " + self.said())
            found = re.search(r" at http://(\S+):(\d+)$", self.said(), re.M)
            time.sleep(0.02)
        self.host, self.port = found.group(1), int(found.group(2))

    def said(self):
        """Read without a seek: the server writes at the position of the same file."""
        return os.pread(self.log.fileno(), 1 << 24, 0).decode(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(self.said()[-20000:])
        if self.process.poll() is None:
            self.stop()
        if kind is None:
            assert self.process.returncode == 143, f"exit code {self.process.returncode}: {self.said()}"

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        try:
            return self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def connect(self, timeout=LIMIT_S):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def ask(self, path, body=None, method=None, headers=None):
        """(status, headers, text) of one request; body: an object to send as JSON, or bytes."""
        connection = self.connect()
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method or ("GET" if body is None else "POST"), path, data, headers or {})
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        return reply.status, reply.headers, text

    def get(self, path, body=None, status=200, **more):
        found, _, text = self.ask(path, body, **more)
        assert found == status, f"{path}: {found} {text}, wanted {status}"
        return json.loads(text)

    def events(self, path, body):
        """The events of a stream, as objects; the end mark is left out."""
        status, headers, text = self.ask(path, {**body, "stream": True})
        assert status == 200 and headers["Content-Type"].startswith("text/event-stream"), (status, text)
        lines = text.split("\n\n")
        assert lines.pop() == ""
        if path.startswith("/v1"):
            assert lines.pop() == "data: [DONE]", lines[-1:]
        return [json.loads(line.removeprefix("data: ")) for line in lines]

    def metric(self, name):
        return float(re.search(rf"^xltune_{name} (\S+)$", self.ask("/metrics")[2], re.M).group(1))

    def wait_for(self, name, value):
        end = time.monotonic() + LIMIT_S
        while self.metric(name) != value:
            assert time.monotonic() < end, f"{name} is {self.metric(name)}, wanted {value}"
            time.sleep(0.05)

    def resident(self, row="VmRSS"):
        """Bytes of memory in use; with VmHWM the most that there were."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(rf"{row}:\s+(\d+) kB", file.read()).group(1)) * 1024

    def files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))
