#!/usr/bin/env python3
"""Runs commands under limits that do not suffice, and looks at how they end and what they leave.

usage: limits.py XLTUNE [--levels N] [--only COMMAND,...] [--kind LIMIT,...] [--csv FILE]      default 3 levels of each limit

The limits: address space, open files, size of a file, stack, number of processes and threads (as another user where this
is root's), and a full disk (a file system of its own, where one may be mounted). Levels are spread from almost nothing to
what a command needs. It must end by itself with code 0 to 4, with an error that begins with its name where not 0; leave
nothing hidden and nothing half-written that loads; and succeed without the limit in the same folder. What was in the folder
before is as it was. Where so little is left that the program cannot even be loaded, the system says so, not the program.
"""
import argparse
import csv
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kills  # noqa: E402
import signals  # noqa: E402

MB = 1 << 20
# kind -> (limit, from, to); between them in equal ratios
LIMITS = {
    "address space": (resource.RLIMIT_AS, 24 * MB, 600 * MB),
    "open files": (resource.RLIMIT_NOFILE, 4, 24),
    "file size": (resource.RLIMIT_FSIZE, 1, MB),
    "stack": (resource.RLIMIT_STACK, 64 << 10, MB),
    "processes": (resource.RLIMIT_NPROC, 1, 8),
    "disk": (None, 16 << 10, 4 * MB),
}
COMMANDS = ["generate", "convert", "perplexity", "params", "optimize"]
NOBODY = 65534
END_S = 600
# What the system says where a program cannot be loaded, or its first thread gets no stack.
NOT_LOADED = ("error while loading shared libraries", "cannot allocate memory in static TLS block", "cannot execute")


def levels(low, high, count):
    return [round(low * (high / low) ** (i / max(1, count - 1))) for i in range(count)]


def become_nobody():
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def limited(arguments, folder, kind, level):
    def set_limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        if LIMITS[kind][0] is not None:
            if kind == "processes" and os.geteuid() == 0:
                become_nobody()
            resource.setrlimit(LIMITS[kind][0], (level, level))

    child = subprocess.Popen(arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             start_new_session=True, preexec_fn=set_limit)
    try:
        _, err = child.communicate(timeout=END_S)
        return child.returncode, err.decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return None, ""


def can_mount():
    return subprocess.run(["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /mnt"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def can_be_limited(kind, xltune):
    """Root has no limit of processes, so that this one is tried as nobody, who may not reach what lies in root's home."""
    if kind == "disk":
        return can_mount()
    if kind != "processes" or os.geteuid() != 0:
        return True
    return subprocess.run(["sh", "-c", '[ -x "$1" ] && [ -r "$2" ]', "sh", xltune, signals.GOLDEN],
                          preexec_fn=become_nobody, check=False).returncode == 0


def on_a_disk(command, folder, level):
    """The command in a file system with so much room, and what it left, copied to `folder`."""
    place = os.path.join(folder, "disk")
    script = ('mount -t tmpfs -o size="$1" none "$2" && cp "$3/text" "$2" && cd "$2" && shift 3 && "$@"; code=$?; '
              'cp -R . "$OLDPWD/left" && exit $code')
    os.mkdir(place)
    return limited(["unshare", "-rm", "sh", "-c", script, "sh", str(level), place, folder, *command], folder, "disk", level)


def faults_of(xltune, name, folder, kind, level, wanted, ended):
    """`ended` gets the exit code."""
    arguments = [xltune] + signals.COMMANDS[name][0]
    kept = open(os.path.join(folder, "text"), "rb").read()
    if kind == "disk":
        code, err = on_a_disk(arguments, folder, level)
        folder = os.path.join(folder, "left")
        if not os.path.isdir(folder):
            return  # not even the folder's own file found room
    else:
        code, err = limited(arguments, folder, kind, level)
    ended.append(code)
    lines = [line for line in err.splitlines() if line]
    if code is None:
        yield f"no end within {END_S} s"
        return
    if any(words in err for words in NOT_LOADED) or (code == -signal.SIGSEGV and kind in ("stack", "address space") and not lines
                                                      and not loads(xltune, folder, kind, level)):
        return
    if code < 0 or code > 4:
        yield f"exit code {code}: {' / '.join(lines[-2:])}"
    elif code and not any(line.startswith("xltune") for line in lines):
        yield f"exit code {code} without an error: {' / '.join(lines[-2:])}"
    for path in signals.hidden(folder):
        yield f"leaves {path}"
    if open(os.path.join(folder, "text"), "rb").read() != kept:
        yield "a file that was there is another"
    for path, check in signals.COMMANDS[name][1].items():
        if os.path.exists(os.path.join(folder, path)) and kills.call(xltune, check, folder)[0] != 0:
            yield f"{path} is there and not whole"
    if code != 0:
        code, err = kills.call(xltune, signals.again(name, folder), folder)
        if code != 0:
            yield f"cannot be run again: exit code {code}: {err.strip().splitlines()[-1:]}"
            return
    # With fewer threads than wanted a state is the same but for rounding; it was loaded above.
    if signals.result_of(name, folder) != wanted and (name, kind) != ("generate", "processes"):
        yield "another result than without a limit"


def loads(xltune, folder, kind, level):
    return limited([xltune, "--version"], folder, kind, level)[0] == 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("xltune")
    parser.add_argument("--levels", type=int, default=3)
    parser.add_argument("--only")
    parser.add_argument("--kind")
    parser.add_argument("--csv")
    options = parser.parse_args()
    xltune = os.path.abspath(options.xltune)
    place = tempfile.mkdtemp(prefix="xltune-limits.")
    os.chmod(place, 0o755)
    os.environ.update(HOME=place, XDG_RUNTIME_DIR=place, LC_ALL="C.UTF-8")
    rows, bad = [], 0
    try:
        for name in options.only.split(",") if options.only else COMMANDS:
            folder = signals.fresh(xltune, name, place)
            code, err = kills.call(xltune, signals.COMMANDS[name][0], folder)
            if code != 0:
                sys.exit(f"{name}: a run without a limit failed: {err}")
            wanted = signals.result_of(name, folder)
            for kind, (_, low, high) in LIMITS.items():
                if options.kind and kind not in options.kind.split(","):
                    continue
                if not can_be_limited(kind, xltune):
                    print(f"{name:10} {kind:13} left out: this machine does not allow it here", flush=True)
                    continue
                found, ended = 0, []
                tried = levels(low, high, options.levels)
                for level in tried:
                    folder = signals.fresh(xltune, name, place)
                    os.chmod(folder, 0o777)
                    for fault in faults_of(xltune, name, folder, kind, level, wanted, ended):
                        print(f"FAULT {name}: {kind} {level}: {fault}", flush=True)
                        found += 1
                    shutil.rmtree(folder)
                print(f"{name:10} {kind:13} {len(tried):3} levels, {sum(c != 0 for c in ended):3} too low, {found} faults", flush=True)
                rows.append([name, kind, len(tried), sum(c != 0 for c in ended), found])
                bad += found
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if options.csv:
        with open(options.csv, "w", newline="") as file:
            csv.writer(file).writerows([["command", "limit", "levels", "too low", "faults"], *rows])
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
