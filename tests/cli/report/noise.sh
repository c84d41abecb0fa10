# The noise is that of what the search compares: a rate that a command prints, the part behind tokens a second, or a time.
command -v gnuplot >/dev/null || { echo "gnuplot is not here" >&2; exit 77; }
cat > it <<'END'
echo "rate=$((100 * $1)).5"
END
noise() { xltune explain "$1" | tr -s '\n ' ' ' | grep -oE "The baseline('s [a-z_]+)?, measured again and again: [0-9]+ samples scatter by [0-9.]+ %" |
    sed 's/: [0-9]* samples/: N samples/'; }
names() { xltune report "$1" --html page.html > log 2>&1 || cat log; grep -oE '"sample_(name|unit)":"[^"]*"' page.html; }
opt() { xltune optimize --mode grid --effort quick --repeats 4 --no-best "$@" > log 2>&1 || tail -n 3 log; }
opt --target exec --log-dir rate --tune 'n=1:8' --output-hash none --objective rate \
    --metrics '{"rate": {"regex": "rate=([0-9.]+)", "unit": "1/s", "better": "larger"}}' -- sh it {n}
noise rate/*
names rate/*
opt --model "$MODEL" --prompt 'It was a bright cold morning' --new 3 --tune 'chunk_size=1:8' --objective decode_tok_s --log-dir decode
noise decode/* | sed 's/by [0-9.]* %/by X %/'
names decode/*
opt --model "$MODEL" --prompt 'It was a bright cold morning' --new 3 --tune 'chunk_size=1:8' --log-dir whole
noise whole/* | sed 's/by [0-9.]* %/by X %/'
names whole/*
# So are the pictures of it.
xltune plot rate/* > log 2>&1 || cat log
says() { grep -qF ">$2<" "$1" && echo "$2" || echo "no $2"; }
says rate/*/times_by_n.svg 'rate by n'
says rate/*/baseline_noise.svg 'rate (1/s)'
says rate/*/search_progress.svg "baseline's rate / rate (under 1: better)"
says rate/*/final_comparison.svg 'better than the baseline by (%)'
