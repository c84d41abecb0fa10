# A config may come through a pipe; a pipe to which nothing is written is not waited for without end.
config() { xltune generate --model $MODEL --print-effective-config "$@" 2>&1 | grep -e '"seed"' -e 'pipe'; }
printf '{"seed": 77}' > c.json
cat c.json | config --config /dev/fd/0 | sed 's/"source".*//'
mkfifo f
{ sleep 0.5; cat c.json > f; } &
config --config f | sed 's/"source".*//'
wait
config --config f
mkdir m
for file in $MODEL/*; do ln -s $file m; done
rm m/config.json
mkfifo m/config.json
xltune info --model m 2>&1
rm m/config.json
ln -s $MODEL/config.json m
rm m/model.safetensors
mkfifo m/model.safetensors
xltune info --model m 2>&1
