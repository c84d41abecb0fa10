#!/usr/bin/env python3
"""Writes tests/data/tokenizer-options.json: small tokenizers, one an option of tokenizer.json, and what the
Hugging Face tokenizers library (pip install tokenizers) makes of random texts with them.

A case is the base tokenizer.json with some members replaced ("change", merged member by member)."""
import json
import os
import random
import sys
import tempfile

from tokenizers import Tokenizer, __version__, models, pre_tokenizers, trainers

CORPUS = """The tuner measures a point once and keeps what it saw. It's the measured time that counts, don't guess;
we'll see what they've measured. 1234 samples in 56.78 s, 9 of them late! A naïve café; the best of the rest,
the rest of the best. state, stately, estate, restate: 日本語 and 한국어 too.
    indented lines    and runs   of  spaces
""" * 3
LLAMA = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
         r"\s*[\r\n]+|\s+(?!\S)|\s+")
PIECES = ["a", "b", "st", "the ", "the <r", " ", "  ", "   ", "\n", "\r\n", "\t", ".", ". ", "1", "234", "'s", "'LL",
          "é", "e\u0301", "e\u0301x", "\u0301", "\u0316", "\u0327", "中", "日本", "한", "\u1112\u1161\u11ab", "🙂",
          "\u200d", "\u00a0", "\u180e", "\u0085", "\u2028", "<|end|>", "<|", "state", "<l>", "<r>", "<lr>", "sw",
          " sw ", "_", " lead", "\x00", "\u212b", "²", "Ⓐ", "Ⅳ", "!", "measure", "where", "éà", "\u0903"]


# One of each construct that PCRE2 reads differently, or that the translation writes differently.
CL100K = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|"
          r"\s*[\r\n]|\s+(?!\S)|\s")
PATTERNS = [
    CL100K, r"\d{1,3}+", r"\d{2}?", r"\d{2}+", r"\d{2,3}?", r"\d{,2}", r"\d{,2}+", r"a**b|x{,}|\d{2,}?+",
    r"\b", r"\B.", r"\b\w", r"\w+", r"\W+", r"[\w]+", r"[^\w]+", r"[\W]|\d", r"[^\S\n]+", r"[\S\n]", r"\h+|\H", r"[^\h]",
    r"[[:punct:]]+", r"[^[:punct:]]", r"[[:^punct:]a]", r"\p{Punct}", r"[[:word:]]+", r"[[:^word:]]", r"[[:alpha:]]+|[[:digit:]]",
    r"[[:graph:]]+", r"[[:print:]]+", r"[[:^graph:]]", r"[[:cntrl:][:blank:]]", r"[[:upper:]]|[[:lower:]]+", r"[[:^ascii:]]",
    r"(?m).", r"(?m:a.)|.x", r".", r"^", r"$", r"^a|b$", r".\Z", r".\z", r"\A.|\G\s", r"(?x) a b # c", "(?x)a + \n|\\ ",
    r"[a-z&&[^aeiou]]", r"[^a-z&&[^aeiou]]", r"[\w&&[^\d]]+", r"[[a-c][x-z]]", r"[^[a-c]x]", r"[a[^b]]", r"[\p{L}&&[^\p{Lu}]]+",
    r"\u200c|\x{e9}|\x41|\t", r"[\u200c\u200d]", r"[]a]|[a-c-]", r"[0-9-a-c]", r"[+--]", r"a(?i)b|c", r"(?i)k|[^a-z]",
    r"(?i)[^\p{L}]|\p{Lu}", r"(?i-m:a.)", r"a(?#x)+", r"(?<n>a)b", r"(a)(b)?\1", r"(?<=a|b)\s", r"\R|\N", r"\O\s",
    r"\p{^L}", r"\P{L}+", r"\p{ l_u }", r"\p{Han}+", r"\p{LC}+|\p{Letter}", r"\p{Alpha}\p{Graph}", r"a{,|b{ 1}", "()", "",
    r"a\Kb", r"[ab]\s*\K\w?", r"\K", r"(?<n>[ab])x?\k<n>", r"(?<n>\d)(?<m>\d)?\k'n'", r"(?:(?<l>\w)\k<l>)+",
    r"(?=a)b?a", r"(?=\d)2?1"]
PATTERN_PIECES = PIECES + [
    "A", "Z", "F9", "x", "abc", "ab", "b", "\u017f", "\u0345", "ι", "ǅ", "½", "٣", "€", "«", "-", "+", "&", "^", "[", "]", "{", "}",
    "{,", "{ 1}", "a", "aab", "12345678", "\u200c", "\x0b", "\x7f", "=", "$", "ά", "\n\n", "\u2003"]


def base():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=340, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
                                  show_progress=False)
    tokenizer.train_from_iterator([CORPUS], trainer)
    tree = json.loads(tokenizer.to_str())
    tree["added_tokens"] = [added(len(tree["model"]["vocab"]), "<|end|>", special=True)]
    tree["normalizer"] = {"type": "NFC"}
    tree["decoder"] = dict(type="ByteLevel", add_prefix_space=True, trim_offsets=True, use_regex=True)
    return tree


