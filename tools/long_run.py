#!/usr/bin/env python3
"""Hours of a search, of a generation that answers line by line, and of a server under load: do memory and files stay what they were?

usage: long_run.py XLTUNE [--minutes M] [--every S] [--pause S] [--csv FILE]
    --minutes M   how long (120)
    --every S     seconds between looks at the processes (10)
    --pause S     seconds that a client waits between two requests (0.2)
    --csv FILE    a row for each look: seconds, process, resident memory in KiB, open files, threads, work done

All three run at once on the embedded checkpoint: `optimize` measures random points until it is told to end, `generate --jsonl` gets a
line whenever its last one was answered, and `serve` has clients that stream, continue a conversation, or leave in the middle. Prints
for each process how the median of its memory in the last quarter differs from that in the second quarter, in percent and in bytes for
each trial or request, and the most files that were open in each of the two. Exit status 1 where a process ended by itself, or where
more files were open in the last quarter. How much memory may grow is for the reader to judge: a search keeps its trials.
"""
import argparse
import csv
import http.client
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODEL = os.path.join(SOURCE, "models", "tiny-literature")
WORDS = ["It was", "The sea", "She said", "A letter from the captain", "Whoever comes to that house at night"]


class Job:
    """A process that is watched, and how much it has done."""

    def __init__(self, name, command, folder, **pipes):
        self.name, self.done, self.over = name, 0, False
        self.errors = open(os.path.join(folder, name + ".err"), "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(command, cwd=folder, stderr=self.errors, text=True, **pipes)

    def look(self):
        """(resident KiB, open files, threads); None where it has ended."""
        try:
            with open(f"/proc/{self.process.pid}/status", encoding="ascii", errors="replace") as f:
                status = dict(line.split(":", 1) for line in f)
            files = len(os.listdir(f"/proc/{self.process.pid}/fd"))
        except (OSError, ValueError):
            return None
        if "VmRSS" not in status:
            return None
        return int(status["VmRSS"].split()[0]), files, int(status["Threads"])

    def said(self):
        return os.pread(self.errors.fileno(), 1 << 24, 0).decode(errors="replace")  # a seek would move the process's place too


def search(job):
    """Counts the trials that are told."""
    for line in job.process.stdout:
        job.done += bool(re.match(r"\[\d+", line))


def lines(job, pause):
    """A line in, a line out."""
    try:
        while not job.over:
            job.process.stdin.write(json.dumps({"prompt": WORDS[job.done % len(WORDS)], "max_tokens": 8 + job.done % 17}) + "\n")
            job.process.stdin.flush()
            if not job.process.stdout.readline():
                return
            job.done += 1
            time.sleep(pause)
    except (BrokenPipeError, ValueError):
        return


def client(job, port, number, pause):
    """Requests of three kinds, one after another."""
    turn = number
    while not job.over:
        turn += 1
        body = {"prompt": WORDS[turn % len(WORDS)], "max_tokens": 8 + turn % 33, "stream": turn % 3 != 1, "temperature": 0}
        if turn % 3 == 1:
            body["session_id"] = f"long-{turn % 8}"
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
            connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            if turn % 7 == 0:
                answer.read(40)
            else:
                answer.read()
            connection.close()
            job.done += 1
        except OSError:
            if job.process.poll() is not None:
                return
        time.sleep(pause)


def port_of(job):
    for _ in range(600):
        found = re.search(r" at http://\S+?:(\d+)$", job.said(), re.M)
        if found:
            return int(found.group(1))
        if job.process.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit("long_run.py: the server does not start: " + job.said()[-500:])


def start(xltune, folder, pause):
    tuned = "chunk_size,heads_per_band,workers,decode_workers,segment,huge_pages,pinning"
    with open(os.path.join(folder, "prompt.txt"), "w", encoding="ascii") as f:
        f.write(" ".join(WORDS) * 40)
    own = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    jobs = [
        Job("optimize", [xltune, "optimize", "--model", MODEL, "--prompt-file", "prompt.txt", "--new", "8", "--mode", "random", "--trials", "1000000",
                         "--chunks-min", "1", "--chunks-max", "512", "--tune", tuned, "--repeats", "1", "--no-best", "--log-dir", "runs"], folder, **own),
        Job("generate", [xltune, "generate", "--model", MODEL, "--no-best", "--jsonl"], folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE),
        Job("serve", [xltune, "serve", "--model", MODEL, "--no-best", "--port", "0", "--sessions", os.path.join(folder, "sessions")], folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL),
    ]
    port = port_of(jobs[2])
    for target, args in [(search, (jobs[0],)), (lines, (jobs[1], pause))] + [(client, (jobs[2], port, i, pause)) for i in range(3)]:
        threading.Thread(target=target, args=args, daemon=True).start()
    return jobs


def summary(job, rows):
    """Prints how the last quarter differs from the second; false where files were left open."""
    quarter = len(rows) // 4
    if not quarter:
        print(f"{job.name}: too few looks")
        return True
    before, after = rows[quarter:2 * quarter], rows[-quarter:]
    was, now = (statistics.median(row[0] for row in part) for part in (before, after))
    work = statistics.median(row[3] for row in after) - statistics.median(row[3] for row in before)
    files = [max(row[1] for row in part) for part in (before, after)]
    each = f", {1024 * (now - was) / work:.0f} bytes for each of {work:.0f}" if work else ""
    print(f"{job.name}: {was:.0f} -> {now:.0f} KiB, {100 * (now - was) / was:+.2f} %{each}; files {files[0]} -> {files[1]}; done {rows[-1][3]}")
    return files[1] <= files[0]


def main():
    p = argparse.ArgumentParser(usage=__doc__, add_help=False)
    p.add_argument("xltune")
    p.add_argument("--minutes", type=float, default=120)
    p.add_argument("--every", type=float, default=10)
    p.add_argument("--pause", type=float, default=0.2)
    p.add_argument("--csv")
    options = p.parse_args()
    folder = tempfile.mkdtemp(prefix="xltune-long.")
    jobs = start(os.path.abspath(options.xltune), folder, options.pause)
    rows = {job.name: [] for job in jobs}
    out = open(options.csv or os.devnull, "w", encoding="ascii", newline="")
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["seconds", "process", "resident_kb", "files", "threads", "done"])
    begun, good = time.monotonic(), True
    try:
        while good and time.monotonic() - begun < 60 * options.minutes:
            time.sleep(options.every)
            for job in jobs:
                seen = job.look()
                if job.process.poll() is not None or not seen:
                    print(f"{job.name} ended by itself, exit code {job.process.poll()}: {job.said()[-500:]}")
                    good = False
                    break
                rows[job.name].append((*seen, job.done))
                table.writerow([round(time.monotonic() - begun), job.name, *seen, job.done])
            out.flush()
    finally:
        for job in jobs:
            job.over = True
            job.process.send_signal(signal.SIGTERM)
        for job in jobs:
            try:
                job.process.wait(60)
            except subprocess.TimeoutExpired:
                job.process.kill()
                good = False
                print(f"{job.name} did not end within a minute of SIGTERM")
        shutil.rmtree(folder, ignore_errors=True)
    for job in jobs:
        good &= summary(job, rows[job.name])
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
