# A stop text is found across the borders of tokens, and is not printed; of several the first in the text counts.
g() { xltune generate --model $MODEL --no-best --prompt 'It was a' --max-new-tokens 30 "$@" 2> err || cat err; echo '|'; }
g
g --stop 'n who was'
g --stop 'never' --stop ' of a man' --stop 't of'
# A text that only begins like one is printed at the end.
g --stop 'man whom'
g --max-new-tokens 7 --stop 'a man who was a manx'
g --stop '
sort'
# In a config it is a text or a list.
echo '{"stop": ["who", "of"]}' > c.json; g --config c.json
echo '{"stop": "who"}' > c.json; g --config c.json
echo '{"stop": ["who", ""]}' > c.json; g --config c.json
xltune generate --stop '' 2>&1
xltune generate --stop 2>&1
g $(for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do echo "--stop $i"; done)
