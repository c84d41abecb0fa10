# One rating for each file of each row; CRLF, unknown columns, repeated settings, too many heads; nothing is appended.
mkdir run
printf 'backend,workers,heads_per_band,chunk_size,prefill_tok_s,extra,status\r\nray,,2,16,1.5,x,ok\r\nqueued,2,99,40,1.5,,ok\r\nray,,2,16,,,timeout\r\nray,,2,16,,,infeasible\r\n' > run/summary.csv
printf '{"prompt": "It was the best of"}' > run/run_meta.json
xltune save-outputs --run run --model "$MODEL" --new 12
ls run/outputs
cat run/outputs/*.txt | wc -c > all; cat run/outputs/*i=0.txt | wc -c > one
test "$(cat all)" -eq "$((3 * $(cat one)))" && echo "three times the same length"
cmp "run/outputs/b=ray__h=2__ck=16__i=0.txt" "run/outputs/b=queued__h=99__ck=40__w=2__i=1.txt" && echo same
xltune judge --run run --model "$MODEL" | sed 's/-[0-9.]*/N/g'
head -n 1 run/outputs/ratings.csv
cut -d, -f1-5,8 run/outputs/ratings.csv
wc -l < run/outputs/ratings.jsonl
