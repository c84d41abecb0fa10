#!/usr/bin/env python3
"""Searches of the engine on Vulkan devices that other processes measure, also on two devices at once: the driver of the
software device is listed twice for that.

usage: tests/fleet/devices.py XLTUNE FAILING_VULKAN        exits 77 where no Vulkan device is here
"""
import contextlib
import glob
import json
import os
import re
import shutil
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
LONG = [*SEARCH[:-1], "gpu_rows,gpu_group,gpu_split,gpu_wait"]  # ends only when it is told to
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
    measured = wait_for(proposer, lambda: len(rows(study, "SELECT number FROM trial WHERE status = 'ok'")) >= 4)
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


def all_devices(xltune, folder, *words, **environment):
    return begin(xltune, folder, "optimize", "--device", "all", *(words or SEARCH), **environment)


def study_of(folder):
    """The study that the process keeps itself, where it is there."""
    found = [os.path.join(root, f) for root, _, files in os.walk(folder) for f in files if f == "study.sqlite"]
    return found[0] if found else os.path.join(folder, "none")


def measured(folder):
    """Of each run of the folder: how many trials were measured."""
    sql = "SELECT (SELECT count(*) FROM trial WHERE run = run.id AND status = 'ok') FROM run ORDER BY id"
    return [n for n, in rows(study_of(folder), sql)]


