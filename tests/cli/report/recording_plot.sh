# A recording has no picture of progress, and its fastest point is not called a winner; a search has both.
command -v gnuplot >/dev/null || { echo "gnuplot is not here" >&2; exit 77; }
mkdir r && printf 'backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,decode_s\nqueued,1,4,16,100,10,1,1\nqueued,2,4,16,150,10,0.66,1\n' > r/summary.csv
echo '{"params": {"workers": 2}}' > r/best.json
for mode in grid random; do
  echo "{\"mode\": \"$mode\", \"effective_args\": {\"export_landscape\": \"l.csv\"}}" > r/run_meta.json
  rm -f r/*.png r/*.svg
  xltune plot r | grep -c search_progress
  grep -ho '>fastest<\|>winner<' r/*.svg | sort | uniq -c | sed 's/^ *//'
done
