# Every command of the table answers -h within 80 columns, and so do `help CMD` and `-h` alone.
xltune -h | awk 'length > 79 { print "too wide: " $0 }'
for c in $(xltune -h | sed -n 's/^  \([a-z-]*\)  .*/\1/p'); do
    xltune "$c" -h > one || echo "$c -h failed"
    xltune help "$c" > two || echo "help $c failed"
    xltune "$c" --help > three || echo "$c --help failed"
    cmp one two && cmp one three
    head -n 1 one | grep -q "^usage: xltune $c" || echo "$c: no usage line"
    awk -v c="$c" 'length > 79 { print c ": too wide: " $0 }' one
    grep -n '[[:space:]]$' one && echo "$c: space at a line's end"
done
echo end
