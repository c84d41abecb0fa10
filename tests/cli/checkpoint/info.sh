# Sizes of the embedded checkpoint, as text and as JSON.
xltune info --model "$MODEL"
xltune info --model "$MODEL" --json
xltune info --model nowhere; echo $?
