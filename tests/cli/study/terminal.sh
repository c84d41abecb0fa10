# On a terminal the list fits 80 columns, whatever a run is called; a long name has a line of its own.
python3 -c "import pty; pty.openpty()" 2>/dev/null || { echo "there are no pseudo-terminals here (/dev/pts)" >&2; exit 77; }
export TZ=UTC
sed 's/ray_20261128_213509/ray_20261128_213509_a_long_tag_for_an_experiment/; s/"uid": *"0/"uid": "1/' \
    $SOURCE/tests/data/run-v1.json > long.json
xltune study import $SOURCE/tests/data/run-v1.json long.json --study all.sqlite > log
python3 - <<'P'
import sqlite3
db = sqlite3.connect("all.sqlite")
db.execute("UPDATE run SET result = ? WHERE id = 2", ('{"verdict": "stopped before the last comparison"}',))
db.commit()
P
xltune study list all.sqlite > file
cat > at_terminal.py <<'P'
import os, pty, sys
pid, fd = pty.fork()
if not pid:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
while True:
    try:
        more = os.read(fd, 65536)
    except OSError:
        break
    if not more:
        break
    seen += more
os.waitpid(pid, 0)
sys.stdout.write(seen.decode().replace("\r\n", "\n"))
P
python3 at_terminal.py xltune study list all.sqlite
# A file has a line for each run in any case.
python3 at_terminal.py xltune study list all.sqlite --out out
cmp file out
# What is shown of a run, and of two, is wrapped there; a pipe has whole lines.
for words in "show 1" "compare 1 2"; do
    python3 at_terminal.py xltune study $words --study all.sqlite > shown
    awk 'length > 80 { print "too long: " $0 }' shown
    xltune study $words --study all.sqlite > file
    awk 'length > 80 { n++ } END { print (n > 0) }' file
    test "$(cat file | tr -s ' \n' '  ')" = "$(cat shown | tr -s ' \n' '  ')" || echo "other words"
done
awk 'END { print NR, "lines" }' out
