# The tunables of the Vulkan backend: they are listed, searched on the first device to a verdict, and unknown elsewhere.
xltune optimize --model "$MODEL" --prompt x --new 2 --no-best --tune gpu_rows 2>&1 > /dev/null | cut -c1-40
xltune params --json | grep -c '"gpu_'
xltune devices | grep -q '^vulkan' || { echo "no Vulkan device here" >&2; exit 77; }
xltune params --json --device vulkan | grep -c '"gpu_'
# A slow machine may need more time for a first point.
for budget in 5 30 120; do
  rm -rf runs
  xltune optimize --device vulkan --model "$MODEL" --prompt x --new 2 --no-best --mode random --trials 2 --repeats 1 \
    --effort quick --budget $budget --tune 'gpu_rows=1|2,gpu_wait' > out 2> log || tail -n 3 log
  [ -s runs/*/trials.jsonl ] && break
done
grep -c '^verdict ' out
grep -E '^(baseline|best) .*gpu' out | grep -o '^baseline .*'
r=$(ls -d runs/*)
grep -o '"gpu_[a-z]*"' "$r/trials.jsonl" | sort -u
