# What is wrong with a command is said before anything is run.
opt() { xltune optimize --target exec "$@" >/dev/null; echo $?; }
opt --tune 'n=1|2'
opt -- echo 1
opt --tune n -- echo {n}
opt --tune 'n=1,2,3' -- echo {n}
opt --tune 'n=-O1,-O2' -- echo {n}
opt --tune 'n=1|2' -- no-such-program {n}
opt --tune 'n=1|2' -- echo {m}
opt --tune 'n=1|2' -- echo {n
opt --tune 'n=1|2' -- echo {{n}}
opt --tune 'n=1|2' --baseline '{"m": 1}' -- echo {n}
opt --tune 'n=1|2' --expect 300 -- echo {n}
opt --tune 'n=1|2' --prepare "echo 'x" -- echo {n}
opt --tune 'n=1|2' --metrics '{"a": {}}' -- echo {n}
opt --tune 'n=1|2' --metrics '{"a": {"regex": "("}}' -- echo {n}
opt --tune 'n=1|2' --metrics '{"a": {"regex": "x", "json": "y"}}' -- echo {n}
opt --tune 'n=1|2' --metrics '{"a": {"regx": "x"}}' -- echo {n}
opt --tune 'n=1|2' --metrics '{"wall_s": {"regex": "x"}}' -- echo {n}
opt --tune 'n=1|2' --objective rate -- echo {n}
xltune optimize --tune 'chunk_size=16|32' -- echo {n} >/dev/null; echo $?
# Names of columns that are there already, which would make summary.csv ambiguous.
for name in trial status reason wall_s; do opt --tune "$name=1|2" -- echo {$name}; done
opt --tune 'n=1|2' --metrics '{"ratio": {"regex": "x"}}' -- echo {n}
opt --tune 'n=1|2' --metrics '{"chunk_size": {"regex": "x"}}' -- echo {n}
# Values that are missing, and files that are.
opt --tune 'n=a|' -- echo {n}
opt --tune 'n=a||b' -- echo {n}
opt --tune 'n=' -- echo {n}
opt --space nowhere.json -- echo {n}
opt --space '{"n": {"values": [1, 2]}}' -- echo {n}
echo '{"n": [1, 2}' > cut.json
opt --space cut.json -- echo {n}
opt --space '{"n": [1, 2}' -- echo {n}
opt --tune 'n=1|2' --output-hash nowhere.txt --no-best -- true {n}
XLTUNE_PYTHON=nowhere/python3 opt --target worker:$SOURCE/examples/worker.py
