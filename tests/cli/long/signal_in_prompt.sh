# A signal during the prefill of a long prompt takes effect at the next chunk.
yes 'and the sea was calm again, ' | head -c 3000000 > p.txt
XDG_RUNTIME_DIR="$PWD" xltune generate --model $MODEL --prompt-file p.txt --cpu-mask c --save-state s > out 2> err &
p=$!
# It tells of a batch as soon as the model works.
while ! grep -qs '"batch"' xltune/$p.json && kill -0 $p; do sleep 0.1; done
kill -TERM $p
wait $p
echo $?
cat err
[ -e s ] || echo "no state"
