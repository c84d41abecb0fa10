# Each error is one line: what was found and what was wanted.
t() { xltune "$@"; echo "$?"; }
t generate --chunk-size 0
t generate --chunk-size 3.5
t generate --chunk-size x
t generate --chunk-size ''
t generate --temperature -1
t generate --top-p 1.5
t generate --top-p nan
t generate --scheduler fast
t generate --max-new-tokens -1
t generate --max-new-tokens 99999999999999999999
t generate --max-new-tokens
t generate --prompt --no-best
t generate --no-best=1
t generate --mem-action explode
t generate --workers 100000
t bench --chunks 16,,32
t bench --chunks 16-8
t bench --chunks 0-64*2
t bench --output xml
