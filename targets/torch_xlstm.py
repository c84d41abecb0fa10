#!/usr/bin/env python3
"""The original's path as a worker for xltune: xLSTM in Hugging Face transformers on PyTorch.

    xltune optimize --target worker:targets/torch_xlstm.py --model-path DIR --new 64 -- --device mps

Tunables: chunk_size, chunkwise_kernel, dtype, compile, and on a CPU threads. One sample is one request: prefill of the
prompt and greedy generation of `new` tokens; the device is synchronized around each timing. docs/worker-protocol.md
says how xltune asks.
"""
import argparse
import hashlib
import inspect
import json
import math
import os
import sys
import time

# What libraries print must not get between the answers: only they go to the real standard output.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

try:
    import torch
    import transformers
    from transformers import AutoTokenizer, xLSTMConfig, xLSTMForCausalLM
    MISSING = None
except ImportError as problem:
    MISSING = f"{problem}; wanted PyTorch and a version of transformers that has xLSTM"

KERNELS = ["chunkwise--native_autograd", "parallel--native_autograd"]
DEVICES = ["mps", "cuda", "cpu"]


def without_gradients(function):
    return function if MISSING else torch.inference_mode()(function)


class Infeasible(Exception):
    pass


def is_available(device):
    if device == "mps":
        return torch.backends.mps.is_available()
    return torch.cuda.is_available() if device == "cuda" else device == "cpu"


def choose_device(wanted):
    """The device that was asked for, or the first that is there. No other is used in the place of one that is not."""
    if wanted is None:
        return next(device for device in DEVICES if is_available(device))
    if not is_available(wanted):
        there = ", ".join(device for device in DEVICES if is_available(device))
        raise ValueError(f"device: found {wanted}, which this PyTorch or machine has not, wanted one of {there}")
    return wanted


def synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()


def device_name(device):
    return torch.cuda.get_device_name() if device == "cuda" else device


def checkpoint_hash(folder):
    """A name for the checkpoint: its config, and the size and first MiB of each file of weights."""
    found = hashlib.sha256()
    for name in sorted(os.listdir(folder)):
        if name == "config.json" or name.endswith(".safetensors"):
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                found.update(f"{name} {os.path.getsize(path)} ".encode() + f.read(1 << 20))
    return found.hexdigest()[:32]


