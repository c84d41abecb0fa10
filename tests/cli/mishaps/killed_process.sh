# Where a fresh process ends without a word, what it was running is known: the winner (2) or the baseline (1).
[ -r /proc/self/cmdline ] || { echo "there is no /proc here" >&2; exit 77; }
cat > it <<'END'
echo t=$((15 - 5 * $1)) >&2
[ $1 = $WHEN ] && tr '\0' ' ' </proc/$PPID/cmdline | grep -q ' fresh-process' && { mkdir one$1 || mkdir two$1; } 2>/dev/null &&
    kill -9 $(sed 's/.*) . \([0-9]*\) .*/\1/' /proc/$PPID/stat) && sleep 1000 # the parent is a guard, and its parent the process
echo same
END
search() {
    export WHEN=$1
    shift
    xltune optimize --target exec --effort quick --mode grid --repeats 1 --tune 'n=1|2' --tag gone$WHEN \
        --metrics '{"t": {"regex": "t=([0-9]+)", "from": "stderr"}}' --objective t "$@" -- sh it {n} >out
    echo "gone $WHEN: exit $?"
    grep -E '^(compared|best|baseline|verdict|snapshot)' out
}
search 2 | sed 's/; the others say +100.0 % \[.*\]/; the others say +100.0 % [...]/; s/, [0-9]* blocks.*;/, ... blocks;/'
ls best 2>/dev/null
search 1 | sed 's/ \[.*//'
xltune explain runs/*_gone1 | tr -s ' \n' ' ' | grep -oE '(2 processes failed and|It was the search.s choice that failed) [^.]*\.'
