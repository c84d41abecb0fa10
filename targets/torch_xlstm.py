#!/usr/bin/env python3
"""The original's path as a worker for xltune: xLSTM in Hugging Face transformers on PyTorch.

    xltune optimize --target worker:torch_xlstm.py --model-path DIR --new 64 -- --device mps

Tunables: chunk_size, chunkwise_kernel, dtype, compile, and on a CPU threads. One sample is one request: prefill of the
prompt and greedy generation of `new` tokens; the device is synchronized around each timing. It also continues prompts
and scores texts, for save-outputs and judge. docs/worker-protocol.md says how xltune asks.
"""
import argparse
import gc
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
# Those of the package xlstm; without it transformers has kernels of its own. The package has a parallel one too, but that
# gives no states to go on from.
PACKAGE_KERNELS = ["chunkwise--native_autograd"]
CUDA_KERNELS = ["chunkwise--triton_xl_chunk", "chunkwise--triton_limit_chunk"]
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


def empty_cache(device):
    """Gives back the memory of the model before, which would count for this one."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
    elif device == "mps":
        torch.mps.empty_cache()


def begin_peak(device):
    """The largest memory is counted from here on, where that can be said (not on macOS)."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    elif device == "cpu" and os.path.exists("/proc/self/clear_refs"):
        with open("/proc/self/clear_refs", "w", encoding="ascii") as f:
            f.write("5")


def peak_mb(device):
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / (1 << 20)
    if device == "mps":
        return torch.mps.driver_allocated_memory() / (1 << 20)
    if os.path.exists("/proc/self/status"):
        with open("/proc/self/status", encoding="ascii", errors="replace") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:")) / (1 << 10)
    import resource
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10))


def kernels(device):
    try:
        from transformers.utils import is_xlstm_available
    except ImportError:
        return KERNELS
    if not is_xlstm_available():
        return KERNELS
    return PACKAGE_KERNELS + (CUDA_KERNELS if device == "cuda" else [])


