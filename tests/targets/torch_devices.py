#!/usr/bin/env python3
"""torch_devices.py WORKER: which device targets/torch_xlstm.py takes, and what it asks of it, with modules in the place of
PyTorch and transformers that only note what is called. No card and no PyTorch is needed.
"""
import importlib.util
import io
import json
import os
import sys
import tempfile
import types
import unittest

WORKER = sys.argv.pop(1)
CALLS = []


def note(name, value=None):
    def call(*_, **__):
        CALLS.append(name)
        return value
    return call


class Tensor(list):
    def float(self):
        return self

    def argmax(self):
        return max(range(len(self)), key=self.__getitem__)


class Model:
    """Foresees the id after the last one."""

    fails = None

    def __init__(self):
        self.backbone = types.SimpleNamespace(blocks=[types.SimpleNamespace(compile=note("compile"))])

    @classmethod
    def from_pretrained(cls, folder, config, dtype):
        CALLS.append(f"load {dtype} {config.chunk_size} {config.chunkwise_kernel}")
        return cls()

    def to(self, device):
        CALLS.append(f"to {device}")
        return self

    def eval(self):
        return self

    def forward(self, ids, use_cache, cache):
        pass

    def __call__(self, ids, use_cache, cache):
        if self.fails:
            raise self.fails
        CALLS.append("forward")
        rows = [Tensor(float(k == (i + 1) % 8) for k in range(8)) for i in ids.ids]
        logits = types.SimpleNamespace(rows=rows)
        return types.SimpleNamespace(logits=Logits(logits.rows), cache="state")


class Logits:
    def __init__(self, rows):
        self.rows = rows

    def __getitem__(self, at):
        return self.rows if at == 0 else self.rows[at[1]]


class Tokenizer:
    bos_token_id = 7

    @classmethod
    def from_pretrained(cls, folder):
        return cls()

    def __call__(self, text, add_special_tokens):
        return types.SimpleNamespace(input_ids=[ord(c) % 8 for c in text])

    def decode(self, ids, **_):
        return " ".join(map(str, ids))


def fake_torch(mps, cuda):
    torch = types.ModuleType("torch")
    torch.__version__ = "0"
    torch.float32, torch.bfloat16, torch.float16 = "float32", "bfloat16", "float16"
    torch.backends = types.SimpleNamespace(mps=types.SimpleNamespace(is_available=lambda: mps))
    torch.cuda = types.SimpleNamespace(
        is_available=lambda: cuda, synchronize=note("cuda.synchronize"), get_device_name=lambda: "Card 9",
        reset_peak_memory_stats=note("cuda.reset"), max_memory_allocated=lambda: 3 << 20, empty_cache=note("cuda.empty"))
    torch.mps = types.SimpleNamespace(synchronize=note("mps.synchronize"), empty_cache=note("mps.empty"),
                                      driver_allocated_memory=lambda: 5 << 20)
    torch.inference_mode = lambda: lambda f: f
    torch.set_num_threads = lambda n: CALLS.append(f"threads {n}")
    torch.get_num_threads = lambda: 1
    torch.tensor = lambda ids, device: types.SimpleNamespace(ids=ids[0], device=CALLS.append(f"on {device}"))
    torch.log_softmax = lambda row, _: [-0.5] * len(row)
    return torch


