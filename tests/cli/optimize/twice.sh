# The two ways to give the space exclude each other.
xltune optimize --model "$MODEL" --prompt hi --tune 'chunk_size=16|32' --space '{"segment": [8]}'
