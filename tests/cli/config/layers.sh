# Defaults < profile < config < command line, each value with its source. Only two of the defaults are shown.
cat > c.json <<'J'
{"chunk_size": 48, "top_k": 5, "max_new_tokens": 7}
J
xltune generate --config c.json --top-k 9 --print-effective-config |
    sed '/workers/d; /"default"/{/"segment"\|"seed"/!d}'
