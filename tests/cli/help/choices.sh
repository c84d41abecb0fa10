# Lists of choices are whole, however long they are: that of --tune ends in the last tunable, and no name in it is cut.
xltune optimize -h | tr -s ' \n' '  ' > text
last=$(grep -o -- '--gpu-[a-z]* NAME' text | tail -n 1 | sed 's/^--//; s/ NAME//; s/-/_/')
grep -o -- '--tune NAMES [^[]*\[[^]]*\]' text | sed 's/.*\[//; s/\]//' | tr -d ' ' | tr , '\n' > names
tail -n 1 names | grep -qx "$last" || echo "the last is $(tail -n 1 names), wanted $last"
# The scheduler is chosen by --backend.
grep -v "^scheduler$" names | while read -r name; do
    grep -q -- " --$(echo "$name" | tr _ -) " text || echo "no flag for $name"
done
wc -l < names | sed 's/[0-9][0-9]*/names: some/'
