#!/usr/bin/env python3
"""Thousands of clients of every kind against one server, many at once, and what is left of it afterwards.

usage: soak.py XLTUNE [--open N] [--clients N] [--rounds N] [--seconds S] [--seed N] [--csv FILE] [--sanitized] [--flags "…"]
    --open N       connections that are open at any time; default 1000
    --clients N    clients of a round; default 4000
    --rounds N     rounds; default 3. With --seconds as many as begin within that time, and at least these
    --sanitized    the server's memory is not looked at: a sanitizer keeps some of its own

A client is drawn from the kinds below: streams that are read to their end and compared with what the same request gave alone, with
temperature 0 or a seed; streams that are left in the middle, with and without a word; requests of which only a part comes; bodies that
are not JSON, or too much of it; heads that are no HTTP; those that send and then do not read, or send a byte at a time;
conversations that are continued. After each round nothing may run or be open any more. Memory and files are compared with those after
the first round, and memory with that before it: at the end of a round malloc keeps what the busiest moment took (busy_mb), which an idle
server gives back after some seconds (resident_mb; where the C library is glibc). Prints and writes a line for each round; exit status 1
where something was wrong.
"""
import argparse
import csv
import json
import os
import platform
import random
import resource
import selectors
import shlex
import socket
import struct
import sys
import tempfile
import time

from running import Server

PROMPTS = ["The capital of France is", "Once upon a time", "She said:", "It was a dark night, and the rain fell while"]
BODY_MB, CACHE_MB, IDLE_S, LIMIT_S = 1, 16, 10, 900
REST_S, GIVEN_BACK_S = 5, 60  # an idle server gives memory back, mostly within the first time, on a slow machine within the second
LAST_CHUNK = b"0\r\n\r\n"


def http(body, path="/v1/completions", keep=False):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    close = "" if keep else "Connection: close\r\n"
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{close}Content-Length: {len(data)}\r\n\r\n".encode() + data


def plain(raw):
    """The body of an answer, its chunks joined; None where it is not whole."""
    head, mark, body = raw.partition(b"\r\n\r\n")
    if not mark:
        return None
    if b"transfer-encoding: chunked" not in head.lower():
        return body
    text = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        if int(size, 16) == 0:
            return text
        text += rest[:int(size, 16)]
        body = rest[int(size, 16) + 2:]
    return None


def status_of(raw):
    return int(raw.split(b" ", 2)[1]) if raw.startswith(b"HTTP/1.") else 0


class Client:
    """What one client sends, when it goes away, and what it must have got when the server closes."""
    reset = False   # it goes away without a word
    enough = None   # it goes away after so many events of its stream
    leaves_s = None  # it goes away after so many seconds
    deaf = False    # it reads nothing until the server must have dropped it

    def __init__(self, random, wanted):
        self.random, self.got, self.out = random, b"", b""
        self.prepare(wanted)

    def prepare(self, wanted):
        raise NotImplementedError

    def check(self):
        """What is wrong with the answer; None: nothing."""
        return None


class Whole(Client):
    """Reads its stream to the end."""

    def prepare(self, wanted):
        body, self.text = self.random.choice(wanted)
        self.out = http({**body, "stream": True})

    def check(self):
        text = plain(self.got)
        if status_of(self.got) != 200 or text is None:
            return f"an answer that is not whole: {self.got[-200:]!r}"
        events = text.decode().split("\n\n")
        if events[-2:] != ["data: [DONE]", ""]:
            return f"no end: {events[-3:]}"
        found = "".join(json.loads(e[6:])["choices"][0]["text"] for e in events[:-2])
        return None if found == self.text else f"{found!r}, wanted {self.text!r}"


class Leaves(Client):
    """Goes away in the middle of a stream that has no end."""

    def prepare(self, wanted):
        # After the end of a text that is ignored there may come no events for ever.
        self.enough, self.leaves_s, self.reset = self.random.randint(0, 20), self.random.randint(5, 30), self.random.random() < 0.5
        self.out = http({"prompt": self.random.choice(PROMPTS), "max_tokens": 1000000, "ignore_eos": True, "stream": True,
                         "n": self.random.choice([1, 1, 1, 3])})

    def check(self):
        return f"the server closed a stream that had no end: {self.got[-300:]!r}"


