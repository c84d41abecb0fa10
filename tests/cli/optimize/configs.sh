# Configs in the original's form are accepted unchanged; the command line overrides them.
cp "$SOURCE"/tests/cli/optimize/data/*.json .
printf 'The old house stood at the end of the lane.' > prompt_long.txt
for c in experiment_ray golden_like; do
  xltune optimize --config $c.json --model "$MODEL" --print-effective-config >out 2>err || { cat err; exit 1; }
  grep -cE '"?(chunk_size|heads_per_band)"?' out
done
xltune optimize --config experiment_ray.json --model "$MODEL" --effort quick --population 2 --best-dir b \
  >log 2>&1 || { tail -n 3 log; exit 1; }
ls -d runs/nested/ray_*_fromconfig | wc -l
cat runs/nested/ray_*_fromconfig/trials.jsonl | wc -l
head -n 2 runs/nested/ray_*_fromconfig/summary.csv | tail -n 1 | cut -d, -f1-2
