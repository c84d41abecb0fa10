#!/usr/bin/env python3
"""Sends signals to commands at random moments, and looks at how they end and what they leave.

usage: signals.py XLTUNE [--rounds N] [--seed S] [--only COMMAND,...] [--short] [--csv FILE]      default 1 round
    --short          each kind to one or two commands, and none to an agent

A round sends each kind below to each command once:
    INT, TERM, HUP   the command ends within a step, with code 128 + number; what it wrote is whole, nothing hidden is left
    twice            a second SIGINT ends it at once; what it wrote is whole or absent
    PIPE, XFSZ, USR1 change nothing
    STOP             stopped for 0.3 s and continued: ends as if nothing had happened
    KILL             to a server and an agent alone (kills.py has others): what the next start finds is whole
Whatever happened, the same command (a search: its continuation) then succeeds in the same folder, and a search ends with
the same points as an undisturbed one, a conversion with the same bytes. What does not end by itself is in services.py.
Linux only.
"""
import argparse
import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kills  # noqa: E402
import services  # noqa: E402

GOLDEN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "demo-goldens", "prompt0.safetensors")
KINDS = ["INT", "TERM", "HUP", "twice", "PIPE", "XFSZ", "USR1", "STOP"]
SHORT = {"generate": ["INT", "STOP"], "convert": ["twice", "XFSZ"], "optimize": ["TERM"], "save-outputs": ["HUP"],
         "judge": ["PIPE"], "serve": ["TERM", "KILL"], "params": ["USR1"]}
AS_USUAL = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ]  # whatever this program inherited
STEP_S = 300  # no step of these commands takes long, but the machine may be busy
STATE = ["--load-state", "state", "--prompt", "And", "-n", "1", "--no-best"]
SEARCH = ["optimize", "--backend", "queued", "--prompt", kills.PROMPT, "--new", "2", "--mode", "random", "--trials", "4",
          "--repeats", "1", "--seed", "7", "--chunks-min", "16", "--chunks-max", "64", "--workers-max", "2", "--no-best",
          "--effort", "quick"]
# name -> (arguments, what must succeed where the command says that it is done or stopped)
COMMANDS = {
    "generate": (["generate", "--prompt", kills.PROMPT, "-n", "80", "--no-best", "--save-state", "state"],
                 {"state": ["generate", *STATE]}),
    "synth": (["synth", "--like", "128x4x4x2048", "--out", "made"], {"made": ["info", "--model", "made"]}),
    "convert": (kills.CONVERT, {}),
    "verify": (["verify", "--golden", GOLDEN], {}),
    "perplexity": (["perplexity", "--file", "text"], {}),
    "tokenize": (["tokenize", "--prompt", kills.PROMPT], {}),
    "params": (["params"], {}),
    "optimize": (SEARCH + ["--log-dir", "runs", "--tag", "it"], {}),
    "save-outputs": (["save-outputs", "--run", "done", "--new", "20"], {}),
    "judge": (["judge", "--run", "done", "--prompt", kills.PROMPT], {}),
}


def start(xltune, arguments, folder):
    return subprocess.Popen([xltune] + arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, start_new_session=True,
                            preexec_fn=lambda: [signal.signal(s, signal.SIG_DFL) for s in AS_USUAL])


def ignores_pipe(pid):
    """Whether the program has begun: that is the first thing it does."""
    try:
        with open(f"/proc/{pid}/status") as file:
            ignored = next(line.split()[1] for line in file if line.startswith("SigIgn:"))
    except (OSError, StopIteration):
        return True
    return int(ignored, 16) >> (signal.SIGPIPE - 1) & 1 == 1


def disturbed(xltune, arguments, folder, kind, after):
    """The exit code (None: it did not end), whether it was still running when the signal came, and its error."""
    child = start(xltune, arguments, folder)
    while child.poll() is None and not ignores_pipe(child.pid):
        time.sleep(0.002)
    try:
        _, err = child.communicate(timeout=after)
        return child.returncode, False, err.decode(errors="replace")
    except subprocess.TimeoutExpired:
        pass
    if kind == "twice":
        child.send_signal(signal.SIGINT)
        time.sleep(0.02)
        child.send_signal(signal.SIGINT)
    else:
        child.send_signal(getattr(signal, "SIG" + kind))
    if kind == "STOP":
        time.sleep(0.3)
        child.send_signal(signal.SIGCONT)
    try:
        _, err = child.communicate(timeout=STEP_S)
        return child.returncode, True, err.decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return None, True, ""


def hidden(folder):
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            if name.startswith(".") or "tmp" in name:
                yield os.path.relpath(os.path.join(place, name), folder)
    runs = os.path.join(folder, "runs")
    for name in os.listdir(runs) if os.path.isdir(runs) else []:
        if os.path.isdir(os.path.join(runs, name)) and "run_meta.json" not in os.listdir(os.path.join(runs, name)):
            yield f"runs/{name}, in which no run began"


def again(name, folder):
    runs = os.path.join(folder, "runs")
    begun = [n for n in (os.listdir(runs) if os.path.isdir(runs) else []) if n.endswith("_it")]
    return ["optimize", "--resume", os.path.join("runs", begun[0])] if name == "optimize" and begun else COMMANDS[name][0]


