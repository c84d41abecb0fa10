# Ids name runs of a study only; a folder with a study alone, as agents leave it, has no run of its own.
export TZ=UTC
mkdir runs runs/agents_0123abcd nothing
xltune study import $SOURCE/tests/data/run-v1.json --study runs/agents_0123abcd/study.sqlite > log
echo "listed with $(xltune study list runs/agents_0123abcd | awk 'NR > 1 { print $1, $2 }')"
xltune study show runs/agents_0123abcd | head -n 1
# In a folder of runs it is left out, since its runs have folders of their own.
xltune study list runs | wc -l
xltune optimize --target exec --tune 'n=1|2' --trials 2 --effort quick --no-best --log-dir runs -- sh -c 'true a long command of many words' {n} > log
xltune study list runs | awk 'NR > 1 { print $1, $3, $5 }'
xltune study list runs/exec_* | awk 'NR > 1 { print $1, $3, $5 }'
xltune study list runs/exec_* --format csv | cut -d, -f1,3
xltune study show runs/exec_* | grep '^target' | sed 's/[0-9a-f]\{16\}$/HASH/'
# A search that ended before it had a run.
python3 - <<'P'
import shutil, sqlite3
shutil.copytree("runs/agents_0123abcd", "runs/agents_empty")
db = sqlite3.connect("runs/agents_empty/study.sqlite")
db.execute("PRAGMA foreign_keys = on")
db.execute("DELETE FROM run")
db.commit()
P
xltune study show runs/agents_empty; echo $?
xltune study list runs/agents_empty | wc -l
# What takes files takes no folder, and what takes run folders no folder of them.
xltune study import runs --study new.sqlite; echo $?
xltune study merge nothing --study new.sqlite; echo $?
# Chance may call one of two equal commands faster, which writes best/.
ls | grep -vx best