def load(mps=False, cuda=False, package=True):
    transformers = types.ModuleType("transformers")
    transformers.__version__ = "0"
    transformers.AutoTokenizer = Tokenizer
    transformers.xLSTMForCausalLM = Model
    transformers.xLSTMConfig = types.SimpleNamespace(from_pretrained=lambda folder: types.SimpleNamespace(
        chunk_size=64, chunkwise_kernel="chunkwise--native_autograd", dtype="bfloat16"))
    utils = types.ModuleType("transformers.utils")
    utils.is_xlstm_available = lambda: package
    sys.modules.update({"torch": fake_torch(mps, cuda), "transformers": transformers, "transformers.utils": utils})
    spec = importlib.util.spec_from_file_location("torch_xlstm", WORKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    CALLS.clear()
    Model.fails = None
    return module


class Devices(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        with open(os.path.join(self.folder.name, "config.json"), "w", encoding="ascii") as f:
            f.write("{}")

    def tearDown(self):
        self.folder.cleanup()

    def path(self, module, device=None):
        options = types.SimpleNamespace(device=device, model_path=self.folder.name)
        return module.Path({"prompt": "abc", "new": 3}, options)

    def point(self, path, **changed):
        return {t["name"]: t["default"] for t in path.tunables()} | changed

    def test_first_that_is_there(self):
        for mps, cuda, wanted in ((True, True, "mps"), (True, False, "mps"), (False, True, "cuda"), (False, False, "cpu")):
            self.assertEqual(load(mps, cuda).choose_device(None), wanted)

    def test_no_other_in_its_place(self):
        for mps, cuda, wanted in ((False, True, "mps"), (True, False, "cuda"), (False, False, "cuda")):
            with self.assertRaisesRegex(ValueError, f"device: found {wanted}, .* wanted one of .*cpu"):
                load(mps, cuda).choose_device(wanted)
        self.assertEqual(load(True, True).choose_device("cpu"), "cpu")

    def test_what_each_device_offers(self):
        for mps, cuda, half, kernels, threads in ((True, False, True, 1, False), (False, True, True, 3, False),
                                                  (False, False, False, 1, True)):
            path = self.path(load(mps, cuda))
            tunables = {t["name"]: t for t in path.tunables()}
            self.assertEqual("float16" in tunables["dtype"]["values"], half)
            offered = tunables["chunkwise_kernel"]["values"]
            self.assertEqual(len(offered), kernels)
            self.assertNotIn("parallel--native_autograd", offered, "the package's gives no states to go on from")
            self.assertEqual("threads" in tunables, threads)
            self.assertEqual(path.describe()["identity"]["device"], {"mps": "mps", "cuda": "Card 9"}.get(path.device, "cpu"))

    def test_without_the_package_there_are_the_kernels_of_transformers(self):
        path = self.path(load(cuda=True, package=False))
        tunables = {t["name"]: t for t in path.tunables()}
        self.assertEqual(tunables["chunkwise_kernel"]["values"], ["chunkwise--native_autograd", "parallel--native_autograd"])

    def test_each_time_is_of_finished_work(self):
        for device, wanted in (("mps", "mps.synchronize"), ("cuda", "cuda.synchronize"), ("cpu", None)):
            path = self.path(load(device == "mps", device == "cuda"))
            path.open(self.point(path))
            CALLS.clear()
            answer = path.measure(self.point(path), 1)
            seen = [c for c in CALLS if c in ("forward", "mps.synchronize", "cuda.synchronize")]
            around = [wanted] if wanted else []
            # Before the clock is read first, after prefill, and after two decoded tokens.
            self.assertEqual(seen, around + ["forward"] + around + ["forward"] * 2 + around)
            self.assertIn(f"on {device}", CALLS)
            self.assertEqual(answer["output"], "4 5 6")
            memory = answer["samples"][0]["peak_mb"]
            self.assertEqual(memory, {"mps": 5, "cuda": 3}.get(device, memory))
            self.assertGreater(memory, 0)

    def test_a_point_is_opened_once_and_the_memory_of_the_last_given_back(self):
        path = self.path(load(cuda=True))
        path.measure(self.point(path, chunk_size=32, dtype="float16"), 1)
        self.assertIn("load float16 32 chunkwise--native_autograd", CALLS)
        self.assertIn("cuda.empty", CALLS)
        CALLS.clear()
        path.measure(self.point(path, chunk_size=32, dtype="float16"), 2)
        self.assertFalse([c for c in CALLS if c.startswith("load") or c == "cuda.empty"])

    def test_compile(self):
        path = self.path(load())
        path.open(self.point(path))
        self.assertNotIn("compile", CALLS)
        path.open(self.point(path, compile="on"))
        self.assertIn("compile", CALLS)

    def test_too_little_memory_is_no_failure_of_the_program(self):
        module = load(mps=True)
        path = self.path(module)
        path.open(self.point(path))
        Model.fails = RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)\nmore")
        with self.assertRaisesRegex(module.Infeasible, "^MPS backend out of memory"):
            path.measure(self.point(path), 1)
        # What the device cannot do is one; xltune lets nothing else do it in its place.
        Model.fails = NotImplementedError("The operator 'x' is not currently implemented for the MPS device")
        with self.assertRaises(NotImplementedError):
            path.measure(self.point(path), 1)

    def test_texts(self):
        path = self.path(load())
        point = self.point(path)
        self.assertEqual(path.continue_text(point, "a", 4)["text"], "2 3 4 5")
        self.assertEqual(path.continue_text(point, "a", 0)["text"], "")
        self.assertEqual(path.score_text(point, "a", "bcd"), {"logprob": -1.5, "tokens": 3})
        self.assertEqual(path.score_text(point, "a", ""), {"logprob": 0.0, "tokens": 0})

    def test_the_conversation(self):
        module = load(mps=True)
        asked = [{"do": "describe", "protocol": 1, "config": {"prompt": "x", "new": 2}, "id": 1},
                 {"do": "dance", "id": 2}, {"do": "score", "point": {}, "prompt": "", "text": "x", "id": 3}]
        stdin, argv = sys.stdin, sys.argv
        sys.stdin = io.StringIO("".join(json.dumps(a) + "\n" for a in asked))
        sys.argv = ["worker", "--device", "cuda", "--model-path", self.folder.name]
        module.ANSWERS = io.StringIO()
        try:
            module.main()
        finally:
            sys.stdin, sys.argv = stdin, argv
        answers = [json.loads(line) for line in module.ANSWERS.getvalue().splitlines()]
        self.assertEqual([a["id"] for a in answers], [1, 2, 3])
        self.assertIn("device: found cuda", answers[0]["error"])
        self.assertTrue(all("error" in a for a in answers))


if __name__ == "__main__":
    unittest.main()
