# SIGHUP ends a run as SIGTERM does, with everything written; where it was ignored (nohup) it stays ignored.
# The tests may be run with SIGHUP ignored; env restores the default for a child.
env --default-signal=HUP true 2>/dev/null || { echo 'env knows no --default-signal' >&2; exit 77; }
begin() {
    rm -rf runs
    "$@" optimize --model "$MODEL" --prompt "It was a bright cold morning, and" --new 4 --mode random --trials "$trials" \
        --repeats 1 --effort quick --tune chunk_size=1:400:1,segment=1:400:1 --no-best --best-dir best >log 2>err </dev/null &
    p=$!
    until [ -s runs/*/trials.jsonl ] 2>/dev/null || ! kill -0 $p; do sleep 0.1; done
    kill -HUP $p 2>none # the one that ignores it may be over
    wait $p
    echo "exit $?"
    grep -c 'stopped, everything is written' err
    xltune study list | awk 'NR > 1 { print $3 }'
}
trials=5000 begin env --default-signal=HUP xltune
trials=30 begin nohup xltune