class Waits(Leaves):
    """Goes away before the answer to a request without a stream, at once."""

    def prepare(self, wanted):
        self.enough, self.reset = 0, self.random.random() < 0.5
        self.out = http({"prompt": self.random.choice(PROMPTS) * self.random.choice([1, 1, 300]), "max_tokens": 1000000,
                         "ignore_eos": True})


class Part(Client):
    """Sends a part of a request and goes away."""

    def prepare(self, wanted):
        self.enough, self.reset = 0, self.random.random() < 0.5
        data = http({"prompt": "x" * self.random.choice([10, 10000]), "stream": True})
        self.out = data[:self.random.randrange(len(data))]


class Refused(Client):
    """Asks for what is answered with an error."""

    def prepare(self, wanted):
        pick = self.random
        garbage = bytes(pick.randrange(256) for _ in range(200))
        bodies = [garbage, b"", b"{", b"[" * 50000, b'{"prompt": "\xff\xfe"}', b'{"a":' * 20000, b'{"prompt": "' + b"\\u0000" * 20000,
                  b'{"prompt": 1e999}', {"prompt": ["a"] * 5000}, {"prompt": [1] * 5000 + [-1]}, {"prompt": "a", "n": 10 ** 9},
                  {"prompt": "a", "stop": ["x" * 100000]}, {"prompt": "a", "session_id": "../x"}, {"prompt": "a", "max_tokens": -1}]
        body, path = pick.choice(bodies), "/v1/completions"
        # What is no JSON is none anywhere; the other forms know other keys.
        if isinstance(body, bytes):
            path = pick.choice([path, "/v1/chat/completions", "/completion", "/tokenize"])
        self.out = http(body, path)

    def check(self):
        status = status_of(self.got)
        return None if 400 <= status < 500 else f"status {status}, wanted an error: {self.got[:200]!r} to {self.out[:200]!r}"


