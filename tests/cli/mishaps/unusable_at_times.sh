# What is fast in the search, but fails in some fresh processes, does not win; and what fails in none does.
[ -r /proc/self/cmdline ] || { echo "there is no /proc here" >&2; exit 77; }
. "$FIXTURES/fails_fresh.sh"
# Two processes fail, and the others say that it is twice as fast.
search some | sed 's/; the others say +100.0 % \[.*\]/; the others say +100.0 % [...]/; s/, [0-9]* blocks.*;/, ... blocks;/'
xltune explain runs/*_some | tr -s ' \n' ' ' | grep -oE '(2 processes failed and|It was the search.s choice that failed|Settings that fail|The search.s choice, which) [^.]*\.'
ls best 2>/dev/null
search well | sed 's/ \[.*//'
