# One JSON object for each line, in both directions; a text may contain NUL and line ends of every kind.
printf '%s\n' '{"text":"a\u0000b"}' '' '{"text":"x\u2028y\n","more":1}' '{"text":""}' > lines
xltune tokenize --model "$MODEL" --no-bos --jsonl < lines
xltune tokenize --model "$MODEL" --no-bos --jsonl < lines | xltune detokenize --model "$MODEL" --jsonl
xltune tokenize --model "$MODEL" --jsonl < lines | head -n 1
