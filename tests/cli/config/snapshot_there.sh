# Every command that takes settings from a snapshot goes on where one lies in the folder, whatever it is for.
mkdir best
echo '{"params": {"segment": 16}}' > best/ray_latest.json
for command in generate chat bench serve optimize save-outputs; do
  xltune $command --model $MODEL --print-effective-config < /dev/null > out 2> err || { echo "$command: $?"; cat err; }
  grep -c '"segment"' out
done
printf 'It was a\n' | xltune chat --model $MODEL --temperature 0 -n 8 2> err > a || cat err
printf 'It was a\n' | xltune chat --model $MODEL --temperature 0 -n 8 --no-best 2> err > b || cat err
cmp a b
# A server has no request that a snapshot could be for, but takes the settings of one where it is asked to.
xltune serve --model $MODEL --print-effective-config 2> err | grep -o '"segment": {"value": [0-9]*'
xltune serve --model $MODEL --profile best/ray_latest.json --print-effective-config 2> err | grep -o '"segment": {"value": [0-9]*'
