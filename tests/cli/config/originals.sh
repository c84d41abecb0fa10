# Configs in the original's form: every key is accepted, and those without effect here are named in one notice.
for f in $FIXTURES/*.json; do
    for c in generate bench; do
        xltune $c --config $f --print-effective-config > out || echo "$c $f failed"
        grep -c '"config ' out
    done
done
