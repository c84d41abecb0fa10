# A known flag of another command is said to be without effect, not an error.
xltune generate --model $MODEL --generations 3 --max-new-tokens 0 2>&1 | grep -v '^T'
