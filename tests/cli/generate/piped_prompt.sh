# Text piped or redirected into generate is the prompt where no flag or config names one.
go() { xltune generate --model $MODEL --no-best --max-new-tokens 6 "$@" 2> log || cat log; }
printf 'It was a bright cold' > text
go --prompt 'It was a bright cold' < /dev/null > want
cat text | go > pipe; cmp want pipe
go < text > file; cmp want file
go --prompt-file - < text > dash; cmp want dash
# A prompt that is named takes precedence, and an empty pipe changes nothing.
echo else | go --prompt 'It was a bright cold' > named; cmp want named
go < /dev/null > unnamed; printf '' | go > empty; cmp unnamed empty
# A piped prompt follows a saved state; an empty pipe adds nothing to it.
go --prompt 'It was' --save-state state < /dev/null > first
go --load-state state < /dev/null > goes_on
printf '' | go --load-state state > still; cmp goes_on still
go --load-state state --prompt ' a bright' < /dev/null > with
printf ' a bright' | go --load-state state > piped; cmp with piped
echo end
