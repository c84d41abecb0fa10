# Spellings of flags: '-' and '_', '=' and ' ', short names, the original's names.
show() { xltune generate "$@" --print-effective-config | grep -v '"default"\|"profile' ; }
show --prompt_file=$PROMPTS/short.txt --max_new_tokens 3
show -f $PROMPTS/short.txt -n 3 -t 1
show --new 3 --heads 2 --chunks 16 --chunkwise-backend queued_compiled_steps --mem_poll_ms 100
show --backend ray --no_best
show --chunkwise_backend native_compiled_autograd --no-best
show --best=false --repeat-last-n -1
printf '{"model": "m", "mem-poll-ms": 60, "chunkwise_backend": "ray_compiled_steps", "backend": "queued"}' > c.json
show --config c.json
# As an editor on Windows saves it.
printf '\357\273\277{"top_k": 7,\r\n "max_new_tokens": 2}\r\n' > marked.json
xltune generate --config marked.json --print-effective-config | grep -e '"top_k"' -e '"max_new_tokens"'
# Every command that writes a file knows the name that others have for where.
for flag in -o --out --output; do
    xltune report $flag=p.html --print-effective-config | grep -o '"html".*"command line"'
    xltune explain $flag there --print-effective-config | grep -o '"out".*"command line"'
done
