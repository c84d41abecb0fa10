# Both logs create their folder; step 1 is the second token.
xltune generate --model $MODEL --prompt-file $PROMPTS/short.txt --max-new-tokens 9 --stats-log a/b/stats.csv \
    --stats-every 3 --mem-log c/d/mem.csv --mem-every 50 > out 2> err || cat err
head -n 1 a/b/stats.csv
cut -d, -f1 a/b/stats.csv | tail -n +2 | tr '\n' ' '
tail -n +2 a/b/stats.csv | grep -vE '^[0-9]+(,[0-9]+\.[0-9]{3}){4}$'
awk -F, 'NR > 1 && !($2 > 0 && $3 >= $2 && $4 > 0 && $5 > 0) { print "bad: " $0 }' a/b/stats.csv
head -n 1 c/d/mem.csv
tail -n +2 c/d/mem.csv | grep -vE '^[0-9]+\.[0-9]{6}(,[0-9]+\.[0-9]){5}$'
awk -F, 'NR > 1 && !($1 > 1e9 && $2 > 1 && $3 > 1 && $4 >= $3) { print "bad: " $0 } END { print (NR > 2) }' c/d/mem.csv
