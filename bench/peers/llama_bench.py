#!/usr/bin/env python3
"""Prefill and decode of an xLSTM by xltune beside a llama of about equal size by llama.cpp, in one interleaved run: for
orientation, since the models differ (the llama's attention reads its cache, here a short one; the xLSTM updates a state).

    llama_bench.py --xltune build/cli/xltune --model DIR [--threads 2] [--rounds 5] [--repeats 3]
                   [--prompt 512] [--new 32] [--weights f32 bf16 q8_0 q4_0] [--cache FOLDER] [--jobs 1] [--out FILE.csv]

The first call builds the peer in the cache (default ~/.cache/xltune-peers), outside of this folder: pip downloads the source
of llama-cpp-python, which holds llama.cpp, cmake builds its library for this machine, at a low priority, and llama_speed.c is
linked with that (building its own llama-bench takes far longer, and what it times are the same calls). A virtual environment
with the package gguf writes the llama: as wide and deep as the checkpoint, with its vocabulary and random weights, every
matrix in the format asked for, a file for each format. Needs pip, cmake, a C++ compiler, and disk for the files; minutes for
the build, seconds later.

In each round every engine takes --repeats samples of every test, behind a warm-up of its own, and who begins alternates. The
fastest counts, because other work on the machine only ever adds time, and becomes one row of CSV as soon as it is taken.
Behind them, on standard error: medians, and the median ratio of the rounds with an interval of 95 %, from processor time with
one thread, which leaves out what other work takes of the core, and else from the clock."""
import argparse, csv, datetime, glob, json, math, os, platform, statistics, subprocess, sys

# What xltune multiplies in, for each weight format. llama.cpp rounds activations to 8 bits for weights in blocks.
COMPUTES = {"f32": ["f32"], "bf16": ["bf16"], "q8_0": ["bf16", "int8"], "q4_0": ["bf16", "int8"]}
HERE = os.path.abspath(__file__)


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--xltune", required=True)
    p.add_argument("--model", required=True)
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--repeats", type=int, default=3)
    p.add_argument("--prompt", type=int, default=512)
    p.add_argument("--new", type=int, default=32)
    p.add_argument("--weights", nargs="*", choices=list(COMPUTES), default=list(COMPUTES))
    caches = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    p.add_argument("--cache", default=os.path.join(caches, "xltune-peers"))
    p.add_argument("--jobs", type=int, default=1, help="of the build")
    p.add_argument("--out", default="-")
    p.add_argument("--write", nargs=2, metavar=("FORMAT", "FILE"), help=argparse.SUPPRESS)
    return p.parse_args()


