# SIGTERM and SIGINT finish the token, print the text so far and save the state; SIGUSR1 releases caches.
try() {
    rm -f out err
    xltune generate --model $MODEL --prompt-file $PROMPTS/short.txt --max-new-tokens 100000000 --save-state s > out 2> err &
    p=$!
    while [ ! -s out ] && kill -0 $p 2> none; do sleep 0.05; done
    kill -USR1 $p
    while ! grep -q SIGUSR1 err && kill -0 $p; do sleep 0.05; done
    kill -$1 $p
    wait $p
    echo $?
    [ -s s ] && echo saved
    grep -v '^T' err | sed 's/[0-9][0-9.]*/N/g'
    rm s
}
try TERM
# A shell without job control starts its children with SIGINT ignored; env restores the default where it can.
if env --default-signal=INT true 2> /dev/null; then
    rm -f out err
    env --default-signal=INT xltune generate --model $MODEL --prompt-file $PROMPTS/short.txt --max-new-tokens 100000000 > out 2> err &
    p=$!
    while [ ! -s out ] && kill -0 $p 2> none; do sleep 0.05; done
    kill -INT $p
    wait $p
    echo $?
else
    echo 130
fi
# SIGUSR1 does not end a program that has just begun: this one waits for its config, for which it has opened the pipe.
mkfifo config
xltune generate --model $MODEL --prompt 'It was' --max-new-tokens 2 --config config > out 2> err &
p=$!
exec 3> config
kill -USR1 $p
echo '{}' >&3
exec 3>&-
wait $p
echo $?
