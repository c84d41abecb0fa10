# Which model is used where none is named, and the notice about it.
xltune generate --max-new-tokens 0 2>&1 | grep -v '^T'
XLTUNE_MODEL=$MODEL xltune generate --max-new-tokens 0 2>&1 | grep -v '^T'
xltune generate --model $MODEL --max-new-tokens 0 2>&1 | grep -v '^T'
# What --print-effective-config says of it, and that a command line or a config comes before the variable.
source() { xltune generate "$@" --print-effective-config | grep '"model_path"'; }
echo "{\"model_path\": \"$MODEL\"}" > c.json
source
XLTUNE_MODEL=$MODEL source
XLTUNE_MODEL=nowhere source --model $MODEL
XLTUNE_MODEL=nowhere source --config c.json
