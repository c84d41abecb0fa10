# A text in one go is the text in two, the state kept in a file between them.
g() { xltune generate --model $MODEL "$@" 2> err || cat err; }
g --prompt-file $PROMPTS/short.txt --max-new-tokens 24 > whole
g --prompt-file $PROMPTS/short.txt --max-new-tokens 10 --save-state s > parts
g --load-state s --max-new-tokens 14 >> parts
cmp whole parts
g --prompt-file $PROMPTS/short.txt --max-new-tokens 0 --save-state s0 > none
wc -c < none
g --load-state s0 --max-new-tokens 24 > again
cmp whole again
printf 'not a state' > bad
xltune generate --model $MODEL --load-state bad
echo $?
xltune generate --model $MODEL --prompt x --max-new-tokens 1 --save-state /proc/none/s > out 2> err
echo $?
grep -c . err