def default_model():
    """As for xltune: the checkpoint of the environment, or the one that is installed beside this file's folder."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return os.environ.get("XLTUNE_MODEL") or os.path.join(here, "models", "tiny-literature")


def checkpoint_hash(folder):
    """A name for the checkpoint: its config, and the size and first MiB of each file of weights."""
    found = hashlib.sha256()
    for name in sorted(os.listdir(folder)):
        if name == "config.json" or name.endswith(".safetensors"):
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                found.update(f"{name} {os.path.getsize(path)} ".encode() + f.read(1 << 20))
    return found.hexdigest()[:32]


def log_probability(rows, ids):
    """The sum over tokens, each with the logits before it."""
    return sum(float(torch.log_softmax(row.float(), -1)[i]) for row, i in zip(rows, ids))


class Path:
    """A checkpoint and a prompt, and the model of the last point."""

    def __init__(self, config, options):
        self.folder = options.model_path or config.get("model_path") or default_model()
        if not self.folder or not os.path.isfile(os.path.join(self.folder, "config.json")):
            raise ValueError(f"model_path: found {self.folder}, wanted a folder with config.json")
        self.device = choose_device(options.device)
        self.new = int(config.get("new") or 64)
        self.tokenizer = AutoTokenizer.from_pretrained(self.folder)
        self.ids = self.encode_prompt(config.get("prompt") or "")
        self.config = xLSTMConfig.from_pretrained(self.folder)
        self.key = self.model = None

    def encode(self, text):
        return self.tokenizer(text, add_special_tokens=False).input_ids

    def encode_prompt(self, text):
        ids, bos = self.encode(text), self.tokenizer.bos_token_id
        if bos is not None:
            ids = [bos] + ids
        if not ids:
            raise ValueError("prompt: found no token, wanted at least one")
        return ids

    def tunables(self):
        chunks = [16, 32, 64, 128, 256]
        if self.config.chunk_size not in chunks:
            chunks = sorted(chunks + [self.config.chunk_size])
        kernel, known = self.config.chunkwise_kernel, kernels(self.device)
        dtypes = ["float32", "bfloat16", "float16"] if self.device != "cpu" else ["float32", "bfloat16"]
        stored = str(getattr(self.config, "dtype", None) or "float32").replace("torch.", "")
        list_ = [
            {"name": "chunk_size", "values": chunks, "default": self.config.chunk_size, "affects": ["time"]},
            {"name": "chunkwise_kernel", "values": known, "default": kernel if kernel in known else known[0],
             "affects": ["time"]},
            {"name": "dtype", "values": dtypes, "default": stored if stored in dtypes else "float32",
             "affects": ["time", "memory", "output", "opening"]},
            {"name": "compile", "values": ["off", "on"], "default": "off",
             "affects": ["time", "output", "opening"]},
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
                {"name": "prefill_tok_s", "unit": "tok/s", "better": "larger"},
                {"name": "decode_tok_s", "unit": "tok/s", "better": "larger"},
                {"name": "peak_mb", "unit": "MiB"},
                {"name": "avg_logprob", "better": "larger", "exact": True},
            ],
            "can": ["continue", "score"],
        }

    def open(self, point):
        """Loads the model of a point, unless it is the last one."""
        if "threads" in point:
            torch.set_num_threads(point["threads"])
        key = json.dumps({k: v for k, v in point.items() if k != "threads"}, sort_keys=True)
        if key == self.key:
            return
        self.key = self.model = None
        empty_cache(self.device)
        dtype = getattr(torch, point["dtype"])
        config = xLSTMConfig.from_pretrained(self.folder)
        config.chunk_size = point["chunk_size"]
        config.chunkwise_kernel = point["chunkwise_kernel"]
        config.autocast_kernel_dtype = point["dtype"]
        config.mode = "inference"
        model = xLSTMForCausalLM.from_pretrained(self.folder, config=config, dtype=dtype).to(self.device).eval()
        self.cache = next(n for n in ("cache", "cache_params") if n in inspect.signature(model.forward).parameters)
        if point.get("compile") == "on":
            for block in model.backbone.blocks:  # all have the same code, which is compiled once
                block.compile()
        self.model = model
        self.request(min(self.new, 2), self.ids)  # compiles and warms up
        self.key = key

    def step(self, ids, state):
        out = self.model(torch.tensor([ids], device=self.device), use_cache=True, **{self.cache: state})
        return out.logits[0, -1], getattr(out, self.cache)

    @without_gradients
    def request(self, new, prompt):
        """Seconds of prefill and of decoding, the ids, and the sum of their logarithms of probability."""
        synchronize(self.device)
        began = time.perf_counter()
        logits, state = self.step(prompt, None)
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
        return middle - began, end - middle, ids, log_probability(all_logits, ids)

    def measure(self, point, repeats):
        try:
            self.open(point)
            begin_peak(self.device)
            runs = [self.request(self.new, self.ids) for _ in range(repeats)]
        except RuntimeError as problem:
            self.key = self.model = None
            if "out of memory" in str(problem):
                raise Infeasible(str(problem).splitlines()[0]) from problem
            raise
        if not all(math.isfinite(run[3]) for run in runs):
            raise ValueError("found scores that are no numbers")
        samples = []
        for prefill, decode, _, _ in runs:
            decode = max(decode, 1e-9)
            samples.append({"request_s": prefill + decode, "prefill_s": prefill, "decode_s": decode,
                            "prefill_tok_s": len(self.ids) / prefill, "decode_tok_s": max(self.new - 1, 1) / decode,
                            "peak_mb": peak_mb(self.device)})
        ids = runs[0][2]
        return {"samples": samples, "output": " ".join(map(str, ids)), "exact": {"avg_logprob": runs[0][3] / len(ids)}}

    def continue_text(self, point, prompt, new):
        self.open(point)
        ids = self.request(new, self.encode_prompt(prompt))[2] if new else []
        return {"text": self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)}

    @without_gradients
    def score_text(self, point, prompt, text):
        """A text is tokenized by itself."""
        self.open(point)
        ids = self.encode(text)
        if not ids:
            return {"logprob": 0.0, "tokens": 0}
        logits, state = self.step(self.encode_prompt(prompt), None)
        rows = [logits]
        if len(ids) > 1:
            out = self.model(torch.tensor([ids[:-1]], device=self.device), use_cache=True, **{self.cache: state})
            rows += list(out.logits[0])
        return {"logprob": log_probability(rows, ids), "tokens": len(ids)}

    def answer(self, request):
        if request["do"] == "measure":
            return self.measure(request["point"], request["repeats"])
        if request["do"] == "continue":
            return self.continue_text(request["point"], request["prompt"], request["new"])
        if request["do"] == "score":
            return self.score_text(request["point"], request["prompt"], request["text"])
        raise ValueError(f"do: found {request['do']}, wanted describe, measure, continue or score")


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
                answer = path.answer(request)
        except Infeasible as problem:
            answer = {"error": str(problem), "infeasible": True}
        except Exception as problem:
            answer = {"error": f"{type(problem).__name__}: {problem}".splitlines()[0]}
        ANSWERS.write(json.dumps(answer | {"id": request["id"]}) + "\n")
        ANSWERS.flush()


if __name__ == "__main__":
    main()
