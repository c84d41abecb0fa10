#!/usr/bin/env python3
"""Checks who includes whom against the layering (docs/architecture.md), and that outside libraries stay where they belong.

usage: tools/check_layers.py        exits 1 and lists every include that is not allowed
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# folder -> what its files may include besides their own folder and the C and POSIX headers
ALLOWED = {
    "include/xlstm": [],
    "src/base": ["include/xlstm/status.h"],
    "src/format": ["src/base", "include/xlstm"],
    "src/weights": ["src/base"],
    "src/kernels": ["src/weights", "src/base"],
    "src/backend": ["src/weights", "src/base", "include/xlstm"],
    "src/backend/cpu": ["src/backend/backend.h", "src/kernels", "src/weights", "src/base", "include/xlstm"],
    "src/model": ["src/format", "src/weights", "src/backend/backend.h", "src/base", "include/xlstm"],
    "src/runtime": ["src/model", "src/backend/backend.h", "src/weights", "src/format", "src/base", "include/xlstm"],
    "tuner/metric": ["src/base", "include/xlstm/status.h"],
    "tuner/space": ["include/xlstm", "src/base"],
    "tuner/measure": ["src/base", "include/xlstm/status.h"],
    "tuner/search": ["tuner/space", "src/base", "include/xlstm/status.h"],
    "tuner/target": ["tuner/metric", "tuner/space", "tuner/measure", "src/base", "include/xlstm"],
    "tuner/study": ["tuner/metric", "tuner/space", "src/base", "include/xlstm"],
    "tuner/landscape": ["tuner/space", "tuner/search", "src/base", "include/xlstm/status.h"],
    "tuner/scores": ["include/xlstm", "src/base"],
    "tuner/driver": ["tuner/metric", "tuner/target", "tuner/space", "tuner/search", "tuner/landscape", "tuner/measure", "tuner/study", "include/xlstm", "src/base"],
    "tuner/report": ["tuner/metric", "tuner/study", "tuner/space", "tuner/measure/stats.h", "tuner/measure/final.h", "src/base", "include/xlstm/status.h"],
    "cli": ["include/xlstm", "tuner", "src/base"],
    "bench": ["include/xlstm", "src/kernels", "src/weights", "src/base", "tuner"],
}
# outside header -> the folders that may include it
LIBRARIES = {
    r"sqlite3\.h": ["tuner/study"],
    r"vulkan/.*": ["src/backend/vulkan"],
    r"(immintrin|x86intrin|xmmintrin|emmintrin)\.h": ["src/kernels/x86"],
    r"arm_neon\.h": ["src/kernels/arm"],
    r"cblas.*\.h|Accelerate/.*": ["src/kernels"],
    r"pcre2\.h|utf8proc\.h": ["src/format"],
    r"hwloc.*\.h": ["src/base"],
}


def resolve(including, name, quoted):
    """The path inside the project that an include names, or None for a header from outside."""
    places = [os.path.dirname(including), "include", "src", "."] if quoted else ["include"]
    for place in places:
        path = os.path.normpath(os.path.join(place, name))
        if os.path.isfile(os.path.join(ROOT, path)):
            return path
    return None


def layer_of(path):
    best = ""
    for folder in ALLOWED:
        if path.startswith(folder + "/") and len(folder) > len(best):
            best = folder
    return best


def under(path, place):
    return path == place or path.startswith(place + "/")


def main():
    bad = files = 0
    for top in ("include", "src", "tuner", "cli", "bench"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in sorted(names):
                if not name.endswith((".c", ".h")):
                    continue
                files += 1
                path = os.path.relpath(os.path.join(folder, name), ROOT)
                layer = layer_of(path)
                if not layer:
                    print(f"{path}: in no known layer")
                    bad += 1
                    continue
                with open(os.path.join(ROOT, path), encoding="utf-8") as f:
                    text = f.read()
                for mark, target in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text, re.M):
                    inside = resolve(path, target, mark == '"')
                    if inside:
                        if layer_of(inside) == layer or under(inside, layer):
                            continue
                        allowed = ALLOWED[layer]
                        if path == "src/backend/registry.c":
                            allowed = allowed + ["src/backend/cpu", "src/backend/vulkan"]
                        if not any(under(inside, place) for place in allowed):
                            print(f"{path}: includes {inside}, which {layer} may not")
                            bad += 1
                    elif mark == '"':
                        print(f'{path}: includes "{target}", which is nowhere')
                        bad += 1
                    else:
                        for pattern, places in LIBRARIES.items():
                            if re.fullmatch(pattern, target) and not any(under(path, p) for p in places):
                                print(f"{path}: includes <{target}>, which belongs to {', '.join(places)}")
                                bad += 1
    print(f"{files} files, {bad} includes that the layering does not allow")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
