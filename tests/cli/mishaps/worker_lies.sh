# What a worker may not say of itself, and what is no use of it.
try() {
    printf '%s' "$1" >answer
    xltune optimize --target worker:./it --trials 1 2>&1 | head -1
}
cat > it <<'SH'
#!/bin/sh
read line
cat answer
echo
sleep 1
SH
chmod +x it
good='"id": 1, "protocol": 1, "metrics": [{"name": "t", "unit": "s"}]'
try 'no JSON'
try '[]'
try '{"id": 2}'
try '{"id": 1}'
try '{"id": 1, "protocol": 2}'
try '{"id": 1, "error": "found no GPU"}'
try "{$good}"
try "{$good, \"tunables\": [{\"name\": \"a b\"}]}"
try "{$good, \"tunables\": [{\"name\": \"a\"}]}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"min\": 5, \"max\": 1}]}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"min\": 1, \"max\": 5, \"default\": 9}]}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"min\": 1, \"max\": 1e300}]}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"min\": 1, \"max\": 5, \"default\": 1.5}]}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"min\": 0.5, \"max\": 5, \"step\": 0}]}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"min\": 0, \"max\": 5, \"factor\": 2}]}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"min\": 1, \"max\": 5, \"factor\": 2, \"step\": 2}]}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"min\": 0.5, \"max\": 5, \"powers_of_two\": true}]}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"values\": [1, 1.0]}]}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"values\": [0.5, 0.7], \"default\": 0.6}]}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"values\": [1, \"x\"]}]}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"values\": [1, 1]}]}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"values\": []}]}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"values\": [1]}, {\"name\": \"a\", \"values\": [1]}]}"
try "{$good, \"tunables\": [{\"name\": \"t\", \"values\": [1]}]}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"values\": [1], \"affects\": [\"speed\"]}]}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"values\": [1]}], \"objective\": \"u\"}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"values\": [1]}], \"identity\": [1]}"
try '{"id": 1, "protocol": 1, "tunables": [{"name": "a", "values": [1]}], "metrics": [{"name": "t"}]}'
xltune optimize --target worker 2>&1 | head -1
xltune optimize --target worker:nothing 2>&1 | head -1
xltune optimize --target worker:nothing.py 2>&1 | head -1
# A worker of the installed ones is found by its name from anywhere; `true` in the place of Python only ends.
XLTUNE_PYTHON=true xltune optimize --target worker:torch_xlstm.py 2>&1 | head -1
try "{$good, \"tunables\": [{\"name\": \"a\", \"values\": [1]}], \"can\": \"score\"}"
try "{$good, \"tunables\": [{\"name\": \"a\", \"values\": [1]}], \"can\": [3]}"