def faults_of(xltune, name, folder, kind, after, wanted):
    arguments, then = COMMANDS[name]
    code, was_there, err = disturbed(xltune, arguments, folder, kind, after)
    if code is None:
        yield f"no end within {STEP_S} s"
        return
    number = signal.SIGINT if kind == "twice" else getattr(signal, "SIG" + kind)
    ends = kind in ("INT", "TERM", "HUP", "twice")
    # The first instants of a program, before it has a handler, end by the signal itself.
    allowed = {0} | ({128 + number, -number} if ends and was_there else set())
    if code not in allowed:
        yield f"exit code {code}: {err.strip().splitlines()[-1:]}"
    if kind != "twice" and code >= 0:
        for path in hidden(folder):
            yield f"leaves {path}"
    for path, check in then.items():
        if os.path.exists(os.path.join(folder, path)) and (name != "synth" or code == 0):
            if kills.call(xltune, check, folder)[0] != 0:
                yield f"{path} is there and not whole"
    out = os.path.join(folder, "out")
    # A second signal may come when all is done and the process about to end; what is whole is not converted again.
    ended = name == "convert" and os.path.exists(os.path.join(out, "config.json")) and not os.path.exists(
        os.path.join(out, "conversion.json"))
    if code != 0 and not ended:
        if name == "synth":  # does not continue what is there, and says so
            shutil.rmtree(os.path.join(folder, "made"), ignore_errors=True)
        code, err = kills.call(xltune, again(name, folder), folder)
        if code != 0:
            yield f"cannot be run again: exit code {code}: {err.strip().splitlines()[-1:]}"
            return
    found = result_of(name, folder)
    if found != wanted:
        yield "another result than undisturbed"


def result_of(name, folder):
    if name == "optimize":
        return kills.points(folder)
    if name == "convert":
        return {k: v for k, v in kills.bytes_of(os.path.join(folder, "out")).items() if k != "conversion.json"}
    if name == "synth":
        return kills.bytes_of(os.path.join(folder, "made"))
    if name in ("save-outputs", "judge"):
        return kills.bytes_of(os.path.join(folder, "done", "outputs"))
    # A second signal may leave the file that was being written beside the place it was meant for.
    return {k: v for k, v in kills.bytes_of(folder).items() if not k.startswith(".") and "tmp" not in k}


def finished(xltune, place):
    """A folder with a run that nobody disturbed, and with its texts in `done`; made once, beside how long the run took."""
    folder, note = os.path.join(place, "finished"), os.path.join(place, "seconds")
    if not os.path.isdir(folder):
        os.mkdir(folder)
        begun = time.monotonic()
        for arguments in (COMMANDS["optimize"][0], COMMANDS["save-outputs"][0]):
            code, err = kills.call(xltune, arguments, folder)
            if code != 0:
                sys.exit(f"{arguments[0]}: an undisturbed run failed: {err}")
            if arguments[0] == "optimize":
                with open(note, "w") as file:
                    file.write(str(time.monotonic() - begun))
                runs = os.path.join(folder, "runs")
                shutil.copytree(os.path.join(runs, os.listdir(runs)[0]), os.path.join(folder, "done"))
    with open(note) as file:
        return folder, float(file.read())


def fresh(xltune, name, place):
    folder = tempfile.mkdtemp(dir=place)
    with open(os.path.join(folder, "text"), "w") as file:
        file.write("It was a bright cold morning, and the clock struck. " * 40)
    if name in ("save-outputs", "judge"):
        shutil.copytree(os.path.join(finished(xltune, place)[0], "done"), os.path.join(folder, "done"))
    if name == "save-outputs":
        shutil.rmtree(os.path.join(folder, "done", "outputs"))
    return folder


def undisturbed(xltune, name, place):
    """What is to be found, and how long it took."""
    if name == "optimize":
        folder, seconds = finished(xltune, place)
        return result_of(name, folder), seconds
    folder = fresh(xltune, name, place)
    begun = time.monotonic()
    if name in services.SERVICES:
        wanted = services.SERVICES[name](xltune, folder).undisturbed()
        return wanted, time.monotonic() - begun
    code, err = kills.call(xltune, COMMANDS[name][0], folder)
    if code != 0:
        sys.exit(f"{name}: an undisturbed run failed: {err}")
    return result_of(name, folder), time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("xltune")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--csv")
    options = parser.parse_args()
    xltune, chance = os.path.abspath(options.xltune), random.Random(options.seed)
    place = tempfile.mkdtemp(prefix="xltune-signals.")
    os.environ.update(HOME=place, XDG_RUNTIME_DIR=place, LC_ALL="C.UTF-8")
    rows, bad = [], 0
    try:
        every = [*COMMANDS, *services.SERVICES]
        for name in options.only.split(",") if options.only else SHORT if options.short else every:
            wanted, seconds = undisturbed(xltune, name, place)
            kinds = SHORT[name] if options.short else KINDS + ["KILL"] * (name in services.SERVICES)
            faults = 0
            for number in range(options.rounds):
                for kind in kinds:
                    folder, after = fresh(xltune, name, place), chance.uniform(0.01, seconds)
                    found = (services.SERVICES[name](xltune, folder).faults(kind, after, wanted) if name in services.SERVICES
                             else faults_of(xltune, name, folder, kind, after, wanted))
                    for fault in found:
                        print(f"FAULT {name}, round {number}, {kind} after {after:.3f} s: {fault}", flush=True)
                        faults += 1
                    shutil.rmtree(folder)
            print(f"{name}: {options.rounds * len(kinds)} signals, {faults} faults", flush=True)
            rows.append([name, options.rounds * len(kinds), faults])
            bad += faults
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if options.csv:
        with open(options.csv, "w", newline="") as file:
            csv.writer(file).writerows([["command", "signals", "faults"], *rows])
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
