# Where a number is looked for in vain, and what people usually have overlooked.
t() { # METRIC, then what the command does
    xltune optimize --target exec --effort quick --output-hash none --tune 'n=1|2' \
        --metrics "{\"v\": $1}" --objective v -- sh -c "$2; : {n}" 2>&1 >/dev/null | grep '^xltune'
    rm -rf runs
}
t '{"regex": "took ([0-9.]+)"}' 'echo took 3 >&2'
t '{"regex": "took ([0-9.]+)", "from": "stderr"}' 'echo took 3'
t '{"regex": "took (\\d+)"}' 'echo took 3'
t '{"json": "0.x"}' 'echo "[[7]]"'
t '{"json": "x", "from": "stderr"}' 'echo 3 >&2'
t '{"bytes": "gone", "exact": true}' ':'
# Of what is longer than what is kept, the end is kept: there the number stands, and the reason of a failure.
xltune optimize --target exec --mode grid --effort quick --repeats 1 --output-hash none --tune 'n=1|2' \
    --metrics '{"v": {"regex": "took ([0-9.]+)"}}' --objective v -- sh -c 'seq 3000000; echo took {n}' >out 2>&1
grep '^baseline' -A 1 out | grep -o 'v 1$'
xltune optimize --target exec --tune 'n=1|2' --shell --prepare 'seq 20000 >&2; echo no more room >&2; exit 1' -- echo {n} 2>&1 |
    grep '^xltune'
