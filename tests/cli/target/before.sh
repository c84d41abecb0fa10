# The settings before the search: those of a snapshot, and what lies outside of the parameters.
opt() { xltune optimize --target exec --no-best --effort quick --trials 1 --budget 0 --output-hash none --log-dir runs "$@" > out; echo "$? $(grep '^baseline' out)"; }
opt --tune 'n=1:8:x2,how=a|b' --baseline '{"n": 3, "how": "b"}' -- true '{n}' '{how}'
opt --tune 'n=1:8:x2,how=a|b' --baseline '{"n": 9}' -- true '{n}' '{how}'
opt --tune 'n=1:8:x2,how=a|b' --baseline '{"n": "3"}' -- true '{n}' '{how}'
opt --tune 'n=1:8:x2,how=a|b' --baseline '{"how": "c"}' -- true '{n}' '{how}'
opt --tune 'n=1:8:x2,how=a|b' --baseline '{"how": ["a"]}' -- true '{n}' '{how}'
opt --tune 'n=1|2|3|4|5|6|none' --baseline '{"n": 7}' -- true '{n}'
mkdir best
for target in exec worker; do
    printf '{"params": {"n": 4}, "metrics": {}, "backend": "%s", "fingerprint": {}, "version": "1"}' $target > best/${target}_latest.json
done
opt --tune 'n=1:8:x2,how=a|b' --baseline best/exec_latest.json -- true '{n}' '{how}'
opt --tune 'n=1|2' --baseline best/exec_latest.json -- true '{n}'
# Where a configuration or a profile is wanted, such a snapshot is told where it belongs.
for flag in config profile; do
    opt --tune 'n=1|2' --$flag best/exec_latest.json -- true '{n}'
    xltune generate --model $MODEL --prompt x -n 1 --$flag best/worker_latest.json; echo $?
done
# A worker says what its parameters may be.
w() { opt --target "worker:$SOURCE/examples/worker.py" "$@"; }
w --baseline '{"run": 8}'
w --baseline '{"merge": "bubble"}'
w --baseline '{"nothing": 1}'
# Settings that the space's conditions exclude are a baseline, and no more than that.
for first in 1 2; do
    xltune optimize --target exec --mode grid --effort quick --repeats 1 --log-dir r5 --baseline "{\"n\": $first}" \
        --space '{"n": [1, 2, 3], "conditions": ["n > 1"]}' -- sh -c ': {n}; echo' 2>&1 >/dev/null | grep '^xltune'
done
