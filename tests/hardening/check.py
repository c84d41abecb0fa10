#!/usr/bin/env python3
"""check.py SOURCE FORTIFIED FILE...: whether built ELF files are hardened, and free of the folder they were built in.

FORTIFIED is 1 where the build asks for checked string functions (not in debug and sanitizer builds). Exits with 77, which
skips the test, where there is no readelf or the files are not ELF (macOS).
"""
import shutil
import subprocess
import sys

ENDBR64, PACIASP = b"\xf3\x0f\x1e\xfa", b"\x3f\x23\x03\xd5"
source, fortified, files = sys.argv[1], sys.argv[2] == "1", sys.argv[3:]
if not shutil.which("readelf"):
    print("skipped: no readelf")
    sys.exit(77)


def readelf(option, path):
    return subprocess.run(["readelf", option, "--wide", path], capture_output=True, text=True, check=True).stdout


def faults(path):
    data = open(path, "rb").read()
    header, segments, dynamic = readelf("--file-header", path), readelf("--segments", path), readelf("--dynamic", path)
    symbols = readelf("--dyn-syms", path)
    if "DYN (" not in header:
        yield "is loaded at a fixed address (not PIE)"
    if "GNU_RELRO" not in segments:
        yield "its relocations stay writable (no RELRO)"
    if "BIND_NOW" not in dynamic and "NOW" not in dynamic:
        yield "binds its functions late (no BIND_NOW)"
    stack = [line for line in segments.splitlines() if "GNU_STACK" in line]
    if not stack or "E" in stack[0].split()[-2]:
        yield "has an executable stack"
    if "TEXTREL" in dynamic:
        yield "has relocations in its code"
    if "RPATH" in dynamic and not path.startswith(source):
        yield "looks for libraries in a path of its own"
    if "__stack_chk_fail" not in symbols:
        yield "does not protect its stack"
    if fortified and "_chk" not in symbols.replace("__stack_chk_fail", ""):
        yield "does not use checked string functions (_FORTIFY_SOURCE)"
    # The C library's own start files may lack the notes that would switch it on, so the code itself is looked at.
    if "X86-64" in header and data.count(ENDBR64) < 100:
        yield "has no landing marks for indirect branches (CET)"
    if "AArch64" in header and data.count(PACIASP) < 100:
        yield "does not sign its return addresses (PAC, BTI)"
    if source.encode() in data:
        yield f"names the folder of its source, {source}"


bad = 0
for path in files:
    if open(path, "rb").read(4) != b"\x7fELF":
        print("skipped: not ELF")
        sys.exit(77)
    for fault in faults(path):
        print(f"{path} {fault}")
        bad += 1
print(f"{len(files)} files, {bad} faults")
sys.exit(1 if bad else 0)
