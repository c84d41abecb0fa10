# A conversion that was killed while it wrote its marker has left what is written aside; the next one goes on.
pid=4999999 # more than a process's number can be
mkdir out
: > "out/xltune-$pid-0.tmp"
xltune convert --model $MODEL --weights q8_0 --out out > /dev/null 2> err || cat err
ls out | grep -c tmp
mkdir other; : > other/xltune-notes.tmp
xltune convert --model $MODEL --weights q8_0 --out other > /dev/null 2> err || tail -n 1 err
