# The whole page; only the first tunables are shown, but each of them has a flag.
xltune generate -h > page
sed '/^  --segment /,/^  --device /{/^  --device /!d}' page
xltune params | sed -n 's/^\([a-z_]*\) (.*/\1/p' | tr _ - > tunables
wc -l < tunables | awk '{ print ($1 >= 9 ? "tunables" : "few tunables") }'
while read -r name; do grep -q -- "^  --$name " page || echo "no flag for $name"; done < tunables
