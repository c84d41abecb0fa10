# A run is shown as running while it runs, and as interrupted once its process was killed; no hidden files are left.
xltune optimize --model "$MODEL" --prompt "It was a bright cold morning, and" --new 8 --mode random --trials 5000 \
    --tune chunk_size=1:400:1,segment=1:400:1 --no-best >log 2>&1 &
p=$!
until [ -s runs/*/trials.jsonl ] 2>/dev/null || ! kill -0 $p; do sleep 0.1; done
state() { xltune study list | awk 'NR > 1 { print "list:", $3 }'; xltune study show runs/* | sed -n '1s/.*(/show: (/p'; }
state
kill -KILL $p
wait $p 2>/dev/null
state
echo "entries: $(ls -A runs | wc -l)"
