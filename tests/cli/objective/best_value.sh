# A winner by a value that is no time takes the snapshot's place as well: how long a sample takes does not follow from the value.
cat > it <<'END'
[ $1 = $GOOD ] && echo cost=1000 >&2 || echo cost=2000 >&2
sleep 0.02; echo same
END
search() {
    export GOOD=$1
    xltune optimize --target exec --mode grid --effort quick --repeats 1 --tune 'n=1|2|3' --objective cost \
        --metrics '{"cost": {"regex": "cost=([0-9]+)", "from": "stderr"}}' -- sh it {n} >out
    sed -n 's/^snapshot *//p; s/^\(verdict *better by [0-9.]* %\).*/\1/p' out
    python3 -c 'import json; print(json.load(open("best/exec_latest.json"))["params"])'
}
search 3
search 2
