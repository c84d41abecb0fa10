# By default 512 prompt tokens, 128 generated tokens, five samples each; a profile with the original's numbers; a prompt.
show() {
    python3 -c '
import json, sys
rows, said = json.load(sys.stdin), open("said").read()
for r in rows: print(r["test"], r["chunk_size"], r["heads_per_band"], r["n_samples"], "an interval of too few" if r["low_ts"] and r["n_samples"] < 5 else "")
if (sum(r["n_disturbed"] for r in rows) > 0) != ("were disturbed" in said): print("disturbance:", said)'
}
echo "== defaults"
xltune bench --model $MODEL -o json 2> said | show
echo "== profile original"
xltune bench --model $MODEL --profile original -o json 2> said | show
echo "== a prompt"
xltune bench --model $MODEL --prompt 'It was' -n 0 -r 2 -o json 2> said | show
echo "== a prompt and lengths"
xltune bench --model $MODEL --prompt 'It was' -n 0 -p 4 -r 1 -o json 2> said | show
echo "== named once"
xltune bench -h | tr -s ' \n' ' ' | grep -o '(default [0-9]*)' | head -3
xltune bench --print-effective-config | grep '"new"\|"n_prompt"\|"repeats"'
