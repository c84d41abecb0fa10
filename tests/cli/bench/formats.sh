# Without a token there is nothing to measure, and that is no empty document.
xltune bench --model $MODEL -p 0 -n 0 -o json
echo $?
# Every format, from one small run, with the numbers masked.
for f in md csv json jsonl sql; do
    echo "== $f"
    xltune bench --model $MODEL -p 8 -n 4 -r 2 --chunks 8,16 --heads 4 --workers 1 -o $f > out 2> said || echo failed
    case $f in
    json) python3 -c 'import json; print([(r["test"], r["chunk_size"], len(r["samples_ts"])) for r in json.load(open("out"))])' ;;
    jsonl) python3 -c 'import json; print([(r["test"], r["chunk_size"]) for r in map(json.loads, open("out"))])' ;;
    sql) python3 -c 'import sqlite3; d = sqlite3.connect(":memory:"); d.executescript(open("out").read()); print(d.execute("select test, chunk_size, n_samples from xltune_bench").fetchall())' ;;
    csv) python3 -c 'import csv; print([(r["test"], r["chunk_size"], float(r["avg_ts"]) > 0) for r in csv.DictReader(open("out"))])' ;;
    md) grep '^|' out | sed 's/-*[0-9][0-9.]*/N/g; s/  */ /g; s/--*/-/g' ;;
    esac
done
