#!/usr/bin/env python3
"""torch_logits.py LIBRARY WORKER MODEL: the logits of the original's path (targets/torch_xlstm.py) and of libxlstm.

Both compute in float32, with each of the worker's kernels. Skipped where PyTorch and transformers are missing; XLTUNE_PYTHON
names a Python that has them.
"""
import ctypes
import importlib.util
import json
import os
import subprocess
import sys
import types

python = os.environ.get("XLTUNE_PYTHON")
if python and not os.environ.get("XLTUNE_PYTHON_CALLED"):
    sys.exit(subprocess.call([python] + sys.argv, env=os.environ | {"XLTUNE_PYTHON_CALLED": "1"}))

library, worker, model = sys.argv[1:]
try:
    import torch
    from transformers import xLSTMForCausalLM  # noqa: F401
except ImportError as problem:
    print(f"skipped: {problem}")
    sys.exit(77)

TOLERANCE = 5e-5  # of logits capped at 30: float32 sums in another order differ by about 1e-5
ALL, F32 = 2, 1  # XLSTM_LOGITS_ALL, XLSTM_COMPUTE_F32


class Tunable(ctypes.Structure):
    _fields_ = [("id", ctypes.c_int)]


def compute_id(lib):
    lib.xlstm_tunable_find.restype = ctypes.POINTER(Tunable)
    return lib.xlstm_tunable_find(b"compute").contents.id


def of_library(ids, vocabulary):
    lib = ctypes.CDLL(library)
    error = ctypes.create_string_buffer(1 << 16)
    opened, session = ctypes.c_void_p(), ctypes.c_void_p()
    logits = (ctypes.c_float * (len(ids) * vocabulary))()
    for name in ("xlstm_session_destroy", "xlstm_model_close"):
        getattr(lib, name).argtypes = [ctypes.c_void_p]
        getattr(lib, name).restype = None
    lib.xlstm_prefill.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p,
                                  ctypes.c_void_p]
    assert lib.xlstm_model_open(ctypes.byref(opened), model.encode(), None, error) == 0
    settings = (ctypes.c_int64 * 64)()
    lib.xlstm_settings_init(settings, None)
    lib.xlstm_settings_set(settings, compute_id(lib), ctypes.c_int64(F32))
    assert lib.xlstm_session_create(ctypes.byref(session), opened, settings, error) == 0
    given = (ctypes.c_int32 * len(ids))(*ids)
    assert lib.xlstm_prefill(session, given, len(ids), ALL, logits, error) == 0
    lib.xlstm_session_destroy(session)
    lib.xlstm_model_close(opened)
    return torch.frombuffer(logits, dtype=torch.float32).view(len(ids), vocabulary)


def load_worker():
    spec = importlib.util.spec_from_file_location("torch_xlstm", worker)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    module = load_worker()
    text = "It was a dark and stormy night; the rain fell in torrents, except at occasional intervals. " * 6
    path = module.Path({"prompt": text, "new": 1}, types.SimpleNamespace(device="cpu", model_path=model))
    with open(os.path.join(model, "config.json"), encoding="utf-8") as f:
        vocabulary = json.load(f)["vocab_size"]
    wanted = of_library(path.ids, vocabulary)
    failed = False
    for kernel in module.KERNELS:
        for chunk in (16, 64):
            point = {"chunk_size": chunk, "chunkwise_kernel": kernel, "dtype": "float32", "compile": "off", "threads": 1}
            with torch.inference_mode():
                path.open(point)
                found = path.model(torch.tensor([path.ids]), use_cache=True).logits[0].float()
            worst = float((found - wanted).abs().max())
            print(f"{len(path.ids)} tokens, {kernel}, chunks of {chunk}: differ by at most {worst:.2e}", file=sys.stderr)
            failed = failed or not worst <= TOLERANCE
    return 1 if failed else 0


sys.exit(main())
