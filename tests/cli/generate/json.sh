# Continuations as JSON: the same text as without it, several with seeds that follow each other, log-probabilities.
g() { xltune generate --model $MODEL --no-best --prompt 'It was a' --max-new-tokens 12 "$@" 2> err || cat err; }
g > plain
g --json > json; cat json
python3 - <<'P'
import json
assert json.load(open("json"))["text"] == open("plain").read()
P
g --temperature 0.9 --seed 5 --n 3 > three
g --temperature 0.9 --seed 6 --json > six
python3 - <<'P'
import json, math
three = [json.loads(line) for line in open("three")]
print([(o["index"], o["choice"]) for o in three], len({o["text"] for o in three}))
assert three[1]["text"] == json.load(open("six"))["text"], "the second is drawn with the next seed"
P
g --logprobs 3 --stop ' who' > log
python3 - <<'P'
import json
o = json.load(open("log"))
print(o["text"].split("\n"), o["finish"], repr(o["stop"]), o["tokens"])
assert "".join(t["text"] for t in o["logprobs"]) == o["text"]
for t in o["logprobs"]:
    assert len(t["top"]) == 3 and t["top"][0]["id"] == t["id"] and t["top"][0]["logprob"] == t["logprob"] <= 0
    assert t["top"][0]["logprob"] >= t["top"][1]["logprob"] >= t["top"][2]["logprob"]
P
g --logprobs 0 | python3 -c 'import json, sys; print(json.load(sys.stdin)["logprobs"][0]["top"])'
# -n is the number of tokens, as in other programs.
g -n 2 --n 2 | cut -c1-40
g --json --save-state s; g --n 2 --stats-log s; g --logprobs 1 --load-state s
