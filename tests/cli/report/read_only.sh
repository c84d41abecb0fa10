# Of a run that may only be read the pictures are drawn elsewhere, and the error says how.
unshare -rm sh -c 'mount -t tmpfs none /mnt' 2> /dev/null || { echo "no file systems of its own may be mounted here" >&2; exit 77; }
command -v gnuplot >/dev/null || { echo "gnuplot is not here" >&2; exit 77; }
cat > inside <<'END'
mount -t tmpfs none /mnt
printf 'backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,decode_s\nray,,6,64,21,24,0.28,2.6\nray,,3,36,111,25,0.05,2.5\n' > /mnt/summary.csv
mount -o remount,ro /mnt
xltune plot --run /mnt; echo $?
xltune plot --run /mnt --out here | tail -1
mkdir run && cp /mnt/summary.csv run
xltune plot --run run --out /mnt; echo $?
END
unshare -rm sh inside 2>&1
