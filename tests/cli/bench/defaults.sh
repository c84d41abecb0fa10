# The original's defaults, on the default prompt.
xltune bench --model $MODEL -o jsonl > out || echo failed
python3 -c '
import json
for r in map(json.loads, open("out")):
    print(r["test"], r["heads_per_band"], r["n_samples"])'