def run(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def say(text):
    print(text, file=sys.stderr, flush=True)


def built(a):
    """Paths of llama_speed and of a Python with gguf, and the version of the source; what is missing is made."""
    os.makedirs(a.cache, exist_ok=True)
    python, bench = os.path.join(a.cache, "python/bin/python"), os.path.join(a.cache, "llama_speed")
    if not os.path.exists(os.path.join(a.cache, "python/done")):
        say("setting up Python with gguf …")
        run([sys.executable, "-m", "venv", os.path.join(a.cache, "python")])
        run([python, "-m", "pip", "install", "-q", "gguf"])
        open(os.path.join(a.cache, "python/done"), "w").close()
    archives = glob.glob(os.path.join(a.cache, "llama_cpp_python-*.tar.gz"))
    if not archives:
        say("downloading the source of llama-cpp-python …")
        run([python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "llama-cpp-python", "-d", a.cache,
             "llama-cpp-python"])
        archives = glob.glob(os.path.join(a.cache, "llama_cpp_python-*.tar.gz"))
    name = os.path.basename(archives[0])[:-len(".tar.gz")]
    if not os.path.exists(bench):
        say("building llama.cpp, which takes minutes …")
        run(["tar", "-xzf", archives[0], "-C", a.cache])
        build, source = os.path.join(a.cache, "build"), os.path.join(a.cache, name, "vendor/llama.cpp")
        low = ["nice", "-n", "15"]
        run(low + ["cmake", "-S", source, "-B", build, "-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", "-DBUILD_SHARED_LIBS=OFF",
                   "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF"])
        run(low + ["cmake", "--build", build, "--target", "llama", "-j", str(a.jobs)])
        libraries = [os.path.join(build, "src/libllama.a")] + [os.path.join(build, f"ggml/src/{one}.a")
                                                               for one in ("libggml", "libggml-cpu", "libggml-base")]
        run(os.environ.get("CC", "cc").split() + ["-O2", "-o", bench, os.path.join(os.path.dirname(HERE), "llama_speed.c")]
            + [f"-I{source}/{folder}" for folder in ("include", "ggml/include")]
            + libraries + ["-lstdc++", "-fopenmp", "-lpthread", "-ldl", "-lm"])
    return bench, python, name.replace("llama_cpp_python-", "llama.cpp of llama-cpp-python ")


def shape(model):
    """Width, blocks, width of the feed-forward layer, vocabulary."""
    with open(os.path.join(model, "config.json")) as file:
        config = json.load(file)
    width = config.get("embedding_dim") or config["hidden_size"]
    blocks = config.get("num_blocks") or config["num_hidden_layers"]
    unit = config.get("ffn_round_up_to_multiple_of", 64)
    return width, blocks, math.ceil(width * config.get("ffn_proj_factor", 2.667) / unit) * unit, config["vocab_size"]


def write_llama(model, form, path):
    """Run by the Python of the cache. Matrices of one shape share their numbers, which cost time to make and change none."""
    import gguf, numpy
    width, blocks, hidden, vocab = shape(model)
    heads = width // (64 if width <= 1024 else 128)
    out = gguf.GGUFWriter(path + ".part", "llama")
    out.add_block_count(blocks)
    out.add_context_length(4096)
    out.add_embedding_length(width)
    out.add_feed_forward_length(hidden)
    out.add_head_count(heads)
    out.add_head_count_kv(heads)
    out.add_rope_dimension_count(width // heads)
    out.add_layer_norm_rms_eps(1e-6)
    out.add_vocab_size(vocab)
    out.add_tokenizer_model("none")
    kind, random, made = gguf.GGMLQuantizationType[form.upper()], numpy.random.default_rng(1), {}

    def matrix(name, rows, cols):
        if (rows, cols) not in made:
            parts = [random.standard_normal((min(1024, rows - r), cols), dtype=numpy.float32) for r in range(0, rows, 1024)]
            made[rows, cols] = numpy.concatenate([gguf.quants.quantize(part * cols ** -0.5, kind) for part in parts])
        out.add_tensor(name + ".weight", made[rows, cols], raw_dtype=kind)

    def norm(name):
        out.add_tensor(name + ".weight", numpy.ones(width, dtype=numpy.float32))

    matrix("token_embd", vocab, width)
    for i in range(blocks):
        norm(f"blk.{i}.attn_norm")
        for one in ("attn_q", "attn_k", "attn_v", "attn_output"):
            matrix(f"blk.{i}.{one}", width, width)
        norm(f"blk.{i}.ffn_norm")
        matrix(f"blk.{i}.ffn_gate", hidden, width)
        matrix(f"blk.{i}.ffn_up", hidden, width)
        matrix(f"blk.{i}.ffn_down", width, hidden)
    norm("output_norm")
    matrix("output", vocab, width)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    os.rename(path + ".part", path)


def fastest(samples):
    """Of [(test, seconds, processor seconds)] the least of each, since other work only ever adds time."""
    return {test: tuple(min(sample[i] for sample in samples if sample[0] == test) for i in (1, 2))
            for test in ("prefill", "decode")}


def xltune_samples(a, weights, compute):
    command = [os.path.join(os.path.dirname(a.xltune), "../bench/bench_compute"), a.model, "--weights", weights, "--compute",
               compute, "--workers", str(a.threads), "--tokens", str(a.prompt), "--new", str(a.new), "--rounds", str(a.repeats)]
    rows = csv.DictReader(run(command).splitlines())
    return fastest([(row["test"], float(row["seconds"]), float(row["cpu_seconds"])) for row in rows])


def llama_samples(a, bench, path):
    rows = [line.split() for line in run([bench, path, str(a.threads), str(a.prompt), str(a.new), str(a.repeats)]).splitlines()]
    return fastest([(test, float(seconds), float(cpu)) for test, seconds, cpu in rows])


def interval(values):
    """The narrowest pair of order statistics that holds the median with a confidence of at least 95 %; else the range."""
    n, ordered = len(values), sorted(values)
    for k in range(n // 2, 0, -1):
        if 1 - 2 * sum(math.comb(n, i) for i in range(k)) / 2**n >= 0.95:
            return ordered[k - 1], ordered[n - k]
    return ordered[0], ordered[-1]


def processor():
    try:
        with open("/proc/cpuinfo") as f:
            return next(line.split(":", 1)[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def main():
    a = arguments()
    if a.write:
        return write_llama(a.model, *a.write)
    bench, python, peer = built(a)
    name, machine = os.path.basename(os.path.normpath(a.model)), processor()
    files = {}
    for form in a.weights:
        files[form] = os.path.join(a.cache, "llama-{}x{}x{}x{}-{}.gguf".format(*shape(a.model), form))
        if not os.path.exists(files[form]):
            say(f"writing {files[form]} …")
            run([python, HERE, "--xltune", a.xltune, "--model", a.model, "--write", form, files[form]])
    version = run([a.xltune, "--version"]).strip()
    out = csv.writer(sys.stdout if a.out == "-" else open(a.out, "w", newline="", buffering=1), lineterminator="\n")
    out.writerow(["date", "cpu", "threads", "checkpoint", "engine", "weights", "compute", "test", "tokens", "round", "seconds",
                  "cpu_seconds"])
    counts, times = {"prefill": a.prompt, "decode": a.new}, {}
    for turn in range(a.rounds):
        for form in a.weights:
            takes = [(version, compute, lambda c=compute: xltune_samples(a, form, c)) for compute in COMPUTES[form]]
            takes.append((peer, "own", lambda: llama_samples(a, bench, files[form])))
            for engine, compute, take in takes if turn % 2 == 0 else takes[::-1]:
                for test, (seconds, cpu) in take().items():
                    date = datetime.datetime.now().isoformat(timespec="seconds")
                    out.writerow([date, machine, a.threads, name, engine, form, compute, test, counts[test], turn, f"{seconds:.6f}",
                                  f"{cpu:.6f}"])
                    times.setdefault((test, form), {}).setdefault(compute, []).append(cpu if a.threads == 1 else seconds)
    for (test, form), by in sorted(times.items()):
        own = by.pop("own")
        for compute, ours in by.items():
            ratios, n = [y / x for x, y in zip(ours, own)], counts[test]
            low, high = interval(ratios)
            say(f"{test} {form}: xltune in {compute} {n / statistics.median(ours):.1f}, llama.cpp {n / statistics.median(own):.1f} "
                f"tokens/s; ratio {statistics.median(ratios):.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
