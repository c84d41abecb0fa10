# Detokenizing gives the same bytes; a folder with only a tokenizer.json is enough.
mkdir alone && cp "$MODEL/tokenizer.json" alone/
printf 'a\0b  caf\303\251 <|endoftext|>\n\n' > t.txt
xltune tokenize --model alone --no-bos < t.txt | xltune detokenize --model alone > u.txt
cmp t.txt u.txt && echo same
xltune tokenize --model alone --prompt x | xltune detokenize --model alone
