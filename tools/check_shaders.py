#!/usr/bin/env python3
"""Checks every shader of the Vulkan backend: it compiles, spirv-val accepts it, and spirv-cross translates it to Metal's
language, which is how it runs on Apple's GPUs. What is kept as SPIR-V must have been made of the sources that are here.

usage: tools/check_shaders.py        exits 1 and says what failed
"""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHADERS = os.path.join(ROOT, "src/backend/vulkan/shaders")


def check(name, flags, native, folder):
    """The first step that failed, with its output; None where all went well. A native shader is not for Metal."""
    spv = os.path.join(folder, "shader.spv")
    steps = (["glslc", "-O", "--target-env=vulkan1.2", *flags, "-I", SHADERS, "-o", spv,
              os.path.join(SHADERS, name + ".comp")],
             ["spirv-val", "--target-env", "vulkan1.2", spv],
             ["spirv-cross", "--msl", "--msl-version", "20300", "--output", os.path.join(folder, "shader.metal"), spv])
    for step in steps[:2] if native else steps:
        result = subprocess.run(step, capture_output=True, text=True, check=False)
        if result.returncode:
            return f"{name} {' '.join(flags)}: {step[0]}: {(result.stdout + result.stderr).strip()}"
    return None


def main():
    with open(os.path.join(SHADERS, "shaders.def"), encoding="utf-8") as f:
        shaders = re.findall(r"^(SHADER|NATIVE)\((\w+)\)", f.read(), re.M)
    with tempfile.TemporaryDirectory() as folder:
        found = [check(name, flags, kind == "NATIVE", folder) for kind, name in shaders for flags in ([], ["-DSUBGROUPS"])]
    bad = [text for text in found if text]
    print("\n".join(bad + [f"{len(found)} shaders, {len(bad)} refused"]))
    stale = subprocess.run([sys.executable, os.path.join(SHADERS, "compile.py"), "--stale"], check=False).returncode
    return 1 if bad or stale else 0


if __name__ == "__main__":
    sys.exit(main())
