# Where the reader of a pipe is gone, a command ends silently by SIGPIPE, as others do; a failure is still reported.
left() {
    python3 $FIXTURES/no_reader.py "$@" 2> err
    echo "exit $?$(cat err)"
}
# More than a pipe's buffer is printed, and then less.
left xltune params --model $MODEL
left xltune params --model $MODEL --json
left xltune info --model $MODEL --json
left xltune -h
left sh -c "xltune generate --model $MODEL --prompt Hi --max-new-tokens 2 --no-best 2> all; code=\$?; grep write all; exit \$code"
left xltune params --model $MODEL --no-such-thing | sed 's/exit 2.*/exit 2/'
