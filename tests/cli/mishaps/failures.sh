# A command that fails, in whatever way, is a row with a reason and never the end of the search.
cat > it <<'END'
case $1 in
ok) echo same ;;
other) echo different ;;
fails) echo "cannot go on" >&2; exit 3 ;;
killed) kill -SEGV $$ ;;
hangs) exec sleep 1000 ;;
leaves) (sleep 9$TAG &); (setsid sleep 9$TAG >/dev/null 2>&1 &); sleep 0.1; echo same ;;
floods) exec yes ;;
large) exec python3 -c 'x = bytearray(900 << 20); print("same")' ;;
esac
END
export TAG=$$
xltune optimize --target exec --mode grid --effort quick --repeats 1 --time-limit 90s --memory-limit 400 \
    --tune 'how=ok|other|fails|killed|leaves|large' -- sh it {how} >out
# Those that run into the limit of time are by themselves, so that a busy machine may be slow with the others. On a fast
# one the flood comes to 4 GiB before that.
xltune optimize --target exec --mode grid --effort quick --repeats 1 --time-limit 8s --log-dir hung \
    --tune 'how=ok|hangs|floods' -- sh it {how} >out
sed 1d hung/exec_*/summary.csv | grep -v ',ok,' | cat runs/exec_*/summary.csv - | python3 -c 'import csv, sys
for row in csv.DictReader(sys.stdin):
    reason = row["reason"].split(" (")[0]
    if reason == f"command: ended after printing {4 << 30} bytes": reason = "command: ended after 8 s, its time limit"
    print(row["how"], row["status"], reason, sep=": ")'
# Nothing that it started is still there.
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -c "sleep [9]$TAG " | sed 's/^/left: /'
# Where the baseline itself fails, there is nothing to compare with.
xltune optimize --target exec --tune 'how=fails|ok' --log-dir r2 -- sh it {how} >/dev/null; echo $?
# Other exit codes may be a success.
xltune optimize --target exec --trials 2 --effort quick --tune 'code=3|4' --expect 3,4 --budget 0 --log-dir r3 -- \
    sh -c 'exit {code}' >/dev/null; echo $?
