# explain refers to the run's own space, has the same counts as the summary, and recognizes an interrupted run.
printf 'the old man looked at the sea and said that it would rain before the night was over' > p.txt
xltune optimize --model "$MODEL" --prompt-file p.txt --new 2 --no-best --mode grid --effort quick --tag all \
    --tune 'chunk_size=4|8|16,heads_per_band=2|4|8' >log 2>&1 || { tail -n 3 log; exit 1; }
r=$(echo runs/*_all)
xltune explain "$r" >words
sed -n '/^Never tried/,/^$/p' words
counts=$(grep '^[0-9]* trials: ' log)
grep -c "^  $counts" words
# Half of the space.
xltune optimize --model "$MODEL" --prompt-file p.txt --new 2 --no-best --mode random --trials 2 --effort quick --tag few \
    --tune 'chunk_size=1|2|4|8' >log 2>&1 || { tail -n 3 log; exit 1; }
xltune explain runs/*_few | sed -n '/^Never tried/,/^$/p' | grep -c '^  chunk_size: '
# A run that was killed found nothing yet, which differs from a search that found nothing.
xltune optimize --model "$MODEL" --prompt-file p.txt --new 64 --no-best --mode random --trials 5000 --tag cut \
    --tune chunk_size=1:18:1,segment=1:400:1 >log 2>&1 &
until grep -q . runs/*_cut/trials.jsonl 2>/dev/null || ! kill -0 $!; do sleep 0.1; done
kill -KILL $!
wait $! 2>/dev/null
xltune explain runs/*_cut | sed -n '/^Verdict/,/^$/p' | sed 's/ray_[0-9_]*_cut/RUN/'
