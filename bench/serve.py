#!/usr/bin/env python3
"""The server with one client and with many, beside the engine alone.

  serve.py OUT.csv XLTUNE MODEL [--rounds N] [--streams 1,8,32] [--new N] [--prompt N] [--prefix N] [--flags "…"]

In each round, one after the other, so that what else happens on the machine meets all of them alike:
  engine       tokens a second of `xltune generate`, one sequence, without a server, on the --device of --flags
  streams      tokens a second of so many streams of the server together. The streams have no end of their own. Once each of them
               gets tokens, or waits in the server's queue, all are watched until --new tokens came for each that runs, and then left.
               The rate is the sum of the streams' own rates: the tokens of a stream behind its first in that time, over the time
               from that first to its last. If fewer ran than were opened, "streams that ran" says how many
  gap          milliseconds between the tokens of four streams with nothing beside them (median), and while a prompt of --prompt
               tokens is read (median and 99th percentile, and how long reading it took in seconds)
  first        milliseconds from a request to its first token: a prompt of --prefix tokens that the server has not seen, and the
               same beginning with other endings once its state is in the cache (median of several)

OUT.csv has a line for each value of each round: round,measure,streams,value,unit. Printed are the medians over the rounds, and what is
asked of them: eight streams against one, the server's overhead, the 99th percentile of the gaps against their median. One thread reads
all streams and looks at no more than the number of tokens, so that the client takes little of the processors. Standard library only.
"""
import argparse
import atexit
import csv
import http.client
import json
import os
import re
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ENDLESS, LIMIT_S = 100000, 600
COUNT = re.compile(rb'"tokens_predicted":(\d+)')


class Stream:
    """A request of /completion, and when its answer had how many tokens."""

    def __init__(self, server, ids, new):
        body = json.dumps({"prompt": ids, "n_predict": new, "temperature": 0, "ignore_eos": True, "stream": True}).encode()
        self.socket = socket.create_connection((server.host, server.port), timeout=LIMIT_S)
        self.socket.sendall(b"POST /completion HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                            b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.socket.setblocking(False)
        self.rest, self.seen = b"", []  # seen: (time, tokens so far)

    def read(self):
        """Takes what came; False where nothing comes any more."""
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return True
        now, text = time.perf_counter(), self.rest + data
        if not self.seen and text.startswith(b"HTTP/") and not b"HTTP/1.1 200 ".startswith(text[:13]):
            sys.exit(text.decode(errors="replace"))
        # An event ends with an empty line; what is behind the last one waits for more.
        whole, mark, self.rest = text.rpartition(b"\n\n")
        for found in COUNT.finditer(whole + mark):
            count = int(found.group(1))
            if not self.seen or count > self.seen[-1][1]:
                self.seen.append((now, count))
        return bool(data)

    def count(self):
        return self.seen[-1][1] if self.seen else 0


class Watch:
    """Open streams, all read by the one thread that is in `until`."""

    def __init__(self, streams):
        self.streams, self.selector = streams, selectors.DefaultSelector()
        for s in streams:
            self.selector.register(s.socket, selectors.EVENT_READ, s)

    def until(self, enough, every_s=0.2):
        """Reads until enough() is true, which is asked after what came at one time, and every `every_s` at the least."""
        end = time.perf_counter() + LIMIT_S
        while not enough():
            if time.perf_counter() > end:
                sys.exit("the server is too slow, or answers no more")
            for key, _ in self.selector.select(every_s):
                if key.data.read():
                    continue
                self.selector.unregister(key.fileobj)
                if not key.data.seen:
                    sys.exit("the server closed a stream without a token")

    def close(self):
        self.selector.close()
        for s in self.streams:
            s.socket.close()


class Server:
    def __init__(self, xltune, model, flags):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen([xltune, "serve", "--model", model, "--no-best", "--port", "0", *flags], stderr=self.log)
        atexit.register(self.process.kill)  # also where a measurement fails
        found = None
        while not found:
            over = self.process.poll() is not None
            said = os.pread(self.log.fileno(), 1 << 24, 0).decode(errors="replace")  # a seek would move the server's place too
            if over:
                sys.exit(said)
            found = re.search(r" at http://(\S+):(\d+)$", said, re.M)
            time.sleep(0.05)
        self.host, self.port = found.group(1), int(found.group(2))

    def metric(self, name):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=LIMIT_S)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return int(float(re.search(rf"^xltune_{name} (\S+)$", text, re.M).group(1)))

    def wait_until_idle(self):
        while self.metric("sequences"):
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def engine(options):
    # On a processor the server computes in float32 unless it is told otherwise; on a device, as `generate` does.
    flags, told = options.flags.split(), ["--compute", "f32"]
    if "--device" in flags:
        told = ["--device", flags[flags.index("--device") + 1]]
    done = subprocess.run([options.xltune, "generate", "--model", options.model, "--no-best", *told, "-p", "Hello",
                           "-n", str(options.new)], capture_output=True, text=True, check=True)
    return float(re.search(r"decode=([0-9.]+) tok/s", done.stderr).group(1))


