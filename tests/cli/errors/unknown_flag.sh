xltune generate --chunk-sise 3
echo $?
xltune generate --zzzzzzzzzzz
echo $?
xltune generate -z
