# A standard output to which nothing can be written makes every command end with one line and exit code 1.
printf 'a,time\n1,2\n2,3\n4,1\n' > l.csv
printf 'some text to score\n' > t.txt
mkdir run out
printf 'backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,decode_s\nray,,2,16,9,9,1,1\n' > run/summary.csv
full() {
    "$@" > /dev/full 2> err
    echo "exit $?, $(cat err)"
}
full xltune -h
full xltune --version
full xltune help generate
full xltune generate -h
full xltune generate --model $MODEL --print-effective-config
full xltune params --model $MODEL
full xltune params --model $MODEL --json
full xltune info --model $MODEL
full xltune info --model $MODEL --json
full xltune tokenize --model $MODEL --prompt Hi
full xltune perplexity --model $MODEL --file t.txt
full xltune perplexity --model $MODEL --file t.txt --json
full xltune replay --landscape l.csv --strategy random --budget 3 --seeds 1
full xltune replay --landscape l.csv --strategy random --budget 3 --seeds 1 --json
full xltune explain run
full xltune generate --model $MODEL --prompt Hi --max-new-tokens 2 --no-best
full xltune synth --like 8x2x2x64 --out out/m
echo "a log that cannot be written"
xltune generate --model $MODEL --prompt Hi --max-new-tokens 3 --no-best --stats-log /dev/full 2>&1 > text | grep -v '^T'
xltune generate --model $MODEL --prompt Hi --max-new-tokens 3 --no-best --mem-log /dev/full 2>&1 > text | grep -v '^T'
echo "a file over its limit"
(ulimit -f 1; xltune generate --model $MODEL --prompt Hi --max-new-tokens 3 --no-best --save-state s.st 2>&1 > text | grep -v '^T')
ls s.st 2>/dev/null
ls | grep tmp
true
