# Ids of --prompt, --prompt-file, --file and standard input, with and without BOS.
xltune tokenize --model "$MODEL" --prompt "It was the best of times"
printf 'It was the best of times' > t.txt
xltune tokenize --model "$MODEL" --prompt-file t.txt
xltune tokenize --model "$MODEL" --file t.txt --no-bos
xltune tokenize --model "$MODEL" --no-bos < t.txt
xltune tokenize --model "$MODEL" --no-bos < /dev/null
