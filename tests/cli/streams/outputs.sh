# All outputs are written alike, here a trace, which is text, and a state, which is a tensor file.
printf 'a,time\n1,2\n2,3\n4,1\n' > l.csv
trace() { xltune replay --landscape l.csv --strategy random --budget 3 --seeds 1 --trace "$1" > printed; echo "exit $?"; }
state() { xltune generate --model $MODEL --prompt Hi --max-new-tokens 2 --no-best --save-state "$1" > text 2> err; echo "exit $?"; }
loads() { xltune generate --model $MODEL --max-new-tokens 1 --no-best --load-state "$1" > text 2> err && echo "$1 loads"; }

echo "a link is followed, to a file that is there or is not"
mkdir far
: > far/there
chmod 640 far/there
ln -s far/there link
ln -s there far/second
ln -s far/second chain
ln -s far/new dangling
trace link
trace chain
state dangling
ls -l link chain dangling far/second | sed 's/.* \([^ ]* -> .*\)/\1/'
stat -c '%n %a' far/there
wc -l < far/there
loads far/new

echo "a link to itself"
ln -s circle circle
trace circle

echo "the mode stays"
: > s.st
chmod 600 s.st
state s.st
stat -c '%n %a' s.st
loads s.st

echo "a FIFO is written in place"
mkfifo f
cat f > through &
trace f
wait
test -p f && wc -l < through
cat f > through.st &
state f
wait
test -p f && loads through.st

echo "and is an error where nobody reads"
trace f

echo "a device stays one"
state /dev/null
test -c /dev/null && echo "still a device"
state /dev/full
cat err

echo "- is standard output"
xltune replay --landscape l.csv --strategy random --budget 3 --seeds 1 --json --trace - | sed -n 1,2p | cut -c 1-30
xltune generate --model $MODEL --prompt Hi --max-new-tokens 2 --no-best --save-state - 2> err > both
tail -c +"$(($(xltune generate --model $MODEL --prompt Hi --max-new-tokens 2 --no-best 2> err | wc -c) + 1))" both > s2.st
loads s2.st

echo "a long name"
long=$(printf 'n%.0s' $(seq 255))
trace "$long"
wc -l < "$long"

echo "a folder"
mkdir d
trace d
! ls -a | grep tmp
