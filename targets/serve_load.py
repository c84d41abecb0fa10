#!/usr/bin/env python3
"""A worker for xltune (docs/worker-protocol.md) that tunes `xltune serve` under a load.

    xltune optimize --target worker:serve_load.py --model-path DIR -- [--concurrency N | --rate R] [--requests N]
        [--prompt N] [--new N] [--itl-p99-ms MS] [--seed N] [--flags "…"]

A sample is so many requests, streamed, to a server on a free port of this machine: --concurrency of them are open at any time, or with
--rate they come at random, R a second (a Poisson process), whether those before are answered or not. Prompts are --prompt tokens
long on average (from half to one and a half of it) and unlike each other; answers have --new tokens. The same requests at the same times
for every point. With --itl-p99-ms a point at which more than one gap in a hundred between two tokens is longer is beyond the limit, so
that the most tokens a second are sought among the others. Standard library only.
"""
import argparse
import json
import os
import random
import re
import selectors
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time

START_S = 600
TUNABLES = [
    {"name": "max_batch", "min": 1, "max": 64, "powers_of_two": True, "default": 32, "affects": ["time", "memory", "opening"]},
    {"name": "slice", "min": 16, "max": 1024, "powers_of_two": True, "default": 512, "affects": ["time", "memory", "opening"]},
    {"name": "max_itl_ms", "values": [0, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500], "default": 0, "affects": ["time", "opening"]},
]


