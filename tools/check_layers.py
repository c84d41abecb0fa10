#!/usr/bin/env python3
"""Checks the layering that docs/architecture.md describes: which folder includes which, where outside libraries may be
included, that no files depend on each other in a cycle, and that file names are unique.

usage: tools/check_layers.py        exits 1 and lists everything that is not allowed
"""
import os
import re
import sys
from collections import defaultdict
from fnmatch import fnmatchcase as fnmatch

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOPS = ("include", "src", "tuner", "cluster", "server", "cli", "bench")

# The driver's results about a run, which are the only part of it that tuner/run may include.
DRIVER_RESULTS = ["tuner/driver/result.h", "tuner/driver/keeper.h", "tuner/driver/front.h"]
# folder -> what its files may include besides their own folder and the C and POSIX headers
ALLOWED = {
    "include/xlstm": [],
    "src/base": ["include/xlstm/status.h"],
    "src/format": ["src/base", "include/xlstm"],
    "src/weights": ["src/base"],
    "src/kernels": ["src/weights", "src/base"],
    "src/backend": ["src/weights", "src/base", "include/xlstm"],
    "src/backend/cpu": ["src/backend/backend.h", "src/kernels", "src/weights", "src/base", "include/xlstm"],
    "src/backend/vulkan": ["src/backend/backend.h", "src/weights", "src/base", "include/xlstm"],
    "src/model": ["src/format", "src/weights", "src/backend/backend.h", "src/base", "include/xlstm"],
    "src/runtime": ["src/model", "src/backend/backend.h", "src/weights", "src/format", "src/base", "include/xlstm"],
    "tuner/metric": ["src/base", "include/xlstm/status.h"],
    "tuner/space": ["src/base", "include/xlstm/status.h"],
    "tuner/measure": ["src/base", "include/xlstm/status.h"],
    "tuner/search": ["tuner/search/models", "tuner/space", "src/base", "include/xlstm/status.h"],
    "tuner/search/models": ["tuner/space", "src/base", "include/xlstm/status.h"],
    "tuner/landscape": ["tuner/space", "tuner/search/strategy.h", "src/base", "include/xlstm/status.h"],
    "tuner/target": ["tuner/metric", "tuner/space", "tuner/measure", "src/base", "include/xlstm/status.h"],
    "tuner/study": ["tuner/metric", "tuner/space", "src/base", "include/xlstm/status.h"],
    "tuner/scores": ["include/xlstm", "src/base"],
    "tuner/driver": ["tuner/metric", "tuner/space", "tuner/search", "tuner/measure", "tuner/target", "tuner/study",
                     "src/base", "include/xlstm/status.h"],
    "tuner/run": [*DRIVER_RESULTS, "tuner/study", "tuner/space", "tuner/metric", "src/base", "include/xlstm/status.h"],
    "tuner/report": ["tuner/study", "tuner/metric", "tuner/space", "tuner/measure/stats.h", "tuner/measure/final.h",
                     "src/base", "include/xlstm/status.h"],
    "cluster": ["src/base", "include/xlstm/status.h"],
    "server": ["include/xlstm", "src/base"],
    "cli": ["include/xlstm", "tuner", "cluster", "server", "src/base"],
    "bench": ["include/xlstm", "src/kernels", "src/weights", "src/base", "tuner", "server/slices.h", "cli/landscape_export.h"],
}
# file (* stands for anything) -> what it alone may include besides
EXTRA = {
    "src/backend/registry.c": ["src/backend/cpu", "src/backend/vulkan"],
    "tuner/target/*engine*": ["include/xlstm"],  # the engine is libxlstm; no other target may know it
}
# outside header -> the folders that may include it
LIBRARIES = {
    r"sqlite3\.h|libpq-fe\.h": ["tuner/study"],
    r"vulkan/.*": ["src/backend/vulkan"],
    r"(immintrin|x86intrin|xmmintrin|emmintrin)\.h": ["src/kernels/x86"],
    r"arm_neon\.h": ["src/kernels/arm"],
    r"cblas.*\.h|Accelerate/.*": ["src/kernels"],
    r"pcre2\.h|utf8proc\.h": ["src/format"],
    r"hwloc.*\.h": ["src/base"],
    r"histedit\.h": ["cli"],
    r"microhttpd\.h|curl/.*": ["server", "cluster"],
}


def read_tree():
    """Path -> text of every source file."""
    files = {}
    for top in TOPS:
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                if name.endswith((".c", ".h", ".inc", ".def")):
                    path = os.path.relpath(os.path.join(folder, name), ROOT)
                    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
                        files[path] = f.read()
    return files


