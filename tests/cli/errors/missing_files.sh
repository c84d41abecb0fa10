xltune generate --model nowhere
echo $?
xltune generate --model $MODEL --prompt-file nowhere.txt
echo $?
xltune generate --model $MODEL --load-state nowhere
echo $?
XLTUNE_MODEL=/nonexistent xltune generate
echo $?
mkdir empty
xltune generate --model empty
echo $?
xltune generate --profile nowhere
