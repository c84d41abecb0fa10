# What is printed into a pipe stays within 80 columns, but for the sentences that scripts look for.
xltune optimize --mode random --trials 3 --new 2 --effort quick --no-best --objective request_s,kl \
  --tune 'chunk_size,heads_per_band,segment,decode_workers,pinning,huge_pages,weights=stored|bf16|q8_0' > out 2> /dev/null || echo failed
grep -c '^\[./3\] trial ' out
grep -vE '^(verdict|run|joined|runs/)' out | awk '{ gsub("…|±", "."); if (length($0) > 80) print "wide: " $0 }'