class NoHttp(Client):
    """Sends what is no HTTP; it is answered with an error, or the connection closed."""

    def prepare(self, wanted):
        pick = self.random
        self.out = pick.choice([
            b"\0" * 5000, bytes(pick.randrange(256) for _ in range(3000)), b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
            b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n", b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\n\r\n",
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"])

    def check(self):
        status = status_of(self.got)
        return None if not self.got or 400 <= status < 600 else f"status {status} to {self.out[:100]!r}"


class Huge(Client):
    """Sends more than a body may have; it is told so, or cut off."""

    def prepare(self, wanted):
        size = BODY_MB * 1048576 * self.random.choice([2, 3, 40])
        data = b'{"prompt": "' + b"x" * size + b'"}'
        self.out = http(data) if self.random.random() < 0.5 else (
            b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"%x\r\n" % len(data) + data + b"\r\n" + LAST_CHUNK)

    def check(self):
        return None if not self.got or status_of(self.got) == 413 else f"{self.got[:200]!r}, wanted 413"


class Long(Client):
    """Has a long prompt tokenized."""

    def prepare(self, wanted):
        self.count = self.random.randint(1000, 20000)
        self.out = http({"content": "a b" * self.count}, "/tokenize")

    def check(self):
        text = plain(self.got)
        return None if status_of(self.got) == 200 and json.loads(text)["tokens"] else f"{self.got[:200]!r}"


class Deaf(Client):
    """Asks for much and reads nothing: the server drops it, which it sees only when it reads again."""
    deaf = True

    def prepare(self, wanted):
        self.out = http({"prompt": PROMPTS[0], "max_tokens": 1000000, "ignore_eos": True, "stream": True, "logprobs": 20})

    def check(self):
        return "a stream without an end has one" if b"[DONE]" in self.got else None


class Mute(Client):
    """Connects and says nothing, or too little: the server drops it."""

    def prepare(self, wanted):
        self.out = self.random.choice([b"", b"POST /v1/comp", http({"prompt": "a"})[:-3]])

    def check(self):
        return None if not self.got or status_of(self.got) in (400, 408) else f"{self.got[:200]!r}"


class Talks(Client):
    """Goes on with a conversation; another may have it in hand."""

    def prepare(self, wanted):
        name = f"c{self.random.randrange(20)}"
        self.out = http({"prompt": "And then", "max_tokens": self.random.randint(0, 8), "session_id": name})

    def check(self):
        return None if status_of(self.got) in (200, 409) else f"{self.got[:300]!r}"


KINDS = [(Whole, 50), (Leaves, 12), (Waits, 6), (Part, 6), (Refused, 8), (NoHttp, 5), (Huge, 1), (Long, 3), (Deaf, 2), (Mute, 3),
         (Talks, 4)]


class Round:
    """So many clients, up to `most` of them at once."""

    def __init__(self, server, options, wanted, rng):
        self.server, self.most, self.left, self.wanted, self.random = server, options.open, options.clients, wanted, rng
        self.selector, self.open, self.wrong, self.peak = selectors.DefaultSelector(), 0, [], 0
        self.deaf = []  # (when they read again, client)
        self.counts = {kind.__name__: 0 for kind, _ in KINDS}

    def begin(self):
        kind = self.random.choices([k for k, _ in KINDS], [w for _, w in KINDS])[0]
        client = kind(self.random, self.wanted)
        self.counts[kind.__name__] += 1
        client.socket = socket.socket()
        if client.deaf:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.socket.settimeout(60)
        client.socket.connect((self.server.host, self.server.port))
        client.socket.setblocking(False)
        client.end_s = time.monotonic() + client.leaves_s if client.leaves_s else None
        self.open += 1
        self.left -= 1
        self.peak = max(self.peak, self.open)
        self.selector.register(client.socket, selectors.EVENT_READ | (selectors.EVENT_WRITE if client.out else 0), client)
        if client.out:
            self.send(client)

    def end(self, client, by_server):
        self.selector.unregister(client.socket)
        if client.reset and not by_server:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.socket.close()
        self.open -= 1
        found = client.check() if by_server else None
        if found:
            self.wrong.append(f"{type(client).__name__}: {found}")

    def send(self, client):
        try:
            sent = client.socket.send(client.out[:1 << 18])
        except BlockingIOError:
            return
        except ConnectionError:
            client.out = b""  # cut off; what was said before is still there to be read
            sent = 0
        client.out = client.out[sent:]
        if client.out:
            return
        if client.enough == 0:
            self.end(client, False)
        elif client.deaf:
            self.selector.unregister(client.socket)
            self.deaf.append((time.monotonic() + 2 * IDLE_S, client))
        else:
            self.selector.modify(client.socket, selectors.EVENT_READ, client)

    def receive(self, client):
        try:
            data = client.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        client.got += data
        if not data:
            self.end(client, True)
        elif client.enough and client.got.count(b"data:") >= client.enough:
            self.end(client, False)

    def those_that_leave(self):
        now = time.monotonic()
        for client in [k.data for k in self.selector.get_map().values()]:
            if client.end_s and client.end_s < now:
                self.end(client, False)

    def run(self):
        end, looked = time.monotonic() + LIMIT_S, 0.0
        while self.left or self.open:
            if time.monotonic() > end:
                kinds = [type(k.data).__name__ for k in self.selector.get_map().values()]
                self.wrong.append(f"{self.open} clients are not answered: {sorted(set(kinds))}")
                for client in [k.data for k in self.selector.get_map().values()]:
                    self.end(client, False)
                return
            # Few at a time: the server drops those that are connected and say nothing for long.
            for _ in range(20):
                if self.left and self.open < self.most:
                    self.begin()
            while self.deaf and self.deaf[0][0] < time.monotonic():
                client = self.deaf.pop(0)[1]
                # Where the system's buffers took all so far it was not dropped, and goes.
                client.enough, client.end_s = 1, time.monotonic() + IDLE_S
                self.selector.register(client.socket, selectors.EVENT_READ, client)
            if time.monotonic() > looked + 0.5:
                self.those_that_leave()
                looked = time.monotonic()
            for key, events in self.selector.select(0.2):
                if events & selectors.EVENT_READ:
                    self.receive(key.data)
                elif events & selectors.EVENT_WRITE:
                    self.send(key.data)


def alone(server):
    """Requests and what they give when nobody else asks."""
    bodies = [{"prompt": p, "max_tokens": 4 + 5 * i, "temperature": 0, "ignore_eos": True} for i, p in enumerate(PROMPTS)]
    bodies += [{"prompt": p, "max_tokens": 8, "temperature": 0.8, "top_k": 20, "seed": 7, "ignore_eos": True} for p in PROMPTS]
    return [(b, server.get("/v1/completions", b)["choices"][0]["text"]) for b in bodies]


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("xltune")
    parser.add_argument("--open", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--csv")
    parser.add_argument("--sanitized", action="store_true")
    parser.add_argument("--flags", default="")
    return parser.parse_args()


def main():
    options = read_options()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < options.open + 100:
        print(f"{hard} files may be open, too few for {options.open} connections")
        return 77
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rng, wrong, rows, start = random.Random(options.seed), [], [], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        # The queue takes all of them: a refusal because it is full is tested elsewhere.
        flags = ["--max-connections", str(options.open + 100), "--max-queue", str(4 * options.open), "--max-streams", "256",
                 "--max-tokens", "1000000", "--max-body-mb", str(BODY_MB), "--idle-limit", f"{IDLE_S}s", "--cache-mb", str(CACHE_MB),
                 "--cache-dir", os.path.join(folder, "cache"), "--cache-dir-mb", "32", "--sessions", os.path.join(folder, "sessions"),
                 *shlex.split(options.flags)]
        with Server(options.xltune, *flags) as s:
            wanted = alone(s)
            before = (s.files(), s.resident())
            print(f"before: {before[0]} files, {before[1] / 1e6:.1f} MB", flush=True)
            gives_back = platform.libc_ver()[0] == "glibc" and not options.sanitized
            # What the threads keep for their work grows with their number.
            most = before[1] / 1e6 + CACHE_MB + 24 + 2 * os.cpu_count()
            while len(rows) < options.rounds or time.monotonic() - start < options.seconds:
                began = time.monotonic()
                turn = Round(s, options, wanted, rng)
                turn.run()
                s.wait_for("sequences", 0)
                s.wait_for("queued", 0)
                s.wait_for("connections", 1)
                failed, busy = int(s.metric("jobs_failed_total")), s.resident()
                time.sleep(REST_S)
                end = time.monotonic() + (GIVEN_BACK_S if gives_back else 0)
                while s.resident() / 1e6 > most and time.monotonic() < end:
                    time.sleep(0.5)
                wrong += turn.wrong
                rows.append({"round": len(rows) + 1, "seconds": f"{time.monotonic() - began:.1f}", "most_open": turn.peak,
                             **turn.counts, "wrong": len(turn.wrong), "failed_jobs": failed, "files": s.files(),
                             "busy_mb": f"{busy / 1e6:.1f}", "resident_mb": f"{s.resident() / 1e6:.1f}"})
                print(", ".join(f"{k} {v}" for k, v in rows[-1].items()), flush=True)
                wrong += [f"round {len(rows)}: {failed} jobs failed"] if failed else []
            first, last = rows[0], rows[-1]
            # The first round fills caches and the allocator's own stores; a connection of /metrics may still be a file.
            if last["files"] > first["files"] + 2:
                wrong.append(f"{last['files']} files are open, {first['files']} after the first round")
            if not options.sanitized and float(last["resident_mb"]) > float(first["resident_mb"]) * 1.15 + 20:
                wrong.append(f"{last['resident_mb']} MB resident, {first['resident_mb']} after the first round")
            if gives_back and float(last["resident_mb"]) > most:
                wrong.append(f"{last['resident_mb']} MB resident of an idle server, wanted at most {most:.1f}")
    if options.csv:
        with open(options.csv, "w", newline="", encoding="utf-8") as file:
            file.write(f"# command: tests/server/soak.py {' '.join(sys.argv[2:])}\n")
            file.write(f"# before the first round: {before[0]} files, {before[1] / 1e6:.1f} MB resident\n")
            writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    for text in wrong[:20]:
        print("wrong:", text)
    return 1 if wrong else 0


sys.exit(main())
