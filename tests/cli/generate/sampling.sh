# Deterministic by seed; greedy where only one token may be drawn.
g() { xltune generate --model $MODEL --prompt-file $PROMPTS/short.txt --max-new-tokens 20 "$@" 2> err || cat err; }
g > greedy
g --temperature 0.9 --seed 5 > a; g --temperature 0.9 --seed 5 > b; g --temperature 0.9 --seed 6 > c
cmp a b; cmp -s a c && echo "seed without effect"
cmp -s a greedy && echo "temperature without effect"
g --temperature 0.9 --top-k 1 > k; cmp k greedy
g --temperature 0.9 --top-p 0.000001 > p; cmp p greedy
g --temperature 0.9 --min-p 1 > m; cmp m greedy
g --repetition-penalty 50 > r; cmp -s r greedy && echo "penalty without effect"
echo end
