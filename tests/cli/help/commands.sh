# Every command of the table answers -h within 80 columns (awk may count bytes, so wc does), and so do `help CMD` and `-h` alone.
wide() { [ "$(wc -L < "$1")" -le 80 ] || echo "$1 of $2: $(wc -L < "$1") columns"; }
xltune -h > all
wide all xltune
for c in $(xltune -h | sed -n 's/^  \([a-z-]*\)  .*/\1/p'); do
    xltune "$c" -h > one || echo "$c -h failed"
    xltune help "$c" > two || echo "help $c failed"
    xltune "$c" --help > three || echo "$c --help failed"
    cmp one two && cmp one three
    head -n 1 one | grep -q "^usage: xltune $c" || echo "$c: no usage line"
    wide one "$c"
    grep -n '[[:space:]]$' one && echo "$c: space at a line's end"
done
echo end
