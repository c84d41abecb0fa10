#!/usr/bin/env python3
"""check_completions.py XLTUNE SOURCE SHELL: completes words in bash, zsh or fish with the files that are installed and
looks for what must be offered. Exit code 77, with the reason, where the shell is missing."""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# What is typed, what must be among the offers, and what must not.
CASES = [
    ("xltune ", ["generate", "study", "help", "save-outputs"], ["fresh-process"]),
    ("xltune help ", ["generate", "study"], ["help"]),
    ("xltune study ", ["list", "show", "export", "compare"], ["generate"]),
    ("xltune study exp", ["export"], ["list"]),
    ("xltune optimize --mode ", ["auto", "ehvi", "nsga2", "ga", "random", "grid"], []),
    ("xltune optimize --tune ", ["chunk_size", "heads_per_band", "decode_workers"], []),
    ("xltune replay --strategy ", ["auto", "grid"], []),
    ("xltune generate --profile ", ["golden_ray", "golden_queued"], []),
    ("xltune generate --temp", ["--temperature"], ["--top-k"]),
    ("xltune bench --output ", ["md", "jsonl"], []),
]


def bash(folder, line):
    words = line.split(" ")
    script = f"""source {folder}/xltune.bash
COMP_WORDS=({' '.join("'" + w + "'" for w in words)}); COMP_CWORD={len(words) - 1}; _xltune
printf '%s\\n' "${{COMPREPLY[@]}}" """
    return subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True).stdout


def fish(folder, line):
    return subprocess.run(["fish", "--no-config", "-c", f"source {folder}/xltune.fish; complete -C '{line}'"],
                          capture_output=True, text=True, check=True, env={**os.environ, "HOME": folder}).stdout


def read_until(master, mark, limit_s, quiet_s=None):
    """What comes until the mark, the limit, or a silence after something came."""
    text, end, last = "", time.monotonic() + limit_s, None
    while mark not in text and time.monotonic() < end:
        if select.select([master], [], [], 0.1)[0]:
            text += os.read(master, 65536).decode(errors="replace")
            last = time.monotonic()
        elif quiet_s and last and time.monotonic() - last > quiet_s:
            break
    return text


class Zsh:
    """It completes at its own prompt alone: one is typed at."""

    def __init__(self, folder):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.environ.update(HOME=folder, TERM="dumb", COLUMNS="200", LINES="200", ZDOTDIR=folder)
            os.execvp("zsh", ["zsh", "-f", "-i"])
        os.write(self.master, (f"fpath=({folder} $fpath); unsetopt beep; LISTMAX=9999; autoload -Uz compinit; "
                               "compinit -u -D; PROMPT=; echo REA''DY\n").encode())
        read_until(self.master, "READY\r\n", 60)

    def __call__(self, folder, line):
        # A single offer is put in behind what was typed. Control-U and the mark are for the next line.
        os.write(self.master, line.encode() + b"\t\t")
        found = read_until(self.master, "\0", 20, 1)
        os.write(self.master, b"\x15echo DO''NE\n")
        return found + read_until(self.master, "DONE\r\n", 20)

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.master)


def offers(text):
    """The words of what a shell printed, without its control sequences."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", " ", text)
    return set(re.findall(r"(?<![\w-])--?[a-z][\w-]*|(?<![\w-])[a-z][\w-]*", text))


def main():
    xltune, source, name = sys.argv[1:4]
    if not shutil.which(name):
        print(f"{name} is not installed")
        return 77
    bad = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, os.path.join(source, "tools", "make_completions.py"), xltune, source, folder],
                       check=True)
        complete = Zsh(folder) if name == "zsh" else {"bash": bash, "fish": fish}[name]
        for line, wanted, unwanted in CASES:
            text = complete(folder, line)
            if name == "zsh":
                text = text.replace(line.rsplit(" ", 1)[0], " ", 1)  # its echo
            found = offers(text)
            bad += [f"{line!r}: {word} is not offered; found {' '.join(sorted(found))[:300]}" for word in wanted
                    if word not in found]
            bad += [f"{line!r}: {word} is offered" for word in unwanted
                    if re.search(rf"^{re.escape(word)}\b", text, re.M)]
        if name == "zsh":
            complete.close()
    print("\n".join(bad) or f"{len(CASES)} completions in {name}")
    return 1 if bad else 0


sys.exit(main())
