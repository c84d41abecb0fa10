#!/usr/bin/env python3
"""Writes synthetic landscapes of different character, to test search strategies on spaces nobody tuned them to.

  make_landscapes.py FOLDER

Deterministic; standard library only. Format: NAME.csv.gz (a row a configuration; parameters, time in ms, cost_s,
times) and spaces.json, as `xltune replay` reads them. The kernels are invented: a time is made of work, occupancy
steps, memory transactions, tail effects and a rough part that belongs to the single configuration.
"""
import gzip, itertools, json, math, os, random, sys


def rough(seed, *key):
    """A standard normal number that depends only on this key."""
    return random.Random(f"{seed}{key}").gauss(0, 1)


def kernel(rng_seed, regs_limit, smem_limit, max_threads, rough_sd):
    """A tiled stencil on an invented device: None where it does not compile or run."""

    def time(p):
        bx, by, tx, ty = p["block_x"], p["block_y"], p["tile_x"], p["tile_y"]
        threads, regs = bx * by, 18 + 3 * tx * ty + 2 * p["unroll"]
        smem = p["shared"] * 4 * (bx * tx + 4) * (by * ty + 4)
        if threads > max_threads or smem > smem_limit or regs > 255:
            return None
        warps = math.ceil(threads / 32)
        per_sm = min(2048 // (warps * 32), 65536 // (min(regs, regs_limit) * warps * 32) or 0, 16)
        if p["shared"]:
            per_sm = min(per_sm, (2 * smem_limit) // max(smem, 1))
        if per_sm < 1:
            return None
        occupancy = per_sm * warps / 64
        spill = 1 + 0.08 * max(0, regs - regs_limit)
        coalesced = min(1, bx / 32) ** 0.6
        reuse = 1 / (1 + 0.6 * p["shared"]) + 1 / (bx * tx) + 1 / (by * ty)
        latency = 1 / min(1, occupancy * (1 + 0.3 * math.log2(1 + tx * ty)) + 0.05)
        blocks = math.ceil(4096 / (bx * tx)) * math.ceil(4096 / (by * ty))
        tail = math.ceil(blocks / (80 * per_sm)) * 80 * per_sm / blocks
        loop = 1 + 0.25 * abs(math.log2(p["unroll"]) - 2) / 2
        lost = 1 + (32 * warps - threads) / threads
        return (spill * reuse / coalesced * latency * tail * loop * lost * (1.1 - 0.1 * p["cache"])
                * math.exp(rough_sd * rough(rng_seed, *p.values())))

    return time


def smooth(p):
    x = [(v - 7) / 4 for v in p.values()]
    return math.exp(0.12 * sum((a - 0.3 * i + 0.4) ** 2 for i, a in enumerate(x)) + 0.1 * x[0] * x[1] - 0.08 * x[2] * x[3])


def pairs(seed, sd):
    def time(p):
        items, y = list(p.items()), 0.0
        for i, (a, u) in enumerate(items):
            y += sd * rough(seed, a, u)
            for b, v in items[i + 1:i + 3]:
                y += 0.7 * sd * rough(seed, a, u, b, v)
        return math.exp(y + 0.02 * rough(seed, *p.values()))

    return time


def plateau(p):
    """Four of nine parameters matter, in steps; the others change only the last digits."""
    a, b, c, d = p["p0"], p["p1"], p["p2"], p["p3"]
    steps = (a // 2) * 2 + (b >= 3) + 2 * (c in (1, 4)) + (d == 2) * (1 + (a >= 2)) + (a + b == 5)
    return 10 * math.exp(-0.2 * steps) * (1 + 0.004 * rough(5, *p.values()))


def sparse(p):
    """Nine of ten rows fail, in regions; the others form a bowl with a cliff."""
    keep = (p["a"] * 3 + p["b"] * 5 + p["c"]) % 11 == 0 or (p["a"] == p["b"] and p["d"] > 6)
    if not keep:
        return None
    return 1 + 0.3 * (p["a"] - 6) ** 2 + 0.2 * abs(p["b"] - 9) + 0.1 * (p["c"] - p["d"]) ** 2 + (3 if p["e"] > 3 else 0) + 0.2 * p["e"]


STENCIL = {"block_x": [1, 2, 4, 8, 16] + list(range(32, 513, 32)), "block_y": [1, 2, 4, 8, 16, 32], "tile_x": [1, 2, 3, 4, 6, 8],
           "tile_y": [1, 2, 3, 4, 6, 8], "unroll": [1, 2, 4, 8], "shared": [0, 1], "cache": [0, 1]}
COUNT = lambda n, k: {f"p{i}": list(range(n)) for i in range(k)}
SPACES = {
    "stencil__small": (STENCIL, lambda p: 32 <= p["block_x"] * p["block_y"] <= 1024, kernel(1, 64, 16384, 1024, 0.03)),
    "stencil__wide": (STENCIL, lambda p: 64 <= p["block_x"] * p["block_y"] <= 1024 and (p["cache"] == 0 or p["shared"] == 0),
                      kernel(2, 128, 65536, 512, 0.08)),
    "stencil__tight": (STENCIL, lambda p: p["block_x"] * p["block_y"] <= 1024, kernel(3, 32, 6144, 256, 0.05)),
    "smooth__6": ({f"p{i}": list(range(1, 14, 2 if i % 2 else 3)) for i in range(6)}, lambda p: True, smooth),
    "rugged__7": (COUNT(4, 7), lambda p: True, pairs(4, 0.25)),
    "texts__6": ({f"p{i}": [f"{w}{i}" for w in ("ax", "by", "cz", "dw", "ev")[:3 + i % 3]] for i in range(6)} | {"n": [1, 2, 4, 8, 16]},
                 lambda p: True, pairs(6, 0.3)),
    "plateau__9": (COUNT(5, 4) | {f"q{i}": [0, 1, 2] for i in range(3)}, lambda p: True, plateau),
    "sparse__5": ({"a": list(range(12)), "b": list(range(12)), "c": list(range(10)), "d": list(range(10)), "e": [0, 1, 2, 4]},
                  lambda p: (p["a"] + p["c"]) % 2 == 0, sparse),
    "big__stencil": (STENCIL | {"stride": [1, 2, 4], "order": [0, 1]}, lambda p: 32 <= p["block_x"] * p["block_y"] <= 1024,
                     lambda p, k=kernel(7, 96, 32768, 1024, 0.04): (lambda t: t and t * (1 + 0.1 * p["order"] * (p["stride"] - 1)) / (1 + 0.05 * p["stride"]))(k(p))),
}


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    listing = []
    for name, (params, holds, time) in SPACES.items():
        rows = 0
        noise = random.Random(name)
        with gzip.GzipFile(os.path.join(folder, name + ".csv.gz"), "wb", mtime=0) as f:
            f.write((",".join(params) + ",time,cost_s,times\n").encode())
            for values in itertools.product(*params.values()):
                p = dict(zip(params, values))
                if not holds(p):
                    continue
                rows += 1
                t, head = time(p), ",".join(map(str, values))
                if t is None:
                    f.write(f"{head},,{noise.uniform(0.5, 1):.4g},\n".encode())
                    continue
                times = [t * max(0.9, noise.gauss(1, 0.01)) for _ in range(5)]
                f.write(f"{head},{sum(times) / 5:.6g},{1 + noise.uniform(0, 0.5) + 0.1 * t:.4g},{';'.join(f'{x:.6g}' for x in times)}\n".encode())
        listing.append({"name": name, "params": params})
        print(name, rows)
    with open(os.path.join(folder, "spaces.json"), "w") as f:
        json.dump(listing, f, indent=1)


main()
