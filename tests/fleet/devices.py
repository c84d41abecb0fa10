#!/usr/bin/env python3
"""Searches of the engine on Vulkan devices that other processes measure.

usage: tests/fleet/devices.py XLTUNE FAILING_VULKAN        exits 77 where no Vulkan device is here
"""
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

LIMIT_S = float(os.environ.get("TEST_LIMIT_S", 300))  # for what hangs; a busy machine may take long
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SEARCH = ["--model", os.path.join(SOURCE, "models", "tiny-literature"), "--prompt", "x", "--new", "2", "--no-best",
          "--mode", "grid", "--repeats", "1", "--effort", "quick", "--tune", "gpu_rows=1|2,gpu_wait"]
failures = []


def expect(name, ok, seen):
    print(("ok    " if ok else "FAIL  ") + name, flush=True)
    if not ok:
        failures.append(name)
        print("      " + str(seen)[:3000])


def begin(xltune, folder, *words, **environment):
    return subprocess.Popen([xltune, *words], cwd=folder, env=dict(os.environ, HOME=folder, **environment), text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def rows(study, sql):
    """What a study holds; nothing while it is not there yet."""
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(f"file:{study}?mode=ro", uri=True)) as db:
        return db.execute(sql).fetchall()
    return []


def wait_for(process, what):
    """Waits until what() is true; False where the process ended first."""
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        if what():
            return True
        if process.poll() is not None:
            return what()
        time.sleep(0.05)
    return False


def without_memory(xltune, failing, folder):
    """The proposing process takes no memory of a device: it has none here, and its search goes on all the same."""
    study = os.path.join(folder, "study.sqlite")
    proposer = begin(xltune, folder, "optimize", "--agents", "1", "--study", study, "--device", "vulkan", *SEARCH,
                     LD_PRELOAD=failing, FAIL_MEMORY="1")
    agent = begin(xltune, folder, "agent", "--study", study)
    measured = wait_for(proposer, lambda: len(rows(study, "SELECT number FROM trial WHERE status = 'ok'")) == 4)
    proposer.send_signal(signal.SIGINT)  # the playoff and the last comparison would only take time
    said = [p.communicate(timeout=2 * LIMIT_S)[0] for p in (proposer, agent)]
    expect("a search is proposed without a model", measured and proposer.returncode in (0, 130) and agent.returncode == 0, said)
    runs = rows(study, "SELECT state, identity, build FROM run")
    expect("it has one run", len(runs) == 1, (runs, said))
    identity, build = json.loads(runs[0][1]), json.loads(runs[0][2])
    expect("the run says what the agent has", identity["device"] == "vulkan" and len(identity["checkpoint"]) == 64 and
           build["kernels"].startswith("vulkan"), runs)
    listed = json.loads(subprocess.run([xltune, "devices", "--json"], capture_output=True, check=True).stdout)
    expect("with the product and its driver", [d["text"] for d in listed if d["name"] == "vulkan"] == [identity["gpu"]], runs)


def main():
    xltune, failing = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    listed = subprocess.run([xltune, "devices"], capture_output=True, text=True, check=True).stdout
    if "\nvulkan" not in listed:
        print("skipped: no Vulkan device is here")
        return 77
    with tempfile.TemporaryDirectory(prefix="xltune-devices-") as folder:
        without_memory(xltune, failing, folder)
    print(f"{len(failures)} failed" if failures else "all passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
