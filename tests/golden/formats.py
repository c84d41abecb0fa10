#!/usr/bin/env python3
"""formats.py XLTUNE MODEL GOLDEN: every format of weights in blocks, and the folder that convert writes in it, gives the
results of the plain C functions with each instruction set, and in 8-bit integers within what they state. The golden file is
used for its token ids alone."""
import json
import os
import platform
import struct
import subprocess
import sys
import tempfile

xltune, model, golden = sys.argv[1:4]
wrapper = os.environ.get("MESON_EXE_WRAPPER", "").split()  # the emulator, for a program of another processor
# The instruction sets that this processor, or the one that is emulated, can be held to. Further ones are no other than these.
if "aarch64" in " ".join(wrapper) or platform.machine() in ("aarch64", "arm64"):
    masks, dots = ["c", "neon"], ["neon_dot"]
else:
    wide = [m for m in ("avx512",) if " avx512f" in open("/proc/cpuinfo").read()] if os.path.exists("/proc/cpuinfo") else []
    masks, dots = ["c", "avx2"] + wide, ["avx2"] + ["avx512_vnni"] * len(wide)


def read(path):
    with open(path, "rb") as f:
        (length,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(length))
        data = f.read()
    header.pop("__metadata__", None)
    return {name: (t, data[t["data_offsets"][0]:t["data_offsets"][1]]) for name, t in header.items()}


def write(path, tensors):
    header, data = {}, b""
    for name, (t, content) in tensors.items():
        header[name] = {"dtype": t["dtype"], "shape": t["shape"], "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def verify(folder, file, *flags):
    return subprocess.run([*wrapper, xltune, "verify", "--model", folder, "--golden", file, *flags], capture_output=True,
                          text=True, check=False)


failures = 0
with tempfile.TemporaryDirectory() as work:
    for name in ("q8_0", "q6_k", "q4_k", "q4_0"):
        converted, dump, own = (os.path.join(work, f"{name}.{kind}") for kind in ("folder", "dump", "golden"))
        subprocess.run([*wrapper, xltune, "convert", "--model", model, "--weights", name, "--out", converted], check=True,
                       capture_output=True)
        verify(converted, golden, "--cpu-mask", "c", "--dump", dump)
        tensors = {"input_ids": read(golden)["input_ids"], **read(dump)}
        write(own, tensors)
        for folder, flags in ((converted, ()), (model, ("--weights", name))):
            for mask in masks:
                for more in ((), ("--scheduler", "recurrent", "--segment", "1")):
                    result = verify(folder, own, "--tolerance", "2e-5", "--compute", "f32", "--cpu-mask", mask, *flags,
                                    *more)
                    if result.returncode:
                        failures += 1
                        print("FAIL", name, folder == model, mask, *more, result.stderr.strip())
        # The whole prompt at once, and token by token, which multiplies few vectors at a time. Rounded activations
        # decide otherwise than exact ones where two tokens are about as likely, so the chosen ids are left out.
        tensors.pop("greedy_ids", None)
        write(own, tensors)
        for more in ((), ("--segment", "1")):
            for mask in dots:
                result = verify(converted, own, "--tolerance", "0.04", "--compute", "int8", "--cpu-mask", mask, *more)
                if result.returncode:
                    failures += 1
                    print("FAIL", name, "int8", mask, *more, result.stdout, result.stderr.strip())
print(f"{failures} failed")
sys.exit(failures > 0)
