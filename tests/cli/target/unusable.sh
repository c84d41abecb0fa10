# What is fast in the search, but has another output in a fresh process, once, or fails there, does not win.
[ -r /proc/self/cmdline ] || { echo "there is no /proc here" >&2; exit 77; }
cat > it <<'END'
[ $1 = 1 ] && time=10 || time=5
echo t=$time >&2
tr '\0' ' ' </proc/$PPID/cmdline | grep -q ' fresh-process' && [ $1 = 2 ] && case $HOW in
once) mkdir once 2>/dev/null && echo other && exit ;;
fails) echo "cannot go on" >&2; exit 3 ;;
some) { mkdir some1 || mkdir some2; } 2>/dev/null && echo "cannot go on" >&2 && exit 3 ;;
esac
echo same
END
search() {
    export HOW=$1
    shift
    xltune optimize --target exec --effort quick --mode grid --repeats 1 --tune 'n=1|2' --tag $HOW \
        --metrics '{"t": {"regex": "t=([0-9]+)", "from": "stderr"}}' --objective t "$@" -- sh it {n} >out
    echo "$HOW: exit $?"
    grep -E '^(compared|best|baseline|verdict|snapshot)' out
}
search once
search fails
xltune explain runs/*_fails | sed -n '/^Verdict/,/^$/p; /^The search.s choice/p; /^  The baseline stays/p; /^  The search.s choice/p'
xltune optimize --resume runs/*_fails >out 2>&1; echo "resumed: exit $?"
# Two processes fail, and the others say that it is twice as fast.
search some | sed 's/; the others say +100.0 % \[.*\]/; the others say +100.0 % [...]/; s/, [0-9]* blocks.*;/, ... blocks;/'
xltune explain runs/*_some | tr -s ' \n' ' ' | grep -oE '(2 processes failed and|It was the search.s choice that failed|Settings that fail|The search.s choice, which) [^.]*\.'
ls best 2>/dev/null
search well | sed 's/ \[.*//'
# All were tried, although one of them could not be measured.
xltune optimize --target exec --effort quick --tune 'n=0|1' --log-dir r2 -- sh -c 'exit {n}' | grep '^verdict'
