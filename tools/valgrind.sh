#!/bin/sh
# Runs the unit tests that end quickly under valgrind's memcheck: reads of what was never written, and what is never freed.
# The searches and simulations among them would take hours there, those that fork end children without freeing anything, and
# in those of the tokenizer memcheck cannot follow the code that PCRE2 makes at run time.
# usage: tools/valgrind.sh BUILD [TEST...]      exit status 1 where something is found, 77 without valgrind
set -eu
[ $# -ge 1 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 2; }
cd "$(dirname "$0")/.."
command -v valgrind >/dev/null || { echo "valgrind is missing (apt-get install valgrind)" && exit 77; }
build=$1
shift
tests=${*:-csv numbers json_reader safetensors shard_index config sampler sampler_state tunable expr space space_forms cgroup progress divergence stats \
    plain_json weights run_files run_tables states strata nodes final live_page study_faults target recording chat_template}
failed=0
for name in $tests; do
    program=$build/tests/unit/test_$name
    [ -x "$program" ] || { echo "no such test: $name" && failed=1 && continue; }
    log=$(mktemp)
    if valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite "$program" >"$log" 2>&1; then
        echo "ok    $name"
    else
        echo "FAIL  $name"
        grep -A12 '^==' "$log" | head -n 40
        failed=1
    fi
    rm -f "$log"
done
exit $failed
