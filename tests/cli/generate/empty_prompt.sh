xltune generate --model $MODEL --prompt '' --max-new-tokens 5 2> err
echo "[$?]"
sed 's/[0-9]*\.[0-9]*/N/g' err
: > empty.txt
xltune generate --model $MODEL --prompt-file empty.txt --max-new-tokens 5 2> err
echo "[$?]"
