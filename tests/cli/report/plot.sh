# Pictures beside summary.csv, or in a folder of their own.
command -v gnuplot >/dev/null || { echo "gnuplot is not here" >&2; exit 77; }
mkdir run && printf 'backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,decode_s\nray,,6,64,21,24,0.28,2.6\nray,,3,36,111,25,0.05,2.5\nray,,7,64,110,25,0.05,2.5\n' > run/summary.csv
xltune plot --run run/
xltune plot run --out elsewhere/deep | tail -1
grep -ho 'Max decode tok/s by [a-z_]*\|Prefill vs Decode' run/*.svg | sort -u
ls run elsewhere/deep | grep tmp || true
