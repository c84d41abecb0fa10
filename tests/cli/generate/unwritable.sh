: > file
xltune generate --model $MODEL --stats-log file/x.csv --max-new-tokens 1
echo $?
xltune generate --model $MODEL --mem-log file/x.csv --max-new-tokens 1
echo $?
xltune generate --model $MODEL --max-new-tokens 1 > /dev/full 2> err
echo $?
grep -v '^T' err