class Path:
    """A checkpoint and a prompt, and the model of the last point."""

    def __init__(self, config, options):
        self.folder = options.model_path or config.get("model_path")
        if not self.folder or not os.path.isfile(os.path.join(self.folder, "config.json")):
            raise ValueError(f"model_path: found {self.folder}, wanted a folder with config.json")
        self.device = choose_device(options.device)
        self.new = int(config.get("new") or 64)
        text = config.get("prompt") or "The capital of France is"
        if config.get("prompt_file"):
            with open(config["prompt_file"], encoding="utf-8", newline="") as f:
                text = f.read()
        self.ids = self.tokenize(text)
        self.config = xLSTMConfig.from_pretrained(self.folder)
        self.key = self.model = None

    def tokenize(self, text):
        tokenizer = AutoTokenizer.from_pretrained(self.folder)
        ids = tokenizer(text, add_special_tokens=False).input_ids
        if tokenizer.bos_token_id is not None and ids[:1] != [tokenizer.bos_token_id]:
            ids = [tokenizer.bos_token_id] + ids
        if not ids:
            raise ValueError("prompt: found no token, wanted at least one")
        return ids

    def tunables(self):
        chunks = [16, 32, 64, 128, 256]
        if self.config.chunk_size not in chunks:
            chunks = sorted(chunks + [self.config.chunk_size])
        kernel = self.config.chunkwise_kernel
        dtypes = ["float32", "bfloat16", "float16"] if self.device != "cpu" else ["float32", "bfloat16"]
        stored = str(getattr(self.config, "dtype", None) or "float32").replace("torch.", "")
        list_ = [
            {"name": "chunk_size", "values": chunks, "default": self.config.chunk_size, "affects": ["time"]},
            {"name": "chunkwise_kernel", "values": KERNELS, "default": kernel if kernel in KERNELS else KERNELS[0],
             "affects": ["time"]},
            {"name": "dtype", "values": dtypes, "default": stored if stored in dtypes else "float32",
             "affects": ["time", "memory", "output", "opening"]},
            {"name": "compile", "values": ["off", "on"], "default": "off", "affects": ["time", "opening"]},
        ]
        if self.device == "cpu":
            count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
            list_.append({"name": "threads", "min": 1, "max": count, "default": min(count, torch.get_num_threads()),
                          "affects": ["time"]})
        return list_

    def describe(self):
        return {
            "protocol": 1,
            "identity": {"worker": "torch_xlstm", "checkpoint": checkpoint_hash(self.folder),
                         "device": device_name(self.device), "torch": torch.__version__,
                         "transformers": transformers.__version__},
            "workload": {"prompt_tokens": len(self.ids), "new_tokens": self.new},
            "tunables": self.tunables(),
            "metrics": [
                {"name": "request_s", "unit": "s"},
                {"name": "prefill_s", "unit": "s"},
                {"name": "decode_s", "unit": "s"},
                {"name": "decode_tok_s", "unit": "tok/s", "better": "larger"},
                {"name": "peak_mb", "unit": "MiB"},
                {"name": "avg_logprob", "better": "larger", "exact": True},
            ],
        }

    def open(self, point):
        """Loads the model of a point, unless it is the last one."""
        if "threads" in point:
            torch.set_num_threads(point["threads"])
        key = json.dumps({k: v for k, v in point.items() if k != "threads"}, sort_keys=True)
        if key == self.key:
            return
        self.key = self.model = None
        dtype = getattr(torch, point["dtype"])
        config = xLSTMConfig.from_pretrained(self.folder)
        config.chunk_size = point["chunk_size"]
        config.chunkwise_kernel = point["chunkwise_kernel"]
        config.autocast_kernel_dtype = point["dtype"]
        config.mode = "inference"
        model = xLSTMForCausalLM.from_pretrained(self.folder, config=config, dtype=dtype).to(self.device).eval()
        self.cache = next(n for n in ("cache", "cache_params") if n in inspect.signature(model.forward).parameters)
        self.model = torch.compile(model) if point.get("compile") == "on" else model
        self.request(min(self.new, 2))  # compiles and warms up
        self.key = key

    def step(self, ids, state):
        out = self.model(torch.tensor([ids], device=self.device), use_cache=True, **{self.cache: state})
        return out.logits[0, -1], getattr(out, self.cache)

    @without_gradients
    def request(self, new):
        """Seconds of prefill and of decoding, the ids, and their mean logarithm of probability."""
        synchronize(self.device)
        began = time.perf_counter()
        logits, state = self.step(self.ids, None)
        chosen = logits.argmax()
        synchronize(self.device)
        middle = time.perf_counter()
        ids, all_logits = [int(chosen)], [logits]
        while len(ids) < new:
            logits, state = self.step(ids[-1:], state)
            ids.append(int(logits.argmax()))
            all_logits.append(logits)
        synchronize(self.device)
        end = time.perf_counter()
        scores = [float(torch.log_softmax(row.float(), -1)[i]) for row, i in zip(all_logits, ids)]
        return middle - began, end - middle, ids, sum(scores) / len(scores)

    def peak_mb(self):
        if self.device == "cuda":
            return torch.cuda.max_memory_allocated() / (1 << 20)
        if self.device == "mps":
            return torch.mps.driver_allocated_memory() / (1 << 20)
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10))

    def measure(self, point, repeats):
        try:
            self.open(point)
            if self.device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            runs = [self.request(self.new) for _ in range(repeats)]
        except RuntimeError as problem:
            self.key = self.model = None
            if "out of memory" in str(problem):
                raise Infeasible(str(problem).splitlines()[0]) from problem
            raise
        if not all(math.isfinite(run[3]) for run in runs):
            raise ValueError("found scores that are no numbers")
        samples = [{"request_s": p + d, "prefill_s": p, "decode_s": max(d, 1e-9),
                    "decode_tok_s": (self.new - 1) / max(d, 1e-9), "peak_mb": self.peak_mb()} for p, d, _, _ in runs]
        return {"samples": samples, "output": " ".join(map(str, runs[0][2])), "exact": {"avg_logprob": runs[0][3]}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=DEVICES, help="without it the first of these that is there")
    parser.add_argument("--model-path", help="the checkpoint, where xltune's --model-path does not say")
    options = parser.parse_args()
    path = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if MISSING:
                raise ValueError(MISSING)
            if request["do"] == "describe":
                path = Path(request["config"], options)
                answer = path.describe()
            else:
                answer = path.measure(request["point"], request["repeats"])
        except Infeasible as problem:
            answer = {"error": str(problem), "infeasible": True}
        except Exception as problem:
            answer = {"error": f"{type(problem).__name__}: {problem}".splitlines()[0]}
        ANSWERS.write(json.dumps(answer | {"id": request["id"]}) + "\n")
        ANSWERS.flush()


if __name__ == "__main__":
    main()
