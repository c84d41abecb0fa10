# Configs of the original's form: every key accepted, what means nothing here is said once.
for f in $FIXTURES/*.json; do
    for c in generate bench; do
        xltune $c --config $f --print-effective-config > out || echo "$c $f failed"
        grep -c '"config ' out
    done
done
