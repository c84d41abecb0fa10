# What is fast in the search, but has another output in a fresh process, once, or fails there, does not win.
[ -r /proc/self/cmdline ] || { echo "there is no /proc here" >&2; exit 77; }
. "$FIXTURES/fails_fresh.sh"
search once
search fails
xltune explain runs/*_fails | sed -n '/^Verdict/,/^$/p; /^The search.s choice/p; /^  The baseline stays/p; /^  The search.s choice/p'
xltune optimize --resume runs/*_fails >out 2>&1; echo "resumed: exit $?"
# All were tried, although one of them could not be measured.
xltune optimize --target exec --effort quick --tune 'n=0|1' --log-dir r2 -- sh -c 'exit {n}' | grep '^verdict'
