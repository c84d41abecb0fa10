# Control characters of flags and files do not reach the terminal.
esc=$(printf '\033[31mred')
xltune "$esc"
xltune generate "--$esc"
xltune generate --model "$esc" --prompt x
xltune generate --model $MODEL --prompt-file "$esc"
printf '{"%s": 1}' "$(printf 'k\302\233x\342\200\256y')" > c.json
xltune generate --config c.json
xltune optimize --model $MODEL --prompt hi --new 1 --tag "$esc"
xltune optimize --model $MODEL --prompt hi --new 1 --tag "two words"
xltune optimize --model $MODEL --prompt hi --new 1 --tag ''/..
echo '{"tag": "a b"}' > t.json
xltune optimize --model $MODEL --prompt hi --new 1 --config t.json
