#!/usr/bin/env python3
"""Compiles the shaders of shaders.def and writes them as one C file.

usage: compile.py GLSLC OUT.c DEPFILE
"""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
VARIANTS = ([], ["-DSUBGROUPS"])


def compile_one(glslc, name, flags, folder):
    """The words of a shader as the text of a C initializer, and the files that it was made from."""
    out, deps = os.path.join(folder, "out"), os.path.join(folder, "deps")
    subprocess.run([glslc, "-O", "--target-env=vulkan1.2", *flags, "-I", HERE, "-mfmt=num", "-MD", "-MF", deps, "-o", out,
                    os.path.join(HERE, name + ".comp")], check=True)
    with open(out, encoding="ascii") as f, open(deps, encoding="utf-8") as d:
        return f.read(), d.read().split(":", 1)[1].split()


def main():
    glslc, target, depfile = sys.argv[1:]
    with open(os.path.join(HERE, "shaders.def"), encoding="utf-8") as f:
        names = re.findall(r"^SHADER\((\w+)\)", f.read(), re.M)
    arrays, tables, sources = [], [], {os.path.join(HERE, "shaders.def")}
    with tempfile.TemporaryDirectory() as folder:
        for index, flags in enumerate(VARIANTS):
            rows = []
            for name in names:
                try:
                    words, deps = compile_one(glslc, name, flags, folder)
                except subprocess.CalledProcessError as failure:
                    return failure.returncode
                sources.update(deps)
                arrays.append(f"static const uint32_t {name}_{index}[] = {{\n{words}}};\n")
                rows.append(f'        {{"{name}", {name}_{index}, sizeof {name}_{index}}},\n')
            tables.append("    {\n" + "".join(rows) + "    },\n")
    with open(target, "w", encoding="ascii") as f:
        f.write('#include "backend/vulkan/spirv.h"\n\n' + "\n".join(arrays) +
                "\nconst xl_vk_code xl_vk_code_table[2][XL_VK_SHADER_COUNT] = {\n" + "".join(tables) + "};\n")
    with open(depfile, "w", encoding="utf-8") as f:
        f.write(f"{target}: {' '.join(sorted(sources))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
