# Another model compares the texts, through a server of either protocol.
xltune judge --via http://127.0.0.1:1/v1 --outputs . --model $MODEL 2>&1 | grep -q 'without libcurl' && { echo "built without libcurl" >&2; exit 77; }
mkdir out; printf 'short' > out/a.txt; printf 'longer text' > out/b.txt; printf 'other texts' > out/c.txt; printf 'short' > out/d.txt
serve() {
    rm -f port; python3 $FIXTURES/critic.py port ${1:-} & p=$!
    while [ ! -s port ]; do sleep 0.05; done
}
judge() { xltune judge --model $MODEL --outputs out --prompt 'It was a' --via "http://127.0.0.1:$(cat port)$@" 2>&1 | grep -v continuations | sed 's/127.0.0.1:[0-9]*/HOST/; s/HOST: [FC].*connect.*/HOST: no connection/'; }
serve
judge /v1; cat out/opinions.csv
python3 - <<'P'
import json
rows = [json.loads(line) for line in open("out/opinions.jsonl")]
pairs = {frozenset((r["first"], r["second"])) for r in rows}
print(len(rows), sorted(map(sorted, pairs)), sorted({r["better"] for r in rows}))
# Each pair in both orders.
assert all(sum(r["first"] == a for r in rows if {r["first"], r["second"]} == {a, b}) == 1 for a, b in pairs)
P
judge /api --via-repeats 1 --comparisons 2 | head -n 2
judge '' --via-model other | head -n 1
judge /v2
kill $p; serve fair; judge /v1; grep -c '"tie"' out/opinions.jsonl
kill $p; serve vague; judge /v1 | head -n 1
kill $p; serve busy; judge /v1 --comparisons 1 --via-repeats 1 | head -n 1
# What fails writes nothing.
rm out/opinions.*
kill $p; serve broken; judge /v1
kill $p; serve silent; judge /v1
kill $p; wait $p 2> none; judge /v1
judge /v1 --via ftp://x
ls out
rm out/b.txt out/c.txt; judge /v1
