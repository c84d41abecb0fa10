#!/usr/bin/env python3
"""Compiles the shaders of shaders.def.

usage: compile.py GLSLC OUT.c DEPFILE    compiles them and writes all as one C file
       compile.py GLSLC --kept           makes anew what is kept as SPIR-V, which takes a compiler that knows
                                         GL_KHR_cooperative_matrix and GL_EXT_bfloat16
       compile.py --stale                lists what is kept and was made of other sources; exits 1 where there is any
"""
import hashlib
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
KEPT = os.path.join(HERE, "kept")
HASHES = os.path.join(KEPT, "sources.sha256")
VARIANTS = ([], ["-DSUBGROUPS"])


def read_list():
    """Names of the shaders to compile, and (name, source, flags) of those that are kept."""
    with open(os.path.join(HERE, "shaders.def"), encoding="utf-8") as f:
        text = f.read()
    return (re.findall(r"^(?:SHADER|NATIVE)\((\w+)\)", text, re.M),
            re.findall(r'^KEPT\((\w+), (\w+), "([^"]*)"\)', text, re.M))


def compile_one(glslc, name, flags, folder):
    """The words of a shader as the text of a C initializer, and the files that it was made from."""
    out, deps = os.path.join(folder, "out"), os.path.join(folder, "deps")
    subprocess.run([glslc, "-O", "--target-env=vulkan1.2", *flags, "-I", HERE, "-mfmt=num", "-MD", "-MF", deps, "-o", out,
                    os.path.join(HERE, name + ".comp")], check=True)
    with open(out, encoding="ascii") as f, open(deps, encoding="utf-8") as d:
        return f.read(), d.read().split(":", 1)[1].split()


def kept_words(name):
    with open(os.path.join(KEPT, name + ".spv"), "rb") as f:
        data = f.read()
    return ",".join(str(int.from_bytes(data[i:i + 4], "little")) for i in range(0, len(data), 4))


def push_bytes(text):
    """Bytes of the push constants of a shader, whose words are the text of a C initializer; 0: it has none."""
    words = [int(word, 0) for word in text.split(",") if word.strip()]
    offsets, types, pushed = {}, {}, None
    at = 5  # behind the header
    while at < len(words):
        length, operation = words[at] >> 16, words[at] & 0xffff
        operands = words[at + 1:at + length]
        if operation == 72 and operands[2] == 35:  # OpMemberDecorate, Offset
            offsets[operands[0], operands[1]] = operands[3]
        elif operation in (21, 22, 23, 30, 32):  # OpTypeInt, OpTypeFloat, OpTypeVector, OpTypeStruct, OpTypePointer
            types[operands[0]] = (operation, operands[1:])
        elif operation == 59 and operands[2] == 9:  # OpVariable, PushConstant
            pushed = types[operands[0]][1][1]
        at += length

    def size(kind):
        operation, operands = types[kind]
        if operation == 23:
            return size(operands[0]) * operands[1]
        if operation == 30:
            return max(offsets[kind, i] + size(member) for i, member in enumerate(operands))
        return 8 if operation == 32 else operands[0] // 8

    return size(pushed) if pushed else 0


def with_includes(name):
    """The bytes of a source and of what it includes."""
    with open(os.path.join(HERE, name), "rb") as f:
        text = f.read()
    return text + b"".join(with_includes(other.decode()) for other in re.findall(rb'^#include "(.+)"', text, re.M))


def source_hash(source, flags):
    return hashlib.sha256(with_includes(source + ".comp") + flags.encode()).hexdigest()


def hash_lines(kept):
    return [f"{source_hash(source, flags)}  {name}" for name, source, flags in kept]


def make_kept(glslc, kept):
    os.makedirs(KEPT, exist_ok=True)
    for name, source, flags in kept:
        subprocess.run([glslc, "-O", "--target-env=vulkan1.3", *flags.split(), "-I", HERE, "-o", os.path.join(KEPT, name + ".spv"),
                        os.path.join(HERE, source + ".comp")], check=True)
    with open(HASHES, "w", encoding="ascii") as f:
        f.write("\n".join(hash_lines(kept)) + "\n")


def list_stale(kept):
    with open(HASHES, encoding="ascii") as f:
        known = set(f.read().splitlines())
    stale = [line.split()[1] for line in hash_lines(kept) if line not in known]
    print("\n".join(f"{name}: its source is not what it was made of; run make shaders" for name in stale))
    return 1 if stale else 0


def write_all(glslc, target, depfile, names, kept):
    arrays, tables, sources = [], [], {os.path.join(HERE, "shaders.def")}
    kept_pushes = {}
    for name, _, _ in kept:
        words = kept_words(name)
        kept_pushes[name] = push_bytes(words)
        arrays.append(f"static const uint32_t {name}_kept[] = {{\n{words}}};\n")
        sources.add(os.path.join(KEPT, name + ".spv"))
    with tempfile.TemporaryDirectory() as folder:
        for index, flags in enumerate(VARIANTS):
            rows = []
            for name in names:
                words, deps = compile_one(glslc, name, flags, folder)
                sources.update(deps)
                arrays.append(f"static const uint32_t {name}_{index}[] = {{\n{words}}};\n")
                rows.append(f'        {{"{name}", {name}_{index}, sizeof {name}_{index}, {push_bytes(words)}}},\n')
            rows += [f'        {{"{name}", {name}_kept, sizeof {name}_kept, {kept_pushes[name]}}},\n' for name, _, _ in kept]
            tables.append("    {\n" + "".join(rows) + "    },\n")
    with open(target, "w", encoding="ascii") as f:
        f.write('#include "backend/vulkan/spirv.h"\n\n' + "\n".join(arrays) +
                "\nconst xl_vk_code xl_vk_code_table[2][XL_VK_SHADER_COUNT] = {\n" + "".join(tables) + "};\n")
    with open(depfile, "w", encoding="utf-8") as f:
        f.write(f"{target}: {' '.join(sorted(sources))}\n")


def main():
    names, kept = read_list()
    if sys.argv[1] == "--stale":
        return list_stale(kept)
    try:
        if sys.argv[2] == "--kept":
            make_kept(sys.argv[1], kept)
        else:
            write_all(*sys.argv[1:], names, kept)
    except subprocess.CalledProcessError as failure:
        return failure.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
