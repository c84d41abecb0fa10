# The original's spelling; --outputs in another folder; an empty prompt; --new 0 gives empty texts with null scores.
mkdir run
printf 'backend,workers,heads_per_band,chunk_size\nray,,4,32\n' > run/summary.csv
: > empty.txt
xltune save-outputs --run run --model_path "$MODEL" --prompt-file empty.txt --new 0 --outputs out
wc -c < "out/b=ray__h=4__ck=32__i=0.txt"
xltune judge --model_path "$MODEL" --prompt-file empty.txt --outputs out
cat out/ratings.csv out/ratings.jsonl
