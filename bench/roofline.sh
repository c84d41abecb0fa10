#!/bin/sh
# Draws the rows of a cpu.csv (bench/cpu.sh) on the machine's roofline: operations a second over operations for each byte of
# weights and state that is read.
#
# usage: bench/roofline.sh CPU.csv OUT.png
set -eu
[ $# -eq 2 ] || { sed -n '2,/^set/{s/^# \{0,1\}//;/^set/!p;}' "$0"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
# Rows with all threads, a file for each kind, with the color of its arithmetic (as below); the limits as they were measured with these
# threads.
awk -F, -v dir="$work" '
    /^#/ || $1 == "what" { next }
    $6 + 0 > most { most = $6 + 0 }
    { line[n++] = $0 }
    END {
        for (i = 0; i < n; i++) {
            split(line[i], f, ",")
            if (f[6] != most) continue
            if (f[14] == "GB/s of memory") memory = f[15]
            if (f[1] == "prefill") limit[f[4]] = f[15]
            kind = f[1] == "prefill" ? "prefill" : f[8] > 1 ? "many" : f[1] == "decode" ? "decode" : ""
            color = f[4] == "int8" ? 5592405 : f[4] == "f32" ? 11171652 : 4487082
            if (kind != "") print f[18], f[17], color > (dir "/" kind)
        }
        printf "memory=%s\nf32=%s\nbf16=%s\nint8=%s\nthreads=%d\n", memory, limit["f32"], limit["bf16"], limit["int8"], most
    }' "$1" >"$work/limits"
machine=$(sed -n 's/^# machine: \([^;]*\).*/\1/p' "$1" | sed 's/, Linux.*//')
for kind in decode many prefill; do [ -f "$work/$kind" ] || : >"$work/$kind"; done
. "$work/limits"
# shellcheck disable=SC2154  # from the file of limits
gnuplot <<P
set terminal pngcairo noenhanced size 1100,720 font "sans,12"
set output "$2"
set title "$machine, $threads threads: what is reached beside the limits of memory and of each arithmetic"
set logscale xy
set samples 2000
set xlabel "operations for each byte of weights and state that is read"
set ylabel "GFLOP/s"
set xrange [0.25:4000]
set yrange [$memory * 0.1 : $int8 * 5]
set key left top Left reverse
set grid
min(a, b) = a < b ? a : b
plot min($memory * x, $int8) with lines lw 2 lc rgb 0x555555 title sprintf("int8: %.0f GFLOP/s; memory: %.1f GB/s", $int8, $memory), \\
     min($memory * x, $bf16) with lines lw 2 lc rgb 0x4477aa title sprintf("bf16: %.0f GFLOP/s", $bf16), \\
     min($memory * x, $f32) with lines lw 2 lc rgb 0xaa7744 title sprintf("f32: %.0f GFLOP/s", $f32), \\
     "$work/decode" using 1:2:3 with points pt 7 ps 1.4 lc rgb variable notitle, \\
     "$work/many" using 1:2:3 with points pt 5 ps 1.4 lc rgb variable notitle, \\
     "$work/prefill" using 1:2:3 with points pt 9 ps 1.6 lc rgb variable notitle, \\
     NaN with points pt 7 ps 1.4 lc rgb "black" title "decode of one sequence, in each weight format", \\
     NaN with points pt 5 ps 1.4 lc rgb "black" title "decode of 8 and 32 sequences", \\
     NaN with points pt 9 ps 1.6 lc rgb "black" title "prefill of 512 tokens and more, in each weight format"
P
