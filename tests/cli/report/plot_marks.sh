# What the pictures mark, and where. The texts of the SVG are the same as those of the PNG.
command -v gnuplot >/dev/null || { echo "gnuplot is not here" >&2; exit 77; }
head=backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,decode_s
texts() { sed -n "s,.*<text>\(.*\)</text>.*,\1,p" "$1"; }
says() { grep -q ">$2<" "$1" && echo "$(basename "$1"): $2" || echo "$(basename "$1"): no $2"; }

echo "All values the same:"
mkdir same && printf '%s\nray,,4,32,2000,25,0.05,2.5\nray,,4,32,2000,25,0.05,2.5\n' $head > same/summary.csv
xltune plot same | wc -l

echo "A picture that cannot be put in place leaves the others:"
mkdir -p other/prefill_vs_decode.png
xltune plot same --out other > listed 2> said; echo "exit $?"
grep -v svg listed; cat said; ls other | grep -c svg; ls other | grep tmp

echo "A first row with the warm-up in it:"
mkdir cold && printf '%s\nray,,6,64,21,24,0.28,2.64\nray,,3,36,111,25,0.05,2.5\nray,,7,64,110,25,0.05,2.51\nray,,7,8,110,25,0.06,2.52\n' $head > cold/summary.csv
xltune plot cold > /dev/null
for p in prefill_vs_decode times_by_chunk_size search_progress best_by_pair; do says cold/$p.svg 'first row, cold'; done

echo "The run's own space and baseline:"
mkdir own
printf '%s,status,ratio,samples,weights\n' $head > own/summary.csv
printf 'ray,2,4,8,100,25,0.05,2.5,ok,1.1,3,stored\nray,,4,1024,110,26,0.06,2.4,ok,0.9,1,f16\nray,,4,64,,,,,failed,,,bf16\n' >> own/summary.csv
echo '{"space": {"chunk_size": [8, 64, 1024], "weights": ["stored", "f16", "bf16"]}, "settings": {"chunk_size": 512, "weights": "stored", "heads_per_band": 4}}' > own/run_meta.json
echo '{"params": {"chunk_size": 1024}, "verdict": "stopped before the last comparison", "is_baseline": false, "baseline": {"search_metrics": {"prefill_s": 0.05, "decode_s": 2.45}}}' > own/best.json
xltune plot own | grep -c 'workers\|heads'
for p in max_decode_by_chunk_size prefill_vs_decode times_by_weights best_by_pair; do says own/$p.svg baseline; done
says own/prefill_vs_decode.svg 'best found, not compared'
says own/best_by_pair.svg 'one sample'
says own/best_by_pair.svg 'failed'
echo "Names sorted, numbers where they lie, the baseline's with them:"
texts own/best_by_pair.svg | grep -x 'bf16\|f16\|stored\|8\|64\|512\|1024' | tr '\n' ' '; echo

echo "A pause is cut out and named:"
for at in 0 1 2 3 3603 3604 3605 3606; do echo "{\"at\": $at, \"prefill_s\": 0.05, \"decode_s\": 2, \"used\": true}"; done | paste -sd, | sed 's/.*/{"trial": 0, "baseline_samples": [&]}/' > own/trials.jsonl
xltune plot own > /dev/null && texts own/baseline_noise.svg | grep 'pause\|work\|^[0-9]$' | tr '\n' ' '; echo
