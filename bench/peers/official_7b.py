#!/usr/bin/env python3
"""Prefill and decode of xLSTM-7B's shape by the authors' own modules (PyPI: xlstm, mlstm_kernels) on an NVIDIA card, beside
bench/gpu.sh on the same card. Random weights in bfloat16; prints CSV: test, median, lowest and highest tokens a second.

    official_7b.py [--prompt 512 2048 16384] [--new 128] [--rounds 5] [--kernel chunkwise--triton_limit_chunk]

Needs torch with CUDA, triton, xlstm and mlstm_kernels (2.0.6 of both were tried); chunkwise--triton_xl_chunk aborts in Triton
3.6. No machine of this project's tests has such a card, so nothing there runs this."""
import argparse
import statistics
import sys
import time

try:
    import torch
    from xlstm.xlstm_large.model import xLSTMLarge, xLSTMLargeConfig
except ImportError as missing:
    sys.exit(f"official_7b.py: {missing}; it needs torch, xlstm and mlstm_kernels")


def timed(run, rounds):
    """Seconds of each round, after two that are not counted."""
    seconds = []
    for _ in range(rounds + 2):
        torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return seconds[2:]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--prompt", type=int, nargs="*", default=[512, 2048, 16384])
    arguments.add_argument("--new", type=int, default=128)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--kernel", default="chunkwise--triton_limit_chunk")
    options = arguments.parse_args()
    if not torch.cuda.is_available():
        sys.exit("official_7b.py: no CUDA device is here")
    config = xLSTMLargeConfig(embedding_dim=4096, num_heads=8, num_blocks=32, vocab_size=50304, return_last_states=True,
                              mode="inference", chunkwise_kernel=options.kernel, sequence_kernel="native_sequence__triton",
                              step_kernel="triton")
    model = xLSTMLarge(config).to(device="cuda", dtype=torch.bfloat16).eval()
    tests = []
    with torch.inference_mode():
        for count in options.prompt:
            ids = torch.randint(0, 50304, (1, count), device="cuda")
            tests.append((f"pp{count}", count, timed(lambda ids=ids: model(ids), options.rounds)))
        token = torch.randint(0, 50304, (1, 1), device="cuda")

        def decode():
            state = None
            for _ in range(options.new):
                _, state = model(token, state)

        tests.append((f"tg{options.new}", options.new, timed(decode, options.rounds)))
    print("device,kernel,test,median_ts,low_ts,high_ts")
    for name, tokens, seconds in tests:
        print(f"{torch.cuda.get_device_name()},{options.kernel},{name},{tokens / statistics.median(seconds):.1f},"
              f"{tokens / max(seconds):.1f},{tokens / min(seconds):.1f}")


if __name__ == "__main__":
    main()
