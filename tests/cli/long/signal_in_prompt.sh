# A signal during the prefill of a long prompt takes effect at the next chunk.
yes 'and the sea was calm again, ' | head -c 3000000 > p.txt
xltune generate --model $MODEL --prompt-file p.txt --cpu-mask c --save-state s > out 2> err &
p=$!
sleep 1.5
kill -TERM $p
wait $p
echo $?
cat err
[ -e s ] || echo "no state"
