g() { xltune generate --model $MODEL --prompt-file $PROMPTS/long_form.txt --max-new-tokens 8 "$@" 2> err || cat err; }
g > want
for k in '--chunk-size 1 --workers 3' '--scheduler queued --segment 7 --chunk-size 1000' '--heads-per-band 8 --pinning compact' \
    '--scheduler recurrent --decode-workers 1' '--cpu-mask c --profile golden_queued'; do
    g $k > got
    cmp want got || echo "differs: $k"
done
wc -w < want
