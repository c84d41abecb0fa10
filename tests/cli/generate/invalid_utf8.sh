printf 'caf\351 au lait' > p.txt
xltune generate --model $MODEL --prompt-file p.txt
echo $?
xltune generate --model $MODEL --prompt "$(printf 'caf\351')"
echo $?
