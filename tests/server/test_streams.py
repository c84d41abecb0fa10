#!/usr/bin/env python3
"""test_streams.py XLTUNE [STREAMS [plain|sanitized]]: a thousand streams at once, some of which go away, and what is left of them.
A sanitizer keeps memory of its own, and finds leaks in another way."""
import json
import platform
import resource
import selectors
import socket
import sys
import time

from running import LIMIT_S, Server

xltune = sys.argv[1]
SANITIZED = sys.argv[3:] == ["sanitized"]
STREAMS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
ROUNDS = 3
STATE_BYTES = 101.57e3  # of a sequence of this model
PROMPTS = ["The capital of France is", "Once upon a time", "She said:", "It was a dark night, and the rain fell while"]


def request(i, tokens=10, stream=True):
    body = json.dumps({"prompt": PROMPTS[i % 4], "max_tokens": tokens, "temperature": 0, "stream": stream, "ignore_eos": True})
    return (f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
            + body).encode()


def text_of(raw):
    """The text of a chunked stream of events, which must be whole."""
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), raw[:200]
    plain = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        plain += rest[:int(size, 16)]
        body = rest[int(size, 16) + 2:]
    events = plain.decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""], events[-3:]
    return "".join(json.loads(e[6:])["choices"][0]["text"] for e in events[:-2])


def one_round(s, wanted):
    selector, seen = selectors.DefaultSelector(), {}
    for i in range(STREAMS):
        c = socket.create_connection((s.host, s.port), timeout=LIMIT_S)
        # The last tenth would never end, and goes away in the middle.
        c.sendall(request(i, 1000000 if i >= STREAMS * 9 // 10 else 10))
        c.setblocking(False)
        selector.register(c, selectors.EVENT_READ, i)
        seen[i] = b""
    open_streams, end = STREAMS, time.monotonic() + LIMIT_S
    while open_streams:
        assert time.monotonic() < end, f"{open_streams} streams do not end"
        for key, _ in selector.select(1):
            i = key.data
            data = key.fileobj.recv(65536)
            seen[i] += data
            if data and not (i >= STREAMS * 9 // 10 and seen[i].count(b"data:") >= 3):
                continue
            selector.unregister(key.fileobj)
            key.fileobj.close()
            open_streams -= 1
            if not data:
                assert text_of(seen[i]) == wanted[i % 4], (i, seen[i][-300:])


def all_at_once(s):
    """Every sequence has a state at the same time, however fast the others are; then all go away."""
    idle = s.resident()
    held = []
    for i in range(STREAMS):
        held.append(socket.create_connection((s.host, s.port), timeout=LIMIT_S))
        held[-1].sendall(request(i, 1000000, False))
    s.wait_for("sequences", STREAMS)
    end = time.monotonic() + LIMIT_S
    while s.resident("VmHWM") < idle + 0.9 * STREAMS * STATE_BYTES:
        assert time.monotonic() < end, f"{idle / 1e6:.1f} MB when idle, {s.resident('VmHWM') / 1e6:.1f} MB with {STREAMS} states"
        time.sleep(0.05)
    for c in held:
        c.close()
    s.wait_for("sequences", 0)
    s.wait_for("connections", 1)


def back_to(s, most):
    """The memory of the streams is given back to the system some time after the last one ended."""
    end = time.monotonic() + LIMIT_S
    while s.resident() > most:
        assert time.monotonic() < end, f"{s.resident() / 1e6:.1f} MB resident of an idle server, wanted {most / 1e6:.1f}"
        time.sleep(0.5)
    print(f"idle: {s.resident() / 1e6:.1f} MB resident")


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < 2 * STREAMS:
        print(f"{hard} files may be open, too few for {STREAMS} streams")
        return 77
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with Server(xltune, "--max-streams", str(STREAMS), "--max-tokens", "1000000", "--max-connections", str(STREAMS + 100),
                "--cache-mb", "16") as s:
        wanted = [s.get("/v1/completions", {"prompt": p, "max_tokens": 10, "temperature": 0, "ignore_eos": True})
                  ["choices"][0]["text"] for p in PROMPTS]
        all_at_once(s)
        left = []
        for n in range(ROUNDS):
            start = time.monotonic()
            one_round(s, wanted)
            s.wait_for("sequences", 0)
            s.wait_for("connections", 1)
            left.append((s.files(), s.resident("VmHWM")))
            print(f"round {n + 1}: {STREAMS} streams in {time.monotonic() - start:.1f} s; then {left[-1][0]} files, "
                  f"{left[-1][1] / 1e6:.1f} MB resident at most", flush=True)
        # The others must need no more than the first (the connection that asks is a file).
        assert left[-1][0] <= left[0][0] + 1 and (SANITIZED or left[-1][1] < left[0][1] * 1.25 + 30e6), left
        assert s.metric("jobs_failed_total") == 0
        if platform.libc_ver()[0] == "glibc" and not SANITIZED:
            # Most of the states that all streams had at once; how much the threads keep for their work depends on the machine.
            back_to(s, s.resident("VmHWM") - 0.6 * STREAMS * STATE_BYTES)
    return 0


sys.exit(main())
