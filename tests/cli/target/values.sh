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
# A line of the output is one line.
grep -q 'two?lines' out && echo marked
grep -c '^lines' out
# What a double cannot hold is not changed silently.
xltune optimize --target exec --space '{"x": [1, 9007199254740993]}' -- sh it {x}; echo $?
xltune optimize --target exec --space '{"x": [1, 9223372036854775807]}' -- sh it {x}; echo $?
