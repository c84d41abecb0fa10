# Where the reader of a pipe is gone, a command ends silently by SIGPIPE, as others do; a failure is still reported.
left() {
    { "$@" 2> err; echo "$?" > code; } | true
    echo "exit $(cat code)$(cat err)"
}
# More than a pipe's buffer is printed, and then less; `true` has ended before either is written.
wait_for_true() { sleep 0.3; "$@"; }
left wait_for_true xltune params --model $MODEL
left wait_for_true xltune params --model $MODEL --json
left wait_for_true xltune info --model $MODEL --json
left wait_for_true xltune -h
left wait_for_true sh -c "xltune generate --model $MODEL --prompt Hi --max-new-tokens 2 --no-best 2> all; code=\$?; grep write all; exit \$code"
left wait_for_true xltune params --model $MODEL --no-such-thing | sed 's/exit 2.*/exit 2/'