def read_options():
    parser = argparse.ArgumentParser(prog="serve_load.py")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--requests", type=int, default=32)
    parser.add_argument("--prompt", type=int, default=128)
    parser.add_argument("--new", type=int, default=32)
    parser.add_argument("--itl-p99-ms", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--flags", default="", help="further flags of xltune serve")
    return parser.parse_args()


def program():
    """This xltune: the one that started us."""
    named = os.environ.get("XLTUNE_PROGRAM")
    if named:
        return named
    try:
        return os.readlink(f"/proc/{os.getppid()}/exe")
    except OSError:
        return shutil.which("xltune") or "xltune"


class Server:
    def __init__(self, point, options, model):
        self.log = tempfile.TemporaryFile()
        flags = [f for t in TUNABLES for f in ("--" + t["name"].replace("_", "-"), str(point[t["name"]]))]
        command = [program(), "serve", "--port", "0", "--no-best", "--cache-mb", "0", "--max-queue", str(options.requests + 64),
                   *(["--model", model] if model else []), *flags, *shlex.split(options.flags)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log)
        end, found = time.monotonic() + START_S, None
        while not found:
            said = os.pread(self.log.fileno(), 1 << 24, 0).decode(errors="replace")  # a seek would move the server's place too
            found = re.search(r" at http://(\S+):(\d+)$", said, re.M)
            if not found and (self.process.poll() is not None or time.monotonic() > end):
                self.stop()
                raise RuntimeError(said.strip().split("\n")[-1] or "the server does not start")
            time.sleep(0.02)
        self.address = (found.group(1), int(found.group(2)))

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


class Stream:
    """A request: when it was sent, and when each of its tokens came."""

    def __init__(self, address, ids, new):
        body = json.dumps({"prompt": ids, "max_tokens": new, "temperature": 0, "ignore_eos": True, "stream": True, "logprobs": 0})
        self.socket = socket.create_connection(address, timeout=30)
        self.sent, self.times, self.seen = time.perf_counter(), [], b""
        self.socket.sendall((f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                             f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
        self.socket.setblocking(False)

    def read(self):
        """False at the end. With logprobs every token is named in an event."""
        data = self.socket.recv(65536)
        if self.times == [] and self.seen == b"" and data and b" 200 " not in data[:20]:
            raise RuntimeError(data.decode(errors="replace").strip().split("\n")[-1])
        # A mark may be cut by the end of what came.
        joined = self.seen + data
        self.times += [time.perf_counter()] * joined.count(b'"tokens":["')
        cut = joined.rfind(b'"tokens":["')
        self.seen = joined[cut + 1:][-10:] if cut >= 0 else joined[-10:]
        return bool(data)


def requests(options):
    """(seconds after the begin, ids) of each request; the same for every point."""
    rng, at, made = random.Random(options.seed), 0.0, []
    for _ in range(options.requests):
        at += rng.expovariate(options.rate) if options.rate else 0
        length = max(1, int(options.prompt * rng.uniform(0.5, 1.5)))
        made.append((at, [rng.randrange(10, 1000) for _ in range(length)]))
    return made


def run_load(server, options):
    selector, waiting, done = selectors.DefaultSelector(), requests(options)[::-1], []
    begin, running = time.perf_counter(), 0
    while waiting or running:
        now = time.perf_counter() - begin
        while waiting and (now >= waiting[-1][0] if options.rate else running < options.concurrency):
            stream = Stream(server.address, waiting.pop()[1], options.new)
            selector.register(stream.socket, selectors.EVENT_READ, stream)
            running += 1
        until = max(0.0, waiting[-1][0] - now) if waiting and options.rate else 1.0
        for key, _ in selector.select(until):
            if not key.data.read():
                selector.unregister(key.fileobj)
                key.fileobj.close()
                done.append(key.data)
                running -= 1
    seconds = time.perf_counter() - begin
    for stream in done:
        if len(stream.times) != options.new:
            raise RuntimeError(f"an answer of {len(stream.times)} tokens, wanted {options.new}")
    return seconds, done


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Worker:
    def __init__(self, options):
        self.options, self.model, self.server, self.point = options, None, None, None

    def describe(self, request):
        self.model = request["config"].get("model_path")
        o = self.options
        work = {"requests": o.requests, "prompt_tokens": o.prompt, "new_tokens": o.new}
        work |= {"rate": o.rate} if o.rate else {"concurrency": o.concurrency}
        return {
            "protocol": 1,
            "identity": {"worker": "serve load", "version": "1"},
            "workload": work,
            "tunables": TUNABLES,
            "metrics": [{"name": "wall_s", "unit": "s"},
                        {"name": "tok_s", "unit": "tok/s", "better": "larger"},
                        {"name": "itl_p50_ms", "unit": "ms"},
                        {"name": "itl_p99_ms", "unit": "ms"},
                        {"name": "first_token_p50_ms", "unit": "ms"},
                        {"name": "first_token_p99_ms", "unit": "ms"}],
            "objective": "tok_s",
        }

    def measure(self, request):
        o = self.options
        if self.point != request["point"]:
            self.close()
            self.server = Server(request["point"], o, self.model)
            self.point = request["point"]
            run_load(self.server, argparse.Namespace(**{**vars(o), "requests": min(4, o.requests), "rate": 0}))
        samples = []
        for _ in range(request["repeats"]):
            seconds, done = run_load(self.server, o)
            gaps = [1e3 * (b - a) for s in done for a, b in zip(s.times, s.times[1:])]
            first = [1e3 * (s.times[0] - s.sent) for s in done]
            samples.append({"wall_s": seconds, "tok_s": o.requests * o.new / seconds, "itl_p50_ms": percentile(gaps, 0.5),
                            "itl_p99_ms": percentile(gaps, 0.99), "first_token_p50_ms": percentile(first, 0.5),
                            "first_token_p99_ms": percentile(first, 0.99)})
            if o.itl_p99_ms and samples[-1]["itl_p99_ms"] > o.itl_p99_ms:
                return {"error": f"99 of 100 gaps are within {samples[-1]['itl_p99_ms']:.1f} ms, wanted {o.itl_p99_ms:g}",
                        "infeasible": True}
        return {"samples": samples, "output": "streams"}

    def close(self):
        if self.server:
            self.server.stop()
        self.server = None


def main():
    worker = Worker(read_options())
    try:
        for line in sys.stdin:
            request = json.loads(line)
            try:
                answer = {"describe": worker.describe, "measure": worker.measure}[request["do"]](request)
            except Exception as problem:  # the point's own failure
                worker.close()
                worker.point = None
                answer = {"error": str(problem) or repr(problem)}
            print(json.dumps(answer | {"id": request["id"]}), flush=True)
    finally:
        worker.close()


main()
