# What older versions wrote: a run folder and a saved state of each schema, and a converted checkpoint. They are read as
# they are, and continued where that can be; where it cannot, one line says what to do and nothing is changed.
export TZ=UTC
old=$SOURCE/tests/data/upgrade
cp -r $old/model model
mkdir work
cd work
xltune generate --model ../model --prompt "ab ab" --max-new-tokens 3 --no-best > three 2> log
xltune generate --model ../model --prompt "ab ab" --max-new-tokens 5 --no-best > five 2> log
# This machine's name, to make the runs this machine's.
xltune optimize --model ../model --prompt "ab ab" --new 2 --mode random --trials 1 --tune chunk_size=16 --effort quick --no-best \
    --log-dir now > log 2>&1 || cat log
xltune study list now --format json > now.json
for v in 1 2 3 6; do
    echo "## schema $v"
    mkdir -p runs
    cp -r $old/schema-$v runs/r$v
    chmod -R u+w runs
    python3 - $v <<'P'
import json, sqlite3, sys
v = sys.argv[1]
here = json.load(open("now.json"))[0]["machine"]
db = sqlite3.connect(f"runs/r{v}/study.sqlite")
db.executescript(open(f"runs/r{v}/study.sql").read())
for place in ("", "elsewhere-"):
    db.execute("UPDATE machine SET fingerprint = ?", (here if place else "0" * 32,))
    db.commit()
    if not place:
        other = sqlite3.connect(f"runs/r{v}/other.sqlite")
        db.backup(other)
        other.close()
db.close()
P
    rm runs/r$v/study.sql
    xltune generate --model ../model --load-state runs/r$v/state.safetensors --max-new-tokens 2 --no-best > two 2> log
    cat three two | cmp - five && echo "the saved state goes on"
    # Looking at a run needs no leave to write, and changes no file that was there.
    cp -r runs/r$v before
    xltune study list runs/r$v | sed -n '2p' | awk '{ print $3, $4, $5, $6 }'
    xltune study show runs/r$v | grep -E '^(target|workload)' | tr -s ' '
    xltune explain runs/r$v | sed -n '2,3p'
    xltune report runs/r$v --html page.html > log 2>&1 && [ -s page.html ] && echo "has a page"
    xltune study export runs/r$v --out e$v.json
    xltune study import e$v.json --study all.sqlite
    for f in run_meta.json best.json summary.csv trials.jsonl; do cmp before/$f runs/r$v/$f; done
    rm -r before
    echo "# continued"
    xltune optimize --resume runs/r$v --trials 3 > log 2> err
    echo "exit $?"
    grep '^xltune optimize: ' err
    xltune study list runs/r$v | sed -n '2p' | awk '{ print $3, $5 }'
    echo "# on another machine"
    mv runs/r$v/other.sqlite runs/r$v/study.sqlite
    rm -f runs/r$v/study.sqlite-*
    xltune optimize --resume runs/r$v --trials 4 2>&1 | sed -n 's/this one is [0-9a-f]*/this one is X/p'
    xltune study list runs/r$v | sed -n '2p' | awk '{ print $3, $5 }'
done
echo "## all in one study"
xltune study list all.sqlite | wc -l
xltune study merge runs/r1 --study all.sqlite
echo "## a converted checkpoint"
cp -r ../model q8
cp $old/q8_0.safetensors q8/model.safetensors
xltune info --model q8 | sed -n 's/^in blocks *//p'
xltune generate --model q8 --prompt "ab ab" --max-new-tokens 5 --no-best > q8.text 2> log
xltune generate --model ../model --weights q8_0 --prompt "ab ab" --max-new-tokens 5 --no-best > now.text 2> log
cmp q8.text now.text && [ -s q8.text ] && echo "continues a prompt as one that is converted now"
echo "## a study of a later version"
python3 -c '
import sqlite3
db = sqlite3.connect("later.sqlite")
db.execute("PRAGMA user_version = 99")
db.execute("PRAGMA application_id = 2020373621")
db.commit()'
xltune study list later.sqlite; echo $?
