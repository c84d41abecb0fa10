xltune generate --model $MODEL --mem-hard-mb 5 --max-new-tokens 20000 > out 2> err
echo $?
sed 's/[0-9][0-9]*/N/g' err
