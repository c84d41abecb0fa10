# A winner takes the snapshot's place where it is better than the snapshot's settings, compared in fresh processes.
search() {
    COST=$1
    shift
    export COST
    xltune optimize --target worker:$FIXTURES/stated_times.py --mode grid --effort quick --repeats 2 --tune how \
        --best-dir best --log-dir runs "$@" > out 2> err || tail -n 2 err
    sed -n 's/^snapshot *//p' out | sed 's/ (95.*//'
    python3 -c 'import json; print(json.load(open("best/worker_latest.json"))["params"])'
}
echo "# the first winner"
search '{"a":3,"b":2,"c":1}'
grep -o '^verdict *better by 200.0 % \[200.0, 200.0\]' out
grep -c -e nan -e ', 0 at' out
echo "# another that is as good"
search '{"a":3,"b":1,"c":1}'
