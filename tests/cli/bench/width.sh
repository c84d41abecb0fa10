# The table stays within 80 columns; settings that all rows have in common stand above it.
xltune bench --model $MODEL -p 8 -n 4 -r 5 --chunks 8,16 --heads 1,4 --workers 1,2 --weights stored,f32 > out 2> said || echo failed
awk '{ gsub("…|±", "."); if (length($0) > 80) print "wide: " $0 }' out
grep -c '^| ' out
sed -n '3q; s/[0-9][0-9.]*/N/g; s/cpu, .*/cpu, KERNELS/; s/, pinning none.*/, …/; p' out | tr '\n' ' '; echo
