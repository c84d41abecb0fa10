# Setup, prepare and cleanup are run around the samples, in this order; words with spaces stay whole.
cat > note <<'END'
echo "$1 $2" >>log
END
xltune optimize --target exec --mode grid --repeats 1 --effort quick --budget 10s --tune 'n=1|2' \
    --setup 'sh note setup {n}' --prepare 'sh note prepare {n}' --cleanup "sh note 'clean up' {n}" -- \
    sh -c 'echo "run {n}" >>log; sleep 0.0{n}; echo done' >/dev/null
# Between a setup and its cleanup there is one point only, and a preparation before each execution.
python3 - <<'END'
point, ready, faults, seen = None, False, 0, set()
for line in open("log"):
    what, n = line.rstrip("\n").rsplit(" ", 1)
    seen.add(what)
    if what == "setup":
        faults += point is not None
        point, ready = n, False
    elif what == "prepare":
        faults += point != n or ready
        ready = True
    elif what == "run":
        faults += point != n or not ready
        ready = False
    else:
        faults += point != n
        point = None
print("faults", faults, "left open" if point else "closed", sorted(seen))
END
# The words can be a line for the shell; texts are put in as they are.
xltune optimize --target exec --mode grid --repeats 1 --effort quick --budget 60s --shell --tune 'cmd=cat|tac' \
    --log-dir r2 -- 'echo {cmd} | sed "s/.*/x/" | {cmd}' >out; echo $?
cut -d, -f9,14 r2/*/summary.csv
# What belongs to a shell is left to it as it was typed, quotes too; without one it is refused.
around() { xltune optimize --target exec --effort quick --tune 'n=1|2' --log-dir r3 "$@" -- cat note {n} 2>&1 | grep '^xltune'; }
around --prepare 'rm -f x && make clean'
around --setup 'sync; echo 3'
around --cleanup 'ls > there'
around --prepare 'find . -name "x y" -exec rm {{}} ;' # of find; a file named 1 is not there
echo 'one' >1
echo 'two' >2
xltune optimize --target exec --mode grid --repeats 1 --effort quick --shell --tune 'n=1|2' --output-hash none --log-dir r4 \
    --prepare 'printf "%s|" "a  b" '"'c \$0'"' >note; cp note "note {n}"' -- 'cat note' >out; echo $?
cat note 'note 2'; echo
