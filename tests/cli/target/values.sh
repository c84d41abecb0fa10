# A command gets each value as the space has it: no digit is lost, and a text is one word whatever is in it.
cat > it <<'END'
printf '<%s>' "$@" | tr '\n' '@' >>log
echo >>log
END
cat > space.json <<'END'
{"x": [0.1234567890123, 1e-05, 1000000000000000000, 1e300],
 "t": ["a b", "", "two\nlines", "ünï→日本", "\"q\" 'r'", "{x}", "-x"]}
END
xltune optimize --target exec --mode grid --effort quick --repeats 1 --space space.json --trials 28 -- sh it {x} {t} {t}{{x}} >out
LC_ALL=C sort -u log
# --tune given again adds parameters, and blanks in a value are its own.
xltune optimize --target exec --mode grid --effort quick --repeats 1 --output-hash none --tune 'how=by row|by column' \
    --tune 'n=1, m=2' -- sh it {how} {n} {m} >/dev/null
LC_ALL=C sort -u log | grep 'by '
# So are words that are no names before a sign of equality.
xltune optimize --target exec --mode grid --effort quick --repeats 1 --output-hash none \
    --tune 'flags=-O2|-O3 -march=native|-O1 --param=x n=7' -- sh it {flags} {n} >/dev/null
LC_ALL=C sort -u log | grep -e '-O'
xltune optimize --target exec --tune n=1 --tune n=2 -- sh it {n}; echo $?
# A line of the output is one line.
grep -q 'two?lines' out && echo marked
grep -c '^lines' out
# What a double cannot hold is not changed silently.
xltune optimize --target exec --space '{"x": [1, 9007199254740993]}' -- sh it {x}; echo $?
xltune optimize --target exec --space '{"x": [1, 9223372036854775807]}' -- sh it {x}; echo $?