def added(number, content, **flags):
    return dict(id=number, content=content, single_word=False, lstrip=False, rstrip=False, normalized=False,
                special=False) | flags


def level(**flags):
    return dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True) | flags


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return dict(type="Split", pattern={kind: pattern}, behavior=behavior, invert=invert)


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def cases(tree):
    model, size = tree["model"], len(tree["model"]["vocab"]) + 1
    yield "as it is", {}
    yield "no normalizer", {"normalizer": None}
    yield "sequence of normalizers", {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}]}}
    yield "merges as strings", {"model": {"merges": ["#version: 0.2"] + [" ".join(m) for m in model["merges"]]}}
    shuffled = list(model["merges"])
    random.Random(3).shuffle(shuffled)
    yield "merges shuffled and doubled", {"model": {"merges": shuffled + shuffled[4:7]}}
    gone = ("a", "t", "Ġ", "Ì")
    short = {f"<gone {i}>" if t in gone else t: i for t, i in model["vocab"].items()}
    left = [m for m in model["merges"] if m[0] in short and m[1] in short and m[0] + m[1] in short]
    yield "no unknown token", {"model": {"vocab": short, "merges": left}}
    yield "unknown token", {"model": {"vocab": short, "merges": left, "unk_token": "!"}}
    yield "fused unknown token", {"model": {"vocab": short, "merges": left, "unk_token": "!", "fuse_unk": True}}
    yield "prefix space", {"pre_tokenizer": level(add_prefix_space=True)}
    yield "no regex", {"pre_tokenizer": level(use_regex=False)}
    yield "llama 3", {"pre_tokenizer": sequence(split(LLAMA), level(use_regex=False)), "model": {"ignore_merges": True}}
    yield "single digits", {"pre_tokenizer": sequence({"type": "Digits", "individual_digits": True}, level())}
    yield "runs of digits", {"pre_tokenizer": sequence({"type": "Digits", "individual_digits": False},
                                                       level(add_prefix_space=True))}
    for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        for invert in (False, True):
            pattern = r"[\s\d]|st*" if invert else r"\s|[ab]*"
            yield f"{behavior} {invert}", {"pre_tokenizer": sequence(split(pattern, behavior, invert), level())}
    yield "literal pattern", {"pre_tokenizer": sequence(split(". ", "MergedWithPrevious", False, "String"), level())}
    yield "classes", {"pre_tokenizer": sequence(split(r"\w+|[^\w\s]|\S[^\S\n]|\h"), level())}
    yield "lines", {"pre_tokenizer": sequence(split(r"^a|b$|.e"), level(use_regex=False))}
    tokens = tree["added_tokens"] + [
        added(size + 0, "state", single_word=True), added(size + 1, "<l>", lstrip=True),
        added(size + 2, "<r>", rstrip=True), added(size + 3, "<lr>", lstrip=True, rstrip=True, special=True),
        added(size + 4, "  ", normalized=True), added(size + 5, "   ", normalized=True),
        added(size + 6, "e\u0301x", normalized=True), added(size + 7, "éà"),
        added(size + 8, "sw", single_word=True, lstrip=True, rstrip=True, normalized=True),
        added(size + 9, "the <r", normalized=True), added(size + 10, "日本", single_word=True),
        added(size + 11, " lead", rstrip=True)]
    yield "added tokens", {"added_tokens": tokens}
    yield "added tokens and prefix space", {"added_tokens": tokens, "pre_tokenizer": level(add_prefix_space=True)}


def pattern_cases():
    for pattern in PATTERNS:
        for behavior in ("Isolated", "Removed"):
            step = sequence(split(pattern, behavior), level(use_regex=False))
            yield f"pattern {pattern}, {behavior}", {"pre_tokenizer": step, "normalizer": None}


def greedy_cases(tree):
    """A token of white space that takes white space along, more tokens of its own among it."""
    size = len(tree["model"]["vocab"]) + 1
    for content in ("\n", "  "):
        tokens = tree["added_tokens"] + [added(size, content, lstrip=True, rstrip=True)]
        yield f"greedy white space {content!r}", {"added_tokens": tokens}


def changed(tree, change):
    tree = json.loads(json.dumps(tree))
    for key, value in change.items():
        if key == "model":
            tree["model"].update(value)
        else:
            tree[key] = value
    return tree


def main():
    rng = random.Random(20)
    tree = base()
    out = {"library": f"tokenizers {__version__}", "base": tree, "cases": []}
    rows_of = [(case, 40, PIECES) for case in cases(tree)] + [(case, 6, PATTERN_PIECES) for case in pattern_cases()]
    rows_of += [(case, 40, PIECES + ["\n", "  ", "<l>"] * 5) for case in greedy_cases(tree)]
    for (name, change), count, pieces in rows_of:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tokenizer.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(changed(tree, change), file)
            tokenizer = Tokenizer.from_file(path)
        rows = []
        for i in range(count):
            text = "".join(rng.choice(pieces) for _ in range(rng.randrange(1, 24)))
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            rows.append([text, ids, tokenizer.decode(ids, skip_special_tokens=False),
                         tokenizer.decode(ids, skip_special_tokens=True)])
        out["cases"].append({"name": name, "change": change, "rows": rows})
    json.dump(out, sys.stdout, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
