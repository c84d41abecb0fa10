#!/usr/bin/env python3
"""Apache ECharts, which draws the charts of `xltune report` and `xltune dash`, lies unmodified in web/echarts, with its
licence. This checks that it is what the npm registry has under the pinned version, and fetches it anew.

usage: tools/fetch_echarts.py          compares the files with their pinned checksums (no network)
       tools/fetch_echarts.py --fetch  gets the pinned packages with `npm pack`, checks their integrity, and writes the
                                       files and their checksums; for a new version change PACKAGES first
"""
import base64
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile

PLACE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "web", "echarts")
SUMS = os.path.join(PLACE, "SHA256SUMS")
# package -> integrity as in a lock file of npm, and file in the package -> file in web/echarts. ECharts contains zrender,
# whose licence is shipped too.
PACKAGES = {
    "echarts@6.1.0": ("sha512-q0yaFPggC9FUdsWH4blavRWFmxdrIodbkoKNAjJudAI6CA9gNPxHtV2RcZNEepZVlk4yvBYkOkbk6HIVpIyHZA==",
                      {"dist/echarts.min.js": "echarts.min.js", "LICENSE": "LICENSE", "NOTICE": "NOTICE",
                       "licenses/LICENSE-d3": "LICENSE-d3"}),
    "zrender@6.1.0": ("sha512-oEGMDB6pOP2S6OwRR4PdVv610zrjnA3Bh+JnSG12fYJlBKjtNAoEb5fSUoCOOINlH96I2fU38/A2UpRKs67xYQ==",
                      {"LICENSE": "LICENSE-zrender"}),
}


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def check():
    bad = []
    with open(SUMS, encoding="ascii") as file:
        pinned = dict(reversed(line.split()) for line in file)
    wanted = {name for _, files in PACKAGES.values() for name in files.values()}
    if set(pinned) != wanted:
        bad.append(f"{SUMS}: lists {sorted(pinned)}, wanted {sorted(wanted)}")
    for name, sum_ in pinned.items():
        if digest(os.path.join(PLACE, name)) != sum_:
            bad.append(f"web/echarts/{name}: is not what was fetched from the registry; tools/fetch_echarts.py --fetch gets it")
    return bad


def fetch():
    for package, (integrity, files) in PACKAGES.items():
        with tempfile.TemporaryDirectory() as folder:
            packed = subprocess.run(["npm", "pack", package, "--json", "--pack-destination", folder], check=True,
                                    capture_output=True, text=True).stdout
            path = os.path.join(folder, json.loads(packed)[0]["filename"])
            with open(path, "rb") as file:
                found = "sha512-" + base64.b64encode(hashlib.sha512(file.read()).digest()).decode()
            if found != integrity:
                sys.exit(f"{package}: found {found}, wanted {integrity}")
            with tarfile.open(path) as archive:
                for name, target in files.items():
                    with open(os.path.join(PLACE, target), "wb") as file:
                        file.write(archive.extractfile("package/" + name).read())
    names = sorted(name for _, files in PACKAGES.values() for name in files.values())
    with open(SUMS, "w", encoding="ascii") as file:
        file.writelines(f"{digest(os.path.join(PLACE, name))}  {name}\n" for name in names)


if "--fetch" in sys.argv[1:]:
    fetch()
problems = check()
print("\n".join(problems) or "web/echarts is as pinned")
sys.exit(1 if problems else 0)
