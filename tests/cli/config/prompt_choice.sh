# --prompt overrides prompt_file of a config; a relative prompt_file is looked for beside the config first.
mkdir d prompts
printf here > p.txt; printf beside > d/p.txt; printf in_prompts > prompts/q.txt
printf '{"prompt_file": "p.txt"}' > d/c.json
printf '{"prompt_file": "q.txt"}' > d/q.json
printf '{"prompt_file": "short.txt", "prompt": "both"}' > d/s.json
show() { xltune generate "$@" --print-effective-config | grep '"prompt'; }
show --config d/c.json --prompt x
show --config d/c.json
show --config d/s.json
show --prompt-file p.txt
# Compares the texts by saved states, which are equal where the prompts are equal.
state() { to=$1; shift; xltune generate --model $MODEL --max-new-tokens 0 --save-state $to "$@" 2> log || cat log; }
state 1 --prompt beside; state 2 --config d/c.json; cmp 1 2
state 1 --prompt here; state 2 --prompt-file p.txt; cmp 1 2
state 1 --prompt in_prompts; state 2 --config d/q.json; cmp 1 2
state 1 --prompt-file $PROMPTS/short.txt; state 2 --config d/s.json; cmp 1 2
printf here | state_in=1 sh -c "xltune generate --model $MODEL --max-new-tokens 0 --save-state 2 --prompt-file - 2> log"
state 1 --prompt here; cmp 1 2
echo end
