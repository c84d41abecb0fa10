#!/usr/bin/env python3
"""Writes small random checkpoints and their golden files, computed in float64 by a reference of its own.

usage: tools/make_goldens.py OUT [NAME ...]     makes OUT/<name>/ with config.json, weights and golden-T<n>.safetensors
       tools/make_goldens.py --check DIR FILE   compares a golden file with this reference

The reference follows the formulas of docs/numerics.md token by token and shares nothing with the library. It needs
Python 3 and numpy.
"""
import json
import math
import os
import struct
import sys

import numpy as np

# What each checkpoint exercises. Keys other than those of config.json: dtype (of the weights, "mixed": by turns),
# names ("hf": query/key/value; "plain": embedding.weight), shards, tokens (lengths), rows (of logits kept).
CASES = {
    "one-head": dict(embedding_dim=64, num_heads=1, num_blocks=2, vocab_size=96, tokens=[5, 130], dtype="F32"),
    "caps-eps": dict(embedding_dim=64, num_heads=2, num_blocks=2, vocab_size=80, tokens=[3, 90], dtype="BF16",
                     gate_soft_cap=4.0, output_logit_soft_cap=9.0, norm_eps=1e-3, eps=1e-2),
    "no-out-norm": dict(embedding_dim=48, num_heads=4, num_blocks=3, vocab_size=70, tokens=[64, 129], dtype="F16",
                        add_out_norm=False, names="plain"),
    "wide": dict(embedding_dim=48, num_heads=2, num_blocks=2, vocab_size=60, tokens=[33, 100], dtype="F32",
                 qk_dim_factor=1.5, v_dim_factor=2.0, use_bias=True, names="hf"),
    "six-heads-fused": dict(embedding_dim=96, num_heads=6, num_blocks=3, vocab_size=100, tokens=[17, 120],
                            dtype="BF16", weight_mode="fused", use_bias=True, shards=3),
    "mixed": dict(embedding_dim=64, num_heads=4, num_blocks=3, vocab_size=90, tokens=[1, 77], dtype="mixed", shards=2,
                  tie_word_embeddings=True, ffn_proj_factor=1.3, ffn_round_up_to_multiple_of=8),
    "long": dict(embedding_dim=64, num_heads=4, num_blocks=2, vocab_size=64, tokens=[2500], rows=32, dtype="F32"),
}
GREEDY = 16
DTYPES = {"F32": np.float32, "F16": np.float16, "BF16": None, "I64": np.int64, "F64": np.float64}


def bf16_bits(x):
    """bfloat16 bits of float32 values, rounded to nearest even."""
    u = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(np.uint64)
    return ((u + 0x7FFF + ((u >> 16) & 1)) >> 16).astype(np.uint16)


