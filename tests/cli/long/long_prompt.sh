# A prompt of 20,000 tokens.
yes 'and the sea was calm again, ' | head -c 400000 | head -c 70000 > p.txt
xltune generate --model $MODEL --prompt-file p.txt --max-new-tokens 2 > out 2> err
echo $?
sed -n 's/.*prefill=[0-9.]* tok.s (\([0-9]*\) tokens).*/\1/p' err | awk '{ print ($1 >= 20000 ? "long enough" : "only " $1) }'
