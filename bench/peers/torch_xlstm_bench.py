#!/usr/bin/env python3
"""Prefill and decode of the same checkpoint by xltune and by transformers' own xLSTM (PyTorch), in one interleaved run.

    torch_xlstm_bench.py --xltune build/cli/xltune --model DIR [--threads 2] [--rounds 5] [--prompt 512 2048]
                         [--new 32] [--out FILE.csv]

Needs torch and transformers (pip install torch transformers, in an environment outside this folder). In each round
every engine takes one sample of every test after a warm-up of its own: xltune in float32, bfloat16 and 8-bit
arithmetic, PyTorch with the weights in float32 and in bfloat16. Prefill is timed up to the logits of the last token;
decode feeds one token after the other. One row of CSV is written for each sample, as soon as it is taken.

With --products it also times single products [512, 2048] x [2048, 5504] by PyTorch (oneDNN), the rate that its prefill
could reach at best."""
import argparse, csv, datetime, json, os, platform, subprocess, sys, time


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--xltune", required=True)
    p.add_argument("--model", required=True)
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--prompt", type=int, nargs="*", default=[512])
    p.add_argument("--new", type=int, default=32)
    p.add_argument("--compute", nargs="*", default=["f32", "bf16", "int8"])
    p.add_argument("--dtype", nargs="*", default=["float32", "bfloat16"])
    p.add_argument("--products", action="store_true")
    p.add_argument("--out", default="-")
    return p.parse_args()


def processor():
    try:
        with open("/proc/cpuinfo") as f:
            return next(line.split(":", 1)[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def xltune_samples(a, compute):
    """One sample of each test: [(test, seconds, None)]; its processor time is not known."""
    weights = "q8_0" if compute == "int8" else "stored"
    command = [a.xltune, "bench", "--model", a.model, "--no-best", "-p", ",".join(map(str, a.prompt)), "-n", str(a.new),
               "-r", "1", "-t", str(a.threads), "--compute", compute, "--weights", weights, "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
    tokens = {f"pp{n}": n for n in a.prompt} | {f"tg{a.new}": a.new}
    return [(row["test"], tokens[row["test"]] / row["samples_ts"][0], None) for row in json.loads(done.stdout)]


def now():
    """The clock, and the processor time of this process."""
    return time.perf_counter(), time.process_time()


def passed(start):
    return tuple(b - a for a, b in zip(start, now()))


class Torch:
    def __init__(self, a, dtype):
        import torch
        from transformers import AutoModelForCausalLM
        import inspect
        self.torch, self.a = torch, a
        self.model = AutoModelForCausalLM.from_pretrained(a.model, dtype=getattr(torch, dtype)).eval()
        # The state's name among the arguments and in the result has changed between versions.
        known = inspect.signature(self.model.backbone.forward).parameters
        self.state = "cache" if "cache" in known else "cache_params"
        self.ids = {n: torch.randint(0, self.model.config.vocab_size, (1, n)) for n in a.prompt}
        for n in a.prompt:
            self.prefill(n)

    def prefill(self, n):
        out = self.model.backbone(input_ids=self.ids[n], use_cache=True)
        return self.model.lm_head(out.last_hidden_state[:, -1:]), out.get(self.state, out.get("cache_params"))

    def decode(self, count):
        torch = self.torch
        _, cache = self.prefill(min(self.a.prompt))
        token = torch.zeros((1, 1), dtype=torch.long)
        start = now()
        for _ in range(count):
            out = self.model.backbone(input_ids=token, use_cache=True, **{self.state: cache})
            token = self.model.lm_head(out.last_hidden_state[:, -1:]).argmax(-1)
        return passed(start)

    def samples(self):
        with self.torch.no_grad():
            for n in self.a.prompt:
                start = now()
                self.prefill(n)
                yield f"pp{n}", *passed(start)
            if self.a.new:
                yield f"tg{self.a.new}", *self.decode(self.a.new)


def product_seconds(dtype):
    import torch
    x, w = torch.randn(512, 2048).to(getattr(torch, dtype)), torch.randn(5504, 2048).to(getattr(torch, dtype))
    best = (float("inf"), float("inf"))
    for _ in range(20):
        start = now()
        torch.nn.functional.linear(x, w)
        best = tuple(map(min, best, passed(start)))
    return best


def main():
    a = arguments()
    import torch, transformers
    torch.set_num_threads(a.threads)
    file = sys.stdout if a.out == "-" else open(a.out, "w", newline="")
    out = csv.writer(file, lineterminator="\n")
    out.writerow(["date", "cpu", "threads", "checkpoint", "engine", "arithmetic", "test", "round", "seconds", "cpu_seconds", "rate",
                  "unit"])
    version = subprocess.run([a.xltune, "--version"], capture_output=True, text=True).stdout.strip()
    peer = f"torch {torch.__version__}, transformers {transformers.__version__}"
    name, machine = os.path.basename(os.path.normpath(a.model)), processor()

    def put(engine, arithmetic, test, turn, seconds, cpu, work, unit):
        date = datetime.datetime.now().isoformat(timespec="seconds")
        out.writerow([date, machine, a.threads, name, engine, arithmetic, test, turn, f"{seconds:.6f}",
                      "" if cpu is None else f"{cpu:.6f}", f"{work / seconds:.2f}", unit])
        file.flush()

    if a.products:
        for dtype in a.dtype:
            put(peer, dtype, "product 512x2048x5504", 0, *product_seconds(dtype), 2e-9 * 512 * 2048 * 5504, "GFLOP/s")
    with torch.no_grad():
        peers = {dtype: Torch(a, dtype) for dtype in a.dtype}
    for turn in range(a.rounds):
        for compute in a.compute:
            for test, seconds, cpu in xltune_samples(a, compute):
                put(version, compute, test, turn, seconds, cpu, int(test[2:]), "tokens/s")
        for dtype, model in peers.items():
            for test, seconds, cpu in model.samples():
                put(peer, dtype, test, turn, seconds, cpu, int(test[2:]), "tokens/s")


if __name__ == "__main__":
    main()
