# Which model is used where none is named, and the notice about it.
xltune generate --max-new-tokens 0 2>&1 | grep -v '^T'
XLTUNE_MODEL=$MODEL xltune generate --max-new-tokens 0 2>&1 | grep -v '^T'
xltune generate --model $MODEL --max-new-tokens 0 2>&1 | grep -v '^T'
