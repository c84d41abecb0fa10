# A synthetic folder works as it is for every vocabulary size: the tokenizer fits it, and every id has a text.
for size in 3 96 257 258 300 4096 5000; do
    xltune synth --like 16x1x2x$size --dtype f32 --out m > log
    echo "$size: $(xltune tokenize --model m --prompt 'the sea é' | tee ids)"
    xltune detokenize --model m < ids; echo
    seq 2 $((size - 1)) | xltune detokenize --model m > text || echo failed
    xltune generate --model m --prompt 'the sea' --max-new-tokens 6 --temperature 1 > text 2> err || cat err
    rm -r m
done
xltune synth --like 16x1x2x4096 --dtype f32 --out m > log
python3 -c 'import json, sys; print([json.load(open(f + "/tokenizer.json")) for f in sys.argv[1:]][0] == json.load(open(sys.argv[2] + "/tokenizer.json")))' m $MODEL
xltune synth --like 16x1x2x5000 --dtype f32 --out n > log
echo 4999 17 | xltune detokenize --model n
echo
xltune bench --model n --prompt 'the sea' --new 2 > out 2> err || cat err
xltune optimize --model n --prompt 'the sea' --new 2 --tune chunk_size='1|2' --effort quick --no-best > out 2> err || cat err