def agents_of(folder):
    """The processes that work on the folder's study."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as f:
            words = f.read().decode(errors="replace").split("\0")
            if words[1:2] == ["agent"] and any(w.startswith(folder) for w in words):
                found.append(int(pid))
    return found


def gone(folder):
    until = time.monotonic() + LIMIT_S
    while agents_of(folder) and time.monotonic() < until:
        time.sleep(0.05)
    return not agents_of(folder)


def two_alike(xltune, _, folder):
    """Two devices of one kind have a run and a verdict together."""
    p = all_devices(xltune, folder, *SEARCH, "--budget", "45")
    text = p.communicate(timeout=2 * LIMIT_S)[0]
    expect("a search on two devices ends", p.returncode == 0 and text.count("\nverdict ") == 1, text)
    nodes = rows(study_of(folder), "SELECT name, state FROM node ORDER BY name")
    expect("each has a node that has left", [(n.split("/")[1], s) for n, s in nodes] == [("vulkan", "left"), ("vulkan:1", "left")],
           (nodes, text))
    expect("both are told of at the end", all(re.search(rf"^{name} +\d+ trial", text, re.M) for name in ("vulkan", "vulkan:1")), text)
    expect("lines fit a terminal", "verdict" in text and all(len(line) <= 80 for line in text.split("\nrun  ")[-1].splitlines()[1:]), text)
    done = rows(study_of(folder), "SELECT number, count(*) FROM trial GROUP BY run, number")
    ends = rows(study_of(folder), "SELECT DISTINCT json_extract(what, '$.until') FROM task WHERE work = 'trial'")
    expect("every trial has the end of the search", len(ends) <= 1 and all(isinstance(e, float) for e, in ends), ends)
    expect("every trial is there once", [n for n, _ in done] == list(range(len(done))) and all(n == 1 for _, n in done), done)
    expect("no agent is left", not agents_of(folder), agents_of(folder))


def stopped(xltune, _, folder):
    """Ctrl-C, and going on; then the process is killed."""
    p = all_devices(xltune, folder)
    begun = wait_for(p, lambda: sum(measured(folder)) >= 1)
    p.send_signal(signal.SIGINT)
    text = p.communicate(timeout=2 * LIMIT_S)[0]
    expect("Ctrl-C ends it", begun and p.returncode == 130 and "--resume" in text, (p.returncode, text))
    expect("and its agents", not agents_of(folder), agents_of(folder))
    run = [r for r in os.listdir(os.path.join(folder, "runs")) if r.startswith("ray_")]
    p = begin(xltune, folder, "optimize", "--resume", os.path.join("runs", run[0]))
    whole = wait_for(p, lambda: [n >= 4 for n in measured(folder)] == [True])
    working = agents_of(folder)
    p.kill()
    text = p.communicate()[0]
    expect("it goes on with what it had", whole, (measured(folder), text))
    expect("agents end with a process that is killed", gone(folder), (working, agents_of(folder)))
    sql = "SELECT count(*), count(DISTINCT key) FROM trial"
    expect("nothing is measured or proposed twice", rows(study_of(folder), sql) == [(4, 4)], rows(study_of(folder), sql))


def one_lost(xltune, failing, folder):
    """A device that is lost is named, and the other goes on."""
    p = all_devices(xltune, folder, *LONG, LD_PRELOAD=failing, FAIL_SUBMIT="12", FAIL_ON="1")
    lost = wait_for(p, lambda: rows(study_of(folder), "SELECT uid FROM node WHERE state = 'left'"))
    before = sum(measured(folder))
    whole = lost and wait_for(p, lambda: sum(measured(folder)) >= before + 3)
    p.send_signal(signal.SIGINT)
    text = p.communicate(timeout=2 * LIMIT_S)[0]
    expect("the search goes on without a device", whole, text)
    expect("which is named with the reason", re.search(r"xltune: vulkan:1: its agent has ended: .*the device was lost.*; the device is left "
                                                       r"out\n", text) and "vulkan: its agent" not in text, text)


def one_without_memory(xltune, failing, folder):
    """A device that cannot hold the model is not waited for."""
    p = all_devices(xltune, folder, LD_PRELOAD=failing, FAIL_MEMORY="1", FAIL_ON="1")
    whole = wait_for(p, lambda: [n >= 4 for n in measured(folder)] == [True])
    p.send_signal(signal.SIGINT)
    text = p.communicate(timeout=2 * LIMIT_S)[0]
    expect("the search begins without a device that has no memory", whole, text)
    expect("which is named too", re.search(r"xltune: vulkan:1: its agent has ended: .*out of device memory.*; the device is left out\n", text) and
           re.search(r"^vulkan:1  left out: ", text, re.M), text)


def one_crashed(xltune, _, folder):
    """An agent that was killed is started again."""
    p = all_devices(xltune, folder, *LONG)
    begun = wait_for(p, lambda: sum(measured(folder)) >= 1)
    for pid in agents_of(folder)[:1]:
        os.kill(pid, signal.SIGKILL)
    whole = wait_for(p, lambda: len(rows(study_of(folder), "SELECT uid FROM node")) == 3)
    for pid in agents_of(folder)[:1]:  # which does not hear that it is to end
        os.kill(pid, signal.SIGSTOP)
    p.send_signal(signal.SIGINT)
    text = p.communicate(timeout=2 * LIMIT_S)[0]
    expect("one that does not end is killed", p.returncode == 130 and gone(folder) and
           re.search(r"^vulkan(:1)? +its agent was busy for another 2 s and was killed", text, re.M), text)
    expect("an agent that was killed is started again", begun and whole and
           re.search(r"xltune: vulkan(:1)?: its agent has ended: signal 9; it is started again\n", text), text)


def all_lost(xltune, failing, folder):
    """Without any device it ends, with the exit code of a lost one."""
    p = all_devices(xltune, folder, LD_PRELOAD=failing, FAIL_SUBMIT="12")
    text = p.communicate(timeout=2 * LIMIT_S)[0]
    expect("nothing is left to measure on", p.returncode == 4 and re.search(r"optimize: no device is left; vulkan.*the device was lost", text),
           (p.returncode, text))


def two_kinds(xltune, failing, folder):
    """Different devices have a run each."""
    p = all_devices(xltune, folder, LD_PRELOAD=failing, OTHER_PRODUCT="1")
    whole = wait_for(p, lambda: [n >= 4 for n in measured(folder)] == [True, True])
    agent = begin(xltune, folder, "agent", "--study", study_of(folder))
    said = agent.communicate(timeout=LIMIT_S)[0]
    expect("an agent from elsewhere says which device it has", p.poll() is not None or
           (agent.returncode == 2 and "--device NAME" in said), said)
    p.send_signal(signal.SIGINT)
    text = p.communicate(timeout=2 * LIMIT_S)[0]
    expect("two kinds are searched apart", whole and text.count(": for machines like ") == 2, (measured(folder), text))
    gpus = {json.loads(i)["gpu"].split(",")[0] for i, in rows(study_of(folder), "SELECT identity FROM run")}
    expect("each run says which it is of", len(gpus) == 2 and "another product" in gpus, gpus)


def main():
    xltune, failing = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    listed = subprocess.run([xltune, "devices"], capture_output=True, text=True, check=True).stdout
    if "\nvulkan" not in listed:
        print("skipped: no Vulkan device is here")
        return 77
    with tempfile.TemporaryDirectory(prefix="xltune-devices-") as folder:
        names = []
        for driver in glob.glob("/usr/share/vulkan/icd.d/lvp_icd*.json"):
            for copy in range(2):
                names.append(os.path.join(folder, f"lvp{copy}.json"))
                shutil.copy(driver, names[-1])
            os.environ.update(VK_DRIVER_FILES=":".join(names[-2:]), VK_ICD_FILENAMES=":".join(names[-2:]))
        listed = subprocess.run([xltune, "devices"], capture_output=True, text=True, check=True).stdout
        tests = [without_memory]
        if len(re.findall(r"^vulkan", listed, re.M)) == 2:
            tests += [two_alike, stopped, one_lost, one_without_memory, one_crashed, all_lost, two_kinds]
        else:
            print("skipped: two devices, because the software device is not here twice")
        for test in tests:
            place = os.path.join(folder, test.__name__)
            os.mkdir(place)
            test(xltune, failing, place)
    print(f"{len(failures)} failed" if failures else "all passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
