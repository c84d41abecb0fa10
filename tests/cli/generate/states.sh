# Generating a text at once equals generating it in two parts, with the state kept in a file between them.
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
# That is said before anything is generated.
wc -c < out
xltune generate --model $MODEL --prompt x --max-new-tokens 1 --save-state . 2> err
echo $?
# This also holds with a repetition penalty, whose window spans both parts, and with the generator's saved state.
for how in "--repetition-penalty 1.5" "--repetition-penalty 1.5 --repeat-last-n 5" \
    "--repetition-penalty 1.3 --repeat-last-n -1 --temperature 1" "--temperature 1 --top-p 0.9"; do
    g --prompt-file $PROMPTS/short.txt --max-new-tokens 24 --seed 7 $how > whole
    for cut in 1 10; do
        g --prompt-file $PROMPTS/short.txt --max-new-tokens $cut --seed 7 $how --save-state s > parts
        cp parts again
        g --load-state s --max-new-tokens $((24 - cut)) $how >> parts
        cmp whole parts
        g --load-state s --max-new-tokens $((24 - cut)) --seed 7 $how >> again
        cmp whole again
    done
done
# Another seed restarts the generator.
g --load-state s --max-new-tokens 14 --temperature 1 > goes_on
g --load-state s --max-new-tokens 14 --temperature 1 --seed 8 > anew
cmp -s goes_on anew || echo different
