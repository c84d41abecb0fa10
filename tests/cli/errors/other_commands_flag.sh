# A flag of another command gives a notice that it has no effect, and no error.
xltune generate --model $MODEL --generations 3 --max-new-tokens 0 2>&1 | grep -v '^T'
