# An allocation that fails while arguments are parsed gives one line and exit code 1, whichever it is.
[ -n "${FAILING_MEMORY:-}" ] || { echo "no library with failing memory here" >&2; exit 77; }
failed=0
for i in $(seq 1 9 900); do
    FAIL_AT=$i LD_PRELOAD=$FAILING_MEMORY xltune optimize --model nowhere --trials 5 --tune heads_per_band,chunk_size \
        --objective request_s,kl --heads-min 2 --prompt hi --effort quick --budget 3s --print-effective-config >out 2>err
    code=$?
    case $code in
    0) [ -s err ] && echo "$i: exit 0 with $(cat err)" ;;
    1) failed=$((failed + 1)); [ "$(grep -c 'out of memory' err)" = 1 ] && [ "$(wc -l <err)" = 1 ] || echo "$i: $(cat err)" ;;
    *) echo "$i: exit $code $(cat err)" ;;
    esac
done
[ $failed -gt 20 ] && echo "many failed"
