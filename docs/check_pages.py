#!/usr/bin/env python3
"""check_pages.py XLTUNE VERSION SOURCE: installs man pages and completion files into an empty folder and checks them:
a page for every command, every option on its page, no complaint of mandoc and bash (where they are there)."""
import os
import shutil
import subprocess
import sys
import tempfile

xltune, version, source = sys.argv[1:4]
sys.path.insert(0, os.path.join(source, "tools"))
from helptext import Help, commands  # noqa: E402

bad = []


def complain(condition, text):
    if condition:
        bad.append(text)


with tempfile.TemporaryDirectory() as prefix:
    subprocess.run([sys.executable, os.path.join(source, "tools", "install_pages.py"), xltune, version, source,
                    "share/man", "share"], check=True, env={**os.environ, "MESON_INSTALL_DESTDIR_PREFIX": prefix})
    man = os.path.join(prefix, "share/man/man1")
    listed = commands(xltune)
    complain(not listed, "no command is listed by xltune -h")
    with open(os.path.join(prefix, "share/bash-completion/completions/xltune"), encoding="utf-8") as file:
        completion = file.read()
    for name, _ in listed:
        path = os.path.join(man, f"xltune-{name}.1")
        complain(not os.path.exists(path), f"{name}: no page")
        with open(path, encoding="utf-8") as file:
            page = file.read()
        options = [option for _, section in Help(xltune, name).sections for option in section]
        complain(not options, f"{name}: no option was found in its help")
        for option in options:
            complain(option.name.replace("-", "\\-") not in page, f"{name}: {option.name} is not on its page")
            complain(option.name not in completion, f"{name}: {option.name} is not completed")
            complain(not option.text, f"{name}: {option.name} has no text")
    pages = sorted(os.path.join(man, page) for page in os.listdir(man))
    if shutil.which("mandoc"):
        lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *pages], capture_output=True, text=True)
        complain(lint.returncode, lint.stdout + lint.stderr)
    shell = subprocess.run(["bash", "-n"], input=completion, text=True, capture_output=True)
    complain(shell.returncode, shell.stderr)
print("\n".join(bad) or f"{len(pages)} pages")
sys.exit(1 if bad else 0)
