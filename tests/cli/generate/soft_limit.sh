xltune generate --model $MODEL --mem-soft-mb 3 --max-new-tokens 3 > out 2> err
echo $?
grep -c 'over the soft limit of 3 MiB, releasing caches' err
xltune generate --model $MODEL --mem-soft-mb 3 --mem-action none --max-new-tokens 3 > out 2> err
echo $?
grep -c 'soft limit' err
