: > file
xltune generate --model $MODEL --stats-log file/x.csv --max-new-tokens 1
echo $?
xltune generate --model $MODEL --mem-log file/x.csv --max-new-tokens 1
echo $?
xltune generate --model $MODEL --max-new-tokens 1 > /dev/full 2> err
echo $?
grep -v '^T' err
# The reason why the state cannot be written has a line of its own, also where both streams are one.
(
    ulimit -f 1
    xltune generate --model $MODEL --prompt hi --max-new-tokens 3 --save-state s
) 2>&1 | grep '^xltune'
