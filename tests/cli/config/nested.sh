# Nested objects override the top level, this command's own object overrides the other's, and null unsets a key.
cat > c.json <<'J'
{"chunk_size": 16, "heads_per_band": 2, "segment": 100,
 "optimizer": {"chunk_size": 17, "trials": 3},
 "runner": {"chunk_size": 18, "heads_per_band": null, "segment": null}}
J
xltune generate --config c.json --print-effective-config | grep -E 'chunk_size|heads_per_band|segment|trials' |
    grep -v '"default"'
