# Pictures beside summary.csv, or in a folder of their own.
command -v gnuplot >/dev/null || { echo "gnuplot is not here" >&2; exit 77; }
mkdir run && printf 'backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,decode_s\nray,,6,64,21,24,0.28,2.6\nray,,3,36,111,25,0.05,2.5\nray,,7,64,110,25,0.05,2.5\n' > run/summary.csv
xltune plot --run run/
xltune plot run --out elsewhere/deep | tail -1
grep -ho 'Max decode tok/s by [a-z_]*\|Prefill vs Decode' run/*.svg | sort -u
# A folder may have any name: gnuplot would take a ~ for a user's own folder and run what follows a |.
for folder in './~' '~nobody' '|touch ran' "it's \"here\"" 'a`touch ran`\n$b@c' "two
lines" '-x'; do
    xltune plot run --out "$folder" > listed 2> said; echo "exit $?, $(cat said)$(ls -- "./$folder" | grep -c 'svg$\|png$')"
    grep -q "</svg>" "./$folder/prefill_vs_decode.svg" || echo "not drawn"
done
ls | grep '^ran'
ls run elsewhere/deep | grep tmp || true
