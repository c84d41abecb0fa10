# --profile takes the name of a packaged profile or a file; of a best.json the parameters are used.
printf '{"params": {"backend": "ray", "chunk_size": 24, "workers": null}, "metrics": {"decode_tok_s": 3}}' > best.json
xltune generate --profile ./best.json --print-effective-config | grep chunk_size
xltune generate --config best.json --print-effective-config | grep -E 'chunk_size|scheduler'
xltune generate --profile golden_queued --print-effective-config | grep scheduler
