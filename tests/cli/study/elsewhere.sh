# A snapshot that another machine measured is not in force and is tried first; what fits another program is not looked at.
search() {
    xltune optimize --target worker:$FIXTURES/stated_times.py --effort quick --repeats 2 --tune how --best-dir best \
        --log-dir runs --mode auto --trials 1 "$@" > out 2> err || tail -n 2 err
    sed -n 's/^xltune[a-z ]*: \(.*another machine (.\{8\}\), .*\(tried first\).*/\1 \2/p' err
    grep -q ' how=b' out && echo "its settings are tried"
}
export COST='{"a":3,"b":2,"c":1}'
search --tag first | head -n 0
mkdir best
xltune study best runs/*_first --out best.json
edit() {
    python3 - "$@" <<'P'
import json, sys
snapshot = json.load(open("best.json"))
snapshot["params"]["how"] = "b"
snapshot["fingerprint"].update(item.split("=") for item in sys.argv[1:])
json.dump(snapshot, open("best/worker_latest.json", "w"))
P
}
edit machine=00000000000000000000000000000000
search --tag there
echo "# another program"
edit machine=00000000000000000000000000000000 program=0
search --tag program
echo "# without snapshots"
edit machine=00000000000000000000000000000000
search --tag without --no-best
true
