# Control characters in files and in names of folders do not reach standard output.
esc=$(printf 'a\033[31mred\302\233x')
ln -s $MODEL "$esc"
xltune info --model "$esc" | grep -a checkpoint
mkdir "run$esc"
printf 'backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,decode_s,status,reason\nray,,2,16,9,9,1,1,ok,\nray,,2,8,9,8,1,2,failed,why\033[2J\n' > "run$esc/summary.csv"
xltune explain "run$esc" | grep -a -c "$(printf '\033\|\302\233')"
xltune explain "run$esc" | sed -n 1p
printf 'a,time\n1,2\n2,3\n4,1\n' > "$esc.csv"
xltune replay --landscape "$esc.csv" --strategy random --budget 3 --seeds 1 | sed -n '1s/:.*//p'
mkdir "out$esc"
printf 'some text' > "out$esc/a.txt"
xltune judge --model $MODEL --prompt Hi --outputs "out$esc" 2> /dev/null | sed 's/;.*//'
xltune synth --like 8x2x2x64 --out "s$esc" | sed 's/:.*//'
# Times that cannot have been measured.
mkdir r
printf 'backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,decode_s\nray,,2,16,9,9,1,1\nray,,2,8,9,9,1,1\n' > r/summary.csv
for time in -1 0 -0.5 null; do
    printf '{"trial": 0, "samples": [{"prefill_s": 1, "decode_s": 1}]}\n{"trial": 1, "samples": [{"prefill_s": 1, "decode_s": %s}]}\n' $time > r/trials.jsonl
    xltune explain r 2>&1 | sed -n 1p
done
printf '{"trial": 0, "prefill_s": -2, "samples": []}\n' > r/trials.jsonl
xltune explain r 2>&1