def read_safetensors(path):
    """Reads {name: array}; 16-bit formats are converted to float32."""
    with open(path, "rb") as f:
        data = f.read()
    n = struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, t in json.loads(data[8:8 + n]).items():
        if name == "__metadata__":
            continue
        raw = data[8 + n + t["data_offsets"][0]:8 + n + t["data_offsets"][1]]
        if t["dtype"] == "BF16":
            x = (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            x = np.frombuffer(raw, DTYPES[t["dtype"]])
        out[name] = x.reshape(t["shape"])
    return out


def write_safetensors(path, tensors):
    """tensors: {name: (dtype name, array)}."""
    header, body, at = {}, [], 0
    for name, (dtype, x) in tensors.items():
        raw = bf16_bits(x).tobytes() if dtype == "BF16" else np.ascontiguousarray(x, DTYPES[dtype]).tobytes()
        header[name] = {"dtype": dtype, "shape": list(x.shape), "data_offsets": [at, at + len(raw)]}
        body.append(raw)
        at += len(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(body))


def sizes(c):
    d = c["embedding_dim"]
    multiple = c.get("ffn_round_up_to_multiple_of", 64)
    f = int((d * c.get("ffn_proj_factor", 2.667) + multiple - 1) // multiple) * multiple
    return d, int(d * c.get("qk_dim_factor", 0.5)), int(d * c.get("v_dim_factor", 1.0)), c["num_heads"], f


class Model:
    """The forward pass in float64, one token at a time."""

    def __init__(self, config, weights):
        self.c = config
        self.d, self.qk, self.v, self.heads, self.f = sizes(config)
        self.w = {self.plain(k): np.asarray(x, np.float64) for k, x in weights.items()}
        nh, dqk, dv = self.heads, self.qk // self.heads, self.v // self.heads
        self.state = [[np.zeros((nh, dqk, dv)), np.zeros((nh, dqk)), np.zeros(nh)]
                      for _ in range(config["num_blocks"])]

    @staticmethod
    def plain(name):
        for a, b in ((".query.", ".q."), (".key.", ".k."), (".value.", ".v.")):
            name = name.replace("mlstm_layer" + a, "mlstm_layer" + b)
        return "backbone.embeddings.weight" if name == "embedding.weight" else name

    def linear(self, name, x):
        y = self.w[name + ".weight"] @ x
        return y + self.w[name + ".bias"] if name + ".bias" in self.w else y

    def affine(self, name, x):
        y = x * self.w[name + ".weight"]
        return y + self.w[name + ".bias"] if name + ".bias" in self.w else y

    def rms(self, name, x):
        return self.affine(name, x / np.sqrt(np.mean(x * x) + self.c.get("norm_eps", 1e-6)))

    def cell(self, block, q, k, v, i, f):
        c, n, m = self.state[block]
        logf = -np.logaddexp(0.0, -f)
        m_new = np.maximum(logf + m, i)
        keep, take = np.exp(logf + m - m_new), np.exp(i - m_new)
        c = keep[:, None, None] * c + take[:, None, None] * k[:, :, None] * v[:, None, :]
        n = keep[:, None] * n + take[:, None] * k
        self.state[block] = [c, n, m_new]
        q = q / math.sqrt(q.shape[1])
        down = np.maximum(np.abs(np.sum(n * q, axis=1)), np.exp(-m_new)) + self.c.get("eps", 1e-6)
        return np.einsum("hkv,hk->hv", c, q) / down[:, None]

    def step(self, token):
        """Feeds one token; returns the logits for the next one."""
        x = self.w["backbone.embeddings.weight"][token]
        cap = self.c.get("gate_soft_cap", 15.0)
        for b in range(self.c["num_blocks"]):
            p = f"backbone.blocks.{b}."
            y = self.rms(p + "norm_mlstm", x)
            if p + "mlstm_layer.qkv_opreact.weight" in self.w:
                z = self.linear(p + "mlstm_layer.qkv_opreact", y)
                q, k, v, o = np.split(z, [self.qk, 2 * self.qk, 2 * self.qk + self.v])
                i, f = np.split(self.linear(p + "mlstm_layer.ifgate_preact", y), 2)
            else:
                q, k, v = (self.linear(p + "mlstm_layer." + s, y) for s in "qkv")
                o, i, f = (self.linear(p + f"mlstm_layer.{s}gate_preact", y) for s in "oif")
            i, f = cap * np.tanh(i / cap), cap * np.tanh(f / cap)
            h = self.cell(b, *(a.reshape(self.heads, -1) for a in (q, k, v)), i, f)
            h = h - h.mean(axis=1, keepdims=True)
            h = h / np.sqrt(np.mean(h * h, axis=1, keepdims=True) + self.c.get("norm_eps", 1e-6))
            h = self.affine(p + "mlstm_layer.multihead_norm", h.reshape(-1))
            x = x + self.linear(p + "mlstm_layer.out_proj", h / (1 + np.exp(-o)))
            y = self.rms(p + "norm_ffn", x)
            if p + "ffn.proj_up_gate_z.weight" in self.w:
                gate, up = np.split(self.linear(p + "ffn.proj_up_gate_z", y), 2)
            else:
                gate, up = self.linear(p + "ffn.proj_up_gate", y), self.linear(p + "ffn.proj_up", y)
            x = x + self.linear(p + "ffn.proj_down", gate / (1 + np.exp(-gate)) * up)
        if self.c.get("add_out_norm", True):
            x = self.rms("backbone.out_norm", x)
        tied = self.c.get("tie_word_embeddings", False)
        cap = self.c.get("output_logit_soft_cap", 30.0)
        return cap * np.tanh(self.w["backbone.embeddings.weight" if tied else "lm_head.weight"] @ x / cap)


def golden(config, weights, ids, rows=None, greedy=GREEDY):
    model = Model(config, weights)
    logits = np.stack([model.step(t) for t in ids])
    out = {}
    for b, (c, n, m) in enumerate(model.state):
        out |= {f"state.{b}.c": ("F32", c), f"state.{b}.n": ("F32", n), f"state.{b}.m": ("F32", m[:, None])}
    last, chosen, margins = logits[-1], [], []
    for _ in range(greedy):
        two = np.sort(last)[-2:]
        margins.append(two[1] - two[0])
        chosen.append(int(np.argmax(last)))
        last = model.step(chosen[-1])
    return {"input_ids": ("I64", np.array(ids)), "greedy_ids": ("I64", np.array(chosen)),
            "greedy_margin": ("F32", np.array(margins)),
            "logits": ("F32", logits[-rows:] if rows else logits)} | out


def random_weights(c, rng):
    """{name: float64 array} of a checkpoint whose gates neither saturate nor forget at once."""
    d, qk, v, nh, f = sizes(c)
    bias, fused, hf = c.get("use_bias", False), c.get("weight_mode") == "fused", c.get("names") == "hf"
    out = {}

    def linear(name, rows, cols, scale=1.0, mean=None, spread=0.1):
        out[name + ".weight"] = rng.normal(0, scale / math.sqrt(cols), (rows, cols))
        if bias or mean is not None:
            out[name + ".bias"] = rng.normal(0.0 if mean is None else mean, spread, rows)

    def norm(name, size):
        out[name + ".weight"] = rng.normal(1, 0.1, size)
        if bias:
            out[name + ".bias"] = rng.normal(0, 0.1, size)

    out["embedding.weight" if c.get("names") == "plain" else "backbone.embeddings.weight"] = \
        rng.normal(0, 1, (c["vocab_size"], d))
    for b in range(c["num_blocks"]):
        p = f"backbone.blocks.{b}."
        norm(p + "norm_mlstm", d)
        if fused:
            linear(p + "mlstm_layer.qkv_opreact", 2 * qk + 2 * v, d)
            linear(p + "mlstm_layer.ifgate_preact", 2 * nh, d, 0.5, np.repeat([-1.0, 3.0], nh), 1.0)
        else:
            for name, rows in (("query" if hf else "q", qk), ("key" if hf else "k", qk), ("value" if hf else "v", v),
                               ("ogate_preact", v)):
                linear(p + "mlstm_layer." + name, rows, d)
            linear(p + "mlstm_layer.igate_preact", nh, d, 0.5, -1.0, 1.0)
            linear(p + "mlstm_layer.fgate_preact", nh, d, 0.5, 3.0, 1.0)
        norm(p + "mlstm_layer.multihead_norm", v)
        linear(p + "mlstm_layer.out_proj", d, v)
        norm(p + "norm_ffn", d)
        if fused:
            linear(p + "ffn.proj_up_gate_z", 2 * f, d)
        else:
            linear(p + "ffn.proj_up_gate", f, d)
            linear(p + "ffn.proj_up", f, d)
        linear(p + "ffn.proj_down", d, f)
    if c.get("add_out_norm", True):
        norm("backbone.out_norm", d)
    if not c.get("tie_word_embeddings", False):
        out["lm_head.weight"] = rng.normal(0, 1.5 / math.sqrt(d), (c["vocab_size"], d))
    return out


def write_checkpoint(folder, case, rng):
    """Writes config and weights; returns the config and the weights as they were stored."""
    os.makedirs(folder, exist_ok=True)
    config = {k: x for k, x in case.items() if k not in ("tokens", "rows", "dtype", "names", "shards")}
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f, indent=1, sort_keys=True)
        f.write("\n")
    tensors = {}
    for i, (name, x) in enumerate(sorted(random_weights(case, rng).items())):
        dtype = ["F32", "BF16", "F16"][i % 3] if case["dtype"] == "mixed" else case["dtype"]
        tensors[name] = (dtype, x)
    shards = case.get("shards", 1)
    files = ["model.safetensors"] if shards == 1 else [f"model-{i + 1:05}-of-{shards:05}.safetensors"
                                                       for i in range(shards)]
    names, stored = list(tensors), {}
    for i, file in enumerate(files):
        path = os.path.join(folder, file)
        write_safetensors(path, {n: tensors[n] for n in names[i::shards]})
        stored |= read_safetensors(path)
    if shards > 1:
        where = {n: files[i % shards] for i, n in enumerate(names)}
        with open(os.path.join(folder, "model.safetensors.index.json"), "w") as f:
            json.dump({"metadata": {}, "weight_map": where}, f, indent=1)
            f.write("\n")
    return config, stored


def check(folder, path):
    """Prints the relative L2 difference between a golden file and this reference, one line for each tensor."""
    with open(os.path.join(folder, "config.json")) as f:
        config = json.load(f)
    config.setdefault("embedding_dim", config.get("hidden_size"))
    config.setdefault("num_blocks", config.get("num_hidden_layers"))
    weights = {}
    for file in sorted(os.listdir(folder)):
        if file.startswith("model") and file.endswith(".safetensors"):
            weights |= read_safetensors(os.path.join(folder, file))
    wanted = read_safetensors(path)
    mine = golden(config, weights, wanted["input_ids"].tolist(), len(wanted["logits"]), len(wanted["greedy_ids"]))
    for name, x in wanted.items():
        got = np.asarray(mine[name][1], np.float64)
        print(f"{name:16} {np.linalg.norm(got - x) / max(np.linalg.norm(x), 1e-30):.3g}")


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "--check":
        return check(*arguments[1:])
    if not arguments or arguments[0].startswith("-"):
        sys.exit(__doc__)
    for name in arguments[1:] or CASES:
        case = CASES[name]
        rng = np.random.default_rng(list(name.encode()))
        folder = os.path.join(arguments[0], name)
        config, weights = write_checkpoint(folder, case, rng)
        for n in case["tokens"]:
            ids = rng.integers(0, case["vocab_size"], n).tolist()
            write_safetensors(os.path.join(folder, f"golden-T{n}.safetensors"),
                              golden(config, weights, ids, case.get("rows")))
        print(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
