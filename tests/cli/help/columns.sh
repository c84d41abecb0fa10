# No line of any help is wider than 79 columns, and no command's help is empty.
{ xltune -h; for command in $(xltune -h | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p'); do
    xltune "$command" -h > help || echo "$command: exit code $?"
    [ -s help ] || echo "$command: empty"
    cat help
done; } > all
awk 'length > 79' all
[ "$(wc -l < all)" -gt 500 ] || echo "hardly any help"
