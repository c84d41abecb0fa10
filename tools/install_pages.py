#!/usr/bin/env python3
"""install_pages.py XLTUNE VERSION SOURCE MANDIR DATADIR: run by `meson install`; writes the man pages and the
completion files under the prefix, both made from the program's own help. Where it is run by Meson, what it wrote and the
folders that it made are listed in BUILD/meson-logs/install-pages.txt."""
import os
import subprocess
import sys
import tempfile

PLACES = {"xltune.bash": "bash-completion/completions/xltune", "_xltune": "zsh/site-functions/_xltune",
          "xltune.fish": "fish/vendor_completions.d/xltune.fish"}


def make_folders(path, made):
    if not os.path.isdir(path):
        make_folders(os.path.dirname(path), made)
        os.mkdir(path)
        made.append(path)


def main():
    xltune, version, source, mandir, datadir = sys.argv[1:6]
    prefix = os.environ["MESON_INSTALL_DESTDIR_PREFIX"]
    tools = os.path.join(source, "tools")
    man, made = os.path.join(prefix, mandir, "man1"), []
    make_folders(man, made)
    pages = subprocess.run([sys.executable, os.path.join(tools, "make_man.py"), xltune, version,
                            os.path.join(source, "docs", "man"), man], check=True, capture_output=True, text=True)
    made += pages.stdout.splitlines()
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, os.path.join(tools, "make_completions.py"), xltune, source, scratch], check=True)
        for name, place in PLACES.items():
            path = os.path.join(prefix, datadir, place)
            make_folders(os.path.dirname(path), made)
            with open(os.path.join(scratch, name), encoding="utf-8") as source_file:
                text = source_file.read()
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            made.append(path)
    build = os.environ.get("MESON_BUILD_ROOT")
    if build:
        with open(os.path.join(build, "meson-logs", "install-pages.txt"), "w", encoding="utf-8") as file:
            file.writelines(path + "\n" for path in made)


main()
