# The table of tunables, in words and as JSON: of this model, of another shape, and what cannot be listed.
xltune synth --like 96x3x6x256 --out six > log
xltune params --model six --json | python3 -c '
import json, sys
for row in json.load(sys.stdin):
    if row["name"] in ("chunk_size", "heads_per_band", "segment", "scheduler", "state"):
        print(row["name"], row["type"], row.get("min"), row.get("max"), row["default"], row.get("choices"), row["affects"])'
xltune params --model six | sed -n '/^heads_per_band/,/^workers/{/^workers/!p}'
# The two forms name the same tunables with the same defaults.
xltune params --model six > words 2> err
xltune params --model six --json 2> err | python3 -c '
import json, sys
words = " ".join(open("words").read().split())
for row in json.load(sys.stdin):
    for part in ("%s (%s)" % (row["name"], row["type"]), row["text"], "default %s; affects %s" % (row["default"], ", ".join(row["affects"]))):
        assert part in words, part'
xltune params --model nowhere; echo $?
xltune params --model six --device nowhere; echo $?
xltune params six; echo $?
mkdir empty; xltune params --model empty; echo $?
