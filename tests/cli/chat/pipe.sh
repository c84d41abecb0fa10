# Without a template what is said is continued as it is, as generate does.
chat() { xltune chat --model $MODEL --no-best --temperature 0 -n 8 "$@"; }
printf 'It was a\n' | chat > a 2> err || cat err
xltune generate --model $MODEL --no-best --prompt 'It was a' -n 8 > b 2> err; echo >> b; cmp a b
# An empty line goes on; two parts are the whole.
printf 'It was a\n\n' | chat > c
xltune generate --model $MODEL --no-best --prompt 'It was a' -n 16 2> err > d; tr -d '\n' < c > c1; tr -d '\n' < d | cmp - c1
# What was saved goes on where it was, here and in generate; what comes after /load is as if nothing had been between.
printf 'It was a\n/save s\n\n/load s\n\n/reset\nIt was a\n' | chat > e 2> err || cat err
python3 - <<'P'
# Each answer ends its line, so that the whole is the first answer, twice the second, and the first again.
first, rest = open("a").read(), open("e").read()
assert rest.startswith(first) and rest.endswith(first), rest
middle = rest[len(first):-len(first)]
half = len(middle) // 2
print(middle[:half] == middle[half:], open("c").read() == first + middle[:half])
P
xltune generate --model $MODEL --no-best --load-state s -n 8 2> err | tr -d '\n' > f; tr -d '\n' < c | tail -c $(wc -c < f) | cmp - f
# A text of several lines, a text that begins with /, and what is wrong.
printf 'one\\\ntwo\n' | chat > g; printf '"""one\ntwo"""\n' | chat > h; cmp g h
printf '//a\n' | chat > i; xltune generate --model $MODEL --no-best --prompt /a -n 8 2> err > j; echo >> j; cmp i j
printf '/nothing\n/save\n/load none\n/retry\n' | chat; echo "[$?]"
echo '{"messages": 1}' > s.json; printf '/load s\n' | chat
printf 'a\377\n' | chat
# A NUL byte ends no line: what it is in is not said, and the conversation goes on.
printf 'It was a\0nd never said\n"""a\0\nb"""\nIt was a\n/quit\0\n' | chat > k; echo "[$?]"; cmp a k
printf '/quit\nnever\n' | chat
chat --system x < /dev/null
chat --chat-template no/such < /dev/null