def streams(server, count, new, make):
    """Tokens a second of so many streams together, and how many of them ran: the others waited for a place."""
    watch, asked = Watch([Stream(server, make(8, i), ENDLESS) for i in range(count)]), [0.0]

    def all_run():
        if sum(s.count() > 2 for s in watch.streams) == count:
            return True
        # A server with fewer places keeps the others waiting.
        if time.perf_counter() < asked[0] + 0.2:
            return False
        queued, asked[0] = server.metric("queued"), time.perf_counter()
        return queued > 0 and sum(s.count() > 2 for s in watch.streams) + queued == count

    watch.until(all_run)
    running = [s for s in watch.streams if s.count()]
    before, start = sum(s.count() for s in running), time.perf_counter()
    watch.until(lambda: sum(s.count() for s in running) >= before + new * len(running))
    watch.close()
    server.wait_until_idle()
    rate = 0.0
    for s in running:
        seen = [x for x in s.seen if x[0] >= start]
        rate += (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0]) if len(seen) > 1 else 0
    return rate, len(running)


def gaps_of(stream, begin, end):
    """Milliseconds between tokens one behind the other; a token that ends no character has no event."""
    return [1e3 * (b[0] - a[0]) for a, b in zip(stream.seen, stream.seen[1:])
            if a[0] >= begin and b[0] <= end and b[1] == a[1] + 1]


def gaps(server, options, make, seed):
    """Gaps of four streams: without anything beside them, and while a prompt is read; and how long that took."""
    watch = Watch([Stream(server, make(8, i), ENDLESS) for i in range(4)])
    watch.until(lambda: min(s.count() for s in watch.streams) >= 8)
    quiet = time.perf_counter()
    watch.until(lambda: min(s.count() for s in watch.streams) >= 56)
    start = time.perf_counter()
    prompt = Stream(server, make(options.prompt, seed), 1)
    watch.selector.register(prompt.socket, selectors.EVENT_READ, prompt)
    watch.until(prompt.count)
    end = prompt.seen[0][0]
    watch.close()
    prompt.socket.close()
    server.wait_until_idle()
    return ([g for s in watch.streams for g in gaps_of(s, quiet, start)],
            [g for s in watch.streams for g in gaps_of(s, start, end)], end - start)


def first_token(server, ids):
    start = time.perf_counter()
    watch = Watch([Stream(server, ids, 1)])
    watch.until(watch.streams[0].count)
    watch.close()
    return 1e3 * (watch.streams[0].seen[0][0] - start)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out")
    parser.add_argument("xltune")
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", default="1,8,32")
    parser.add_argument("--new", type=int, default=128)
    parser.add_argument("--prompt", type=int, default=4000)
    parser.add_argument("--prefix", type=int, default=2000)
    parser.add_argument("--flags", default="")
    options = parser.parse_args()
    counts = [int(n) for n in options.streams.split(",")]
    values = {}

    def make(tokens, seed):
        """A prompt like no other."""
        return [10 + (seed * 7919 + i * 104729 + i * i * 31) % 3000 for i in range(tokens)]

    with open(options.out, "w", newline="") as file:
        print(f"# {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the beginning; {os.path.basename(options.model)}", file=file)
        print(f"# command: bench/serve.py {' '.join(sys.argv[4:])}".rstrip(), file=file)
        writer = csv.writer(file)
        writer.writerow(["round", "measure", "streams", "value", "unit"])

        def put(turn, measure, count, value, unit):
            writer.writerow([turn, measure, count, f"{value:.4g}", unit])
            file.flush()
            values.setdefault((measure, count, unit), []).append(value)

        server = Server(options.xltune, options.model, options.flags.split())
        streams(server, 1, 8, make)
        for turn in range(options.rounds):
            put(turn, "engine", 1, engine(options), "tok/s")
            for count in counts:
                rate, ran = streams(server, count, options.new, make)
                put(turn, "streams", count, rate, "tok/s")
                if ran < count:
                    put(turn, "streams that ran", count, ran, "")
            quiet, beside, seconds = gaps(server, options, make, 1000 + turn)
            put(turn, "gap", 4, statistics.median(quiet), "ms")
            if beside:  # a short prompt may be read between two tokens
                put(turn, "gap beside a prompt, median", 4, statistics.median(beside), "ms")
                put(turn, "gap beside a prompt, p99", 4, percentile(beside, 0.99), "ms")
            put(turn, "prompt beside 4 streams", 1, seconds, "s")
            # Three times the same beginning: it is read, then kept, then known.
            prefix = make(options.prefix, 2000 + turn)
            put(turn, "first token, new prefix", 1, first_token(server, prefix + make(8, 1)), "ms")
            first_token(server, prefix + make(8, 2))
            known = [first_token(server, prefix + make(8, 3 + k)) for k in range(5)]
            put(turn, "first token, cached prefix", 1, statistics.median(known), "ms")
        server.stop()

    for (measure, count, unit), found in values.items():
        print(f"{measure:32} {count:2} streams  {statistics.median(found):10.2f} {unit:6} ({min(found):.2f} to {max(found):.2f})")

    def ratio(text, above, below):
        pairs = [a / b for a, b in zip(values[above], values[below])]
        print(f"{text}: {statistics.median(pairs):.3f} ({min(pairs):.3f} to {max(pairs):.3f})")

    for count in counts[1:]:
        ratio(f"{count} streams against {counts[0]}", ("streams", count, "tok/s"), ("streams", counts[0], "tok/s"))
    ratio("one stream against the engine alone", ("streams", counts[0], "tok/s"), ("engine", 1, "tok/s"))
    if ("gap beside a prompt, p99", 4, "ms") in values:
        ratio("99th percentile beside a prompt against the median without", ("gap beside a prompt, p99", 4, "ms"), ("gap", 4, "ms"))


main()
