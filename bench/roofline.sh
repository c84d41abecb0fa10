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
            color = f[4] == "int8" ? 2263091 : f[4] == "f32" ? 11171652 : 4487082
            if (kind != "") print f[18], f[17], color > (dir "/" kind)
        }
        printf "memory=%s\nf32=%s\nbf16=%s\nint8=%s\nthreads=%d\n", memory, limit["f32"], limit["bf16"], limit["int8"], most
    }' "$1" >"$work/limits"
machine=$(sed -n 's/^# machine: \([^;]*\).*/\1/p' "$1" | sed 's/, Linux.*//')
for kind in decode many prefill; do [ -f "$work/$kind" ] || : >"$work/$kind"; done
. "$work/limits"
# shellcheck disable=SC2154  # from the file of limits
gnuplot <<P
set terminal pngcairo noenhanced size 1100,680 font "sans,12"
set output "$2"
set title "$machine, $threads threads" font "sans,14"
set logscale xy
set samples 2000
set xlabel "operations for each byte of weights and state that is read"
set ylabel "GFLOP/s"
set xrange [0.4:4000]
set yrange [$memory * 0.25 : $bf16 * 2 > $int8 * 2 ? $bf16 * 2 : $int8 * 2]
set format x "%g"
set key bottom right Left reverse samplen 1.5 spacing 1.2
set grid lc rgb 0xdddddd lt 1
set border 3
set tics nomirror
roof(x, most) = $memory * x < most ? NaN : most
top = $bf16 > $int8 ? $bf16 : $int8
slope(x) = $memory * x > top ? NaN : $memory * x
set label sprintf("memory, %.0f GB/s", $memory) at 2.2, $memory * 2.2 * 1.6 right textcolor rgb 0x777777
set label sprintf("bf16, %.0f GFLOP/s", $bf16) at $bf16 / $memory * 1.6, $bf16 * 1.18 left textcolor rgb 0x4477aa
set label sprintf("int8, %.0f GFLOP/s", $int8) at $int8 / $memory * 1.6, $int8 * 1.18 left textcolor rgb 0x228833
set label sprintf("f32, %.0f GFLOP/s", $f32) at $f32 / $memory * 1.6, $f32 * 1.18 left textcolor rgb 0xaa7744
plot slope(x) with lines lw 2 lc rgb 0x777777 notitle, \\
     roof(x, $int8) with lines lw 2 lc rgb 0x228833 notitle, \\
     roof(x, $bf16) with lines lw 2 lc rgb 0x4477aa notitle, \\
     roof(x, $f32) with lines lw 2 lc rgb 0xaa7744 notitle, \\
     "$work/decode" using 1:2:3 with points pt 7 ps 1.3 lc rgb variable notitle, \\
     "$work/many" using 1:2:3 with points pt 5 ps 1.3 lc rgb variable notitle, \\
     "$work/prefill" using 1:2:3 with points pt 9 ps 1.5 lc rgb variable notitle, \\
     NaN with points pt 7 ps 1.3 lc rgb 0x555555 title "decode of one sequence, in each weight format", \\
     NaN with points pt 5 ps 1.3 lc rgb 0x555555 title "decode of 8 and of 32 sequences", \\
     NaN with points pt 9 ps 1.5 lc rgb 0x555555 title "prefill of 512 tokens and more, in each weight format"
P
