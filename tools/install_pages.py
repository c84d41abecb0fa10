#!/usr/bin/env python3
"""install_pages.py XLTUNE VERSION SOURCE MANDIR DATADIR: run by `meson install`; writes the man pages and the
completion files under the prefix, both made from the program's own help."""
import os
import subprocess
import sys
import tempfile

PLACES = {"xltune.bash": "bash-completion/completions/xltune", "_xltune": "zsh/site-functions/_xltune",
          "xltune.fish": "fish/vendor_completions.d/xltune.fish"}


def main():
    xltune, version, source, mandir, datadir = sys.argv[1:6]
    prefix = os.environ["MESON_INSTALL_DESTDIR_PREFIX"]
    tools = os.path.join(source, "tools")
    subprocess.run([sys.executable, os.path.join(tools, "make_man.py"), xltune, version,
                    os.path.join(source, "docs", "man"), os.path.join(prefix, mandir, "man1")], check=True)
    with tempfile.TemporaryDirectory() as made:
        subprocess.run([sys.executable, os.path.join(tools, "make_completions.py"), xltune, made], check=True)
        for name, place in PLACES.items():
            path = os.path.join(prefix, datadir, place)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(os.path.join(made, name), encoding="utf-8") as source_file:
                text = source_file.read()
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)


main()
