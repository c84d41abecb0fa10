#!/usr/bin/env python3
"""run.py XLTUNE [--update] [TEST...]: runs command-line tests.

A test is a script NAME.sh beside what it must give: NAME.out (standard output), NAME.err (standard error) and
NAME.code (exit code); a missing file means empty or 0. Scripts run with `sh -u` in an empty folder of their own and
find the program as `xltune`; $MODEL is the embedded checkpoint, $PROMPTS the example prompts, $FIXTURES this
folder's files. Numbers that vary are for the script to mask (sed); here only paths are: <tmp>, <model>, <source>,
<data>; and the line with which a search says that this machine changes between two states is left out, since any machine
may at any hour. Scripts that take long are told with their time. Exit code 77 skips the test. A test named by a folder is all scripts in it. --update writes what was found.
"""
import difflib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
MODEL = os.path.join(SOURCE, "models", "tiny-literature")
LIMIT_S = float(os.environ.get("TEST_LIMIT_S", 300))  # of a script that hangs; a busy machine may take long
LONG_S = 20  # of a script whose time is told
STATES = re.compile(r"^(xltune: )?this machine changes between two states \(.*\n", re.M)


def collect(names):
    for name in names:
        if os.path.isdir(name):
            yield from (os.path.join(name, f) for f in sorted(os.listdir(name)) if f.endswith(".sh"))
        else:
            yield name


def expected(path, default):
    if not os.path.exists(path):
        return default
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as f:
        return f.read()


def run(xltune, script):
    with tempfile.TemporaryDirectory() as work:
        work = os.path.realpath(work)
        tools = os.path.join(work, ".bin")
        os.mkdir(tools)
        os.symlink(xltune, os.path.join(tools, "xltune"))
        folder = os.path.join(work, "w")
        os.mkdir(folder)
        env = {k: v for k, v in os.environ.items() if not k.startswith(("XLSTM_", "XLTUNE_"))}
        env.update(PATH=tools + ":" + env["PATH"], LC_ALL="C.UTF-8", TMPDIR=work, MODEL=MODEL,
                   PROMPTS=os.path.join(SOURCE, "prompts"), FIXTURES=os.path.join(HERE, "fixtures"),
                   SOURCE=SOURCE, HOME=work, no_proxy="127.0.0.1", NO_PROXY="127.0.0.1")
        # A group of its own, so that nothing that a script started outlives it.
        child = subprocess.Popen(["sh", "-u", script], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        try:
            stdout, stderr = child.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            return "", f"no end within {LIMIT_S} s\n", -1
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()

        def text(raw):
            s = STATES.sub("", raw.decode("utf-8", "surrogateescape"))
            for path, name in ((folder, "<tmp>"), (work, "<tmp>"), (MODEL, "<model>"), (SOURCE, "<source>"),
                               (os.environ.get("XLTUNE_DATADIR", "/usr/local/share/xltune"), "<data>")):
                s = s.replace(path, name)
            return s

        return text(stdout), text(stderr), child.returncode


def write(path, text, default):
    if text == default:
        if os.path.exists(path):
            os.remove(path)
        return
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as f:
        f.write(text)


def main():
    args = sys.argv[1:]
    update = "--update" in args
    args = [a for a in args if a != "--update"]
    if not args:
        sys.exit(__doc__)
    xltune = os.path.realpath(args[0])
    names = args[1:] or [os.path.join(HERE, d) for d in sorted(os.listdir(HERE))
                         if d != "fixtures" and os.path.isdir(os.path.join(HERE, d))]
    passed = failed = skipped = 0
    for script in collect(names):
        script = os.path.abspath(script)
        stem = script[:-3]
        began = time.monotonic()
        out, err, code = run(xltune, script)
        seconds = time.monotonic() - began
        label = os.path.relpath(stem, HERE)
        if code == 77:
            skipped += 1
            print(f"skip {label}: {err.strip()}")
            continue
        if update:
            write(stem + ".out", out, "")
            write(stem + ".err", err, "")
            write(stem + ".code", f"{code}\n", "0\n")
        bad = []
        for suffix, found, default in ((".out", out, ""), (".err", err, ""), (".code", f"{code}\n", "0\n")):
            wanted = expected(stem + suffix, default)
            if wanted != found:
                bad += difflib.unified_diff(wanted.splitlines(True), found.splitlines(True), label + suffix,
                                            label + suffix + " (found)")
        if bad:
            failed += 1
            print(f"FAIL {label}")
            for line in bad:
                sys.stdout.write("  " + line.encode("utf-8", "backslashreplace").decode() + ("" if line.endswith("\n") else "\n"))
        else:
            passed += 1
        if seconds > LONG_S:
            print(f"{label} took {seconds:.0f} s")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 77 if skipped and not passed else 0)


main()
