#!/usr/bin/env python3
"""uninstall.py [--record] BUILD [PREFIX]: removes what the last installs of a build folder left under the prefix.

Meson notes the files of the last install and the folders that it made; install_pages.py notes the pages and completion
files. --record, which `make install` calls, keeps both in BUILD/installed.json over several installs, since the second
one into a place makes no folder there. Files that are gone already and folders that hold something else are left."""
import json
import os
import subprocess
import sys


def lines(path):
    try:
        with open(path, encoding="utf-8") as file:
            return [line.rstrip("\n") for line in file if line[0] not in "#\n"]
    except FileNotFoundError:
        return []


def main():
    record = sys.argv[1] == "--record"
    build, *rest = sys.argv[2 if record else 1:]
    options = json.loads(subprocess.run(["meson", "introspect", "--buildoptions", build], check=True,
                                        capture_output=True, text=True).stdout)
    prefix = rest[0] if rest else next(o["value"] for o in options if o["name"] == "prefix")
    root = os.path.normpath("/" + (os.environ.get("DESTDIR", "") + prefix).lstrip("/"))
    kept = os.path.join(build, "installed.json")
    installed = {}
    if os.path.exists(kept):
        with open(kept, encoding="utf-8") as file:
            installed = json.load(file)
    logs = os.path.join(build, "meson-logs")
    last = lines(os.path.join(logs, "install-log.txt")) + lines(os.path.join(logs, "install-pages.txt"))
    # Below the root, or a folder that had to be made above it.
    paths = set(installed.get(root, [])) | {p for p in last if (p + "/").startswith(root + "/") or (root + "/").startswith(p + "/")}
    if record:
        installed[root] = sorted(paths)
    else:
        removed = 0
        # What is deeper comes first, so that a folder is empty when its turn comes.
        for path in sorted(paths, key=lambda p: p.count("/"), reverse=True):
            if os.path.isdir(path) and not os.path.islink(path):
                if not os.listdir(path):
                    os.rmdir(path)
            elif os.path.lexists(path):
                os.remove(path)
                removed += 1
        print(f"{removed} files removed from {root}" if paths else f"nothing of {build} is known to be in {root}")
        installed.pop(root, None)
    with open(kept, "w", encoding="utf-8") as file:
        json.dump(installed, file, indent=1)


main()
