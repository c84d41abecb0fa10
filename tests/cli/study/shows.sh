# A run of an older version, imported: what list, show, best and export say of it.
export TZ=UTC
xltune study import $SOURCE/tests/data/run-v1.json --study all.sqlite
xltune study list all.sqlite | tr -s ' '
xltune study list all.sqlite --format csv
xltune study list all.sqlite --format json | python3 -c '
import json, sys
row, = json.load(sys.stdin)
print(row["id"], row["trials"], row["target"], row["device"], row["prompt_tokens"], row["new"], row["verdict"])'
xltune study list | wc -l
xltune study show 1 --study all.sqlite
xltune study show ray_20261128_213509 --study all.sqlite --format csv
xltune study export ray_20261128_213509 --study all.sqlite --format csv --out trials.csv
xltune study show 1 --study all.sqlite --format csv | cmp - trials.csv
xltune study export 1 --study all.sqlite --out e.json
# The name of the file says which of the two it is.
xltune study export 1 --study all.sqlite --out named.csv
cmp named.csv trials.csv
xltune study export 1 --study all.sqlite --out named.csv --format json
cmp named.csv e.json
xltune study show 1 --study all.sqlite --format json | cmp - e.json
# What was exported is the run: into another study, and out of it, it is the same.
xltune study import e.json --study other.sqlite
xltune study export 1 --study other.sqlite | cmp - e.json
xltune study merge other.sqlite --study third.sqlite
xltune study merge other.sqlite --study third.sqlite
xltune study export 1 --study third.sqlite | cmp - e.json
# What is written row by row appears whole or not at all, and what cannot be written is named.
for format in csv json; do
    xltune study export 1 --study third.sqlite --format $format --out /dev/full || echo "ends with $?"
    xltune study export 1 --study third.sqlite --format $format > /dev/full || echo "ends with $?"
    xltune study export nothing --study third.sqlite --format $format --out e.json || echo "ends with $?"
done
xltune study export 1 --study third.sqlite | cmp - e.json
ls | grep 'xltune-.*tmp'
true
