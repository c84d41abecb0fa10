# A gnuplot that cannot write reports nothing, so its files are checked before an old picture is replaced.
real=$(command -v gnuplot) || { echo "gnuplot is not here" >&2; exit 77; }
mkdir run far bin
{
    echo backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,decode_s
    for h in 2 4; do for c in 16 32; do echo "ray,,$h,$c,1000,25,0.1$h$c,2.5"; done; done
} > run/summary.csv
: > far/picture
ln -s ../far/picture run/prefill_vs_decode.png
xltune plot run > log 2>&1 || { cat log; exit 1; }
test -h run/prefill_vs_decode.png && test -s far/picture && echo "the link stays, its target is written"
sums() { find run far \( -name '*.png' -o -name '*.svg' -o -name picture \) | sort | xargs sha256sum; }
sums > before
for fault in 'cat > /dev/null' "sed 's/unset output/set output/' | $real - && find run far -name '*.tmp' -exec truncate -s 400 {} +"; do
    printf '#!/bin/sh\n%s\n' "$fault" > bin/gnuplot
    chmod +x bin/gnuplot
    PATH=$PWD/bin:$PATH xltune plot run 2>&1 > log | sed 's/run\/[^ ]*: /run\/PICTURE: /; s/(.*)//'
    sums | cmp - before && echo "the old pictures stay"
    find run far -name '*tmp*'
done
