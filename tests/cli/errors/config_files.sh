# Each bad config gives one line that names file, key, what was found and what was wanted, and exit code 1.
t() { printf '%s' "$1" > c.json; xltune generate --config c.json; echo "$?"; }
t ''
t '[1]'
t '{"chunk_size": 32'
t '{"chunk_size": 32, "chunk_size": 64}'
t '{"chunk_sice": 32}'
t '{"chunk_size": "big"}'
t '{"chunk_size": 0}'
t '{"chunk_size": 1.5}'
t '{"chunk_size": [32]}'
t '{"temperature": "hot"}'
t '{"prompt": 3}'
t '{"best": "yes"}'
t '{"scheduler": "fast"}'
t '{"optimizer": 3}'
t '{"runner": {"chunk_sise": 32}}'
t '{"runner": {"chunk_size": -4}}'
t '{"mem_hard_pct": 85}'
t '{"qqqqqqqqqqqqqq": 1}'
xltune generate --config missing.json
echo $?
mkdir folder
xltune generate --config folder
echo $?
printf '{"prompt": "\377"}' > c.json
xltune generate --config c.json
t '{"model_path": ""}'
t '{"prompt_file": ""}'
export XLTUNE_MODEL=$MODEL
t '{"model_path": null, "max_new_tokens": 0}' 2>&1 | grep -v '^T'
# What a run wrote of itself is no config, whatever it tuned.
t '{"backend": "exec", "bounds": {}, "effective_args": {"target": "exec"}, "settings": {}}'