def resolve(files, including, name, quoted):
    """The path inside the project that an include names, or None for a header from outside."""
    places = [os.path.dirname(including), "include", "src", "."] if quoted else ["include"]
    for place in places:
        path = os.path.normpath(os.path.join(place, name))
        if path in files:
            return path
    return None


def includes(files, path):
    """(path inside or None, as written, quoted) of each include."""
    for mark, target in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', files[path], re.M):
        yield resolve(files, path, target, mark == '"'), target, mark == '"'


def under(path, place):
    return path == place or path.startswith(place + "/")


def layer_of(path):
    return max((folder for folder in ALLOWED if under(path, folder)), key=len, default="")


def extra_of(path):
    return [place for name, places in EXTRA.items() for place in places if fnmatch(path, name)]


def check_layers(files):
    for path in sorted(files):
        layer = layer_of(path)
        if not layer:
            yield f"{path}: in no known layer"
            continue
        for inside, target, quoted in includes(files, path):
            if inside:
                allowed = ALLOWED[layer] + extra_of(path)
                if layer_of(inside) != layer and not any(under(inside, place) for place in allowed):
                    yield f"{path}: includes {inside}, which {layer} may not"
            elif quoted:
                yield f'{path}: includes "{target}", which is nowhere'
            else:
                for pattern, places in LIBRARIES.items():
                    if re.fullmatch(pattern, target) and not any(under(path, p) for p in places):
                        yield f"{path}: includes <{target}>, which belongs to {', '.join(places)}"


def check_names(files):
    places = defaultdict(list)
    for path in files:
        if not under(path, "include") and not under(path, "bench"):
            places[os.path.basename(path)].append(path)
    for name in sorted(places):
        if len(places[name]) > 1:
            yield f"{name}: more than one file has this name: {', '.join(sorted(places[name]))}"


def unit_of(path):
    """A header, its private part x_impl.h and its implementation count as one unit."""
    stem = os.path.splitext(path)[0]
    return stem.removesuffix("_impl") if path.endswith("_impl.h") else stem


NAME = r"(?:xlstm|xl|tune|cluster|serve|cli)_\w+"


def without_texts(text):
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    return re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)


def definitions(text):
    """Functions and objects with external linkage that a file defines."""
    for m in re.finditer(rf"^(?!static|typedef|extern|#)[A-Za-z_][\w \*]*?[ \*]({NAME})(\(|\[| =)", text, re.M):
        if m.group(2) == "(":
            end, depth = m.end(), 1
            while depth and end < len(text):
                depth += {"(": 1, ")": -1}.get(text[end], 0)
                end += 1
            if not text[end:].lstrip().startswith("{"):
                continue
        yield m.group(1)


def graph_of(files):
    """Unit -> the units that it includes or of which it uses a definition."""
    plain = {path: without_texts(text) for path, text in files.items()}
    home = {name: path for path, text in plain.items() if path.endswith(".c") for name in definitions(text)}
    graph = defaultdict(set)
    for path, text in plain.items():
        used = {home[name] for name in re.findall(rf"\b{NAME}", text) if name in home} if path.endswith(".c") else set()
        used |= {inside for inside, _, _ in includes(files, path) if inside}
        graph[unit_of(path)] |= {unit_of(other) for other in used} - {unit_of(path)}
    return graph


def circles(graph):
    """The strongly connected parts of more than one node (Tarjan's algorithm)."""
    number, low, stack, found = {}, {}, [], []

    def visit(node):
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(graph):
        if node not in number:
            visit(node)
    return found


def check_circles(files):
    # The public headers declare what several folders implement, so they do not belong to one of them.
    graph = graph_of({path: text for path, text in files.items() if not under(path, "include")})
    for part in circles(graph):
        arrows = "; ".join(f"{unit} -> {', '.join(sorted(graph[unit] & set(part)))}" for unit in part)
        yield f"a circle of {len(part)} files: {arrows}"


def check_folders(files):
    """Folders must not depend on each other in a cycle, neither by the rules above nor by what is really included."""
    graph = defaultdict(set)
    for path in files:
        for inside, _, _ in includes(files, path):
            extra = inside and any(under(inside, place) for place in extra_of(path))
            if inside and layer_of(inside) != layer_of(path) and not extra:
                graph[layer_of(path)].add(layer_of(inside))
    for part in circles(graph):
        yield f"a circle of folders: {', '.join(part)}"


def main():
    sys.setrecursionlimit(10000)
    files = read_tree()
    bad = [line for check in (check_layers, check_names, check_circles, check_folders) for line in check(files)]
    print("\n".join(bad + [f"{len(files)} files, {len(bad)} breaches of the layering"]))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
