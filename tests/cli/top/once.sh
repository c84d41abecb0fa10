# What runs tells of itself in a folder of the user's own, and top shows it.
export XDG_RUNTIME_DIR="$PWD"
xltune top
xltune generate --model $MODEL --no-best -n 100000000 --decode-workers 1 --mem-hard-mb 900 > out 2> err & p=$!
until python3 -c 'import json; [p] = json.load(open("top.json"))["processes"]; assert p["tokens_s"] > 0 and not p["stalled"]' 2> none || ! kill -0 $p; do
    sleep 0.2
    xltune top --json > top.json
done
xltune top --once > top.txt
python3 - $p <<'P'
import json, sys
[o] = json.load(open("top.json"))["processes"]
assert o["pid"] == int(sys.argv[1]) and o["tokens"] > 0 and o["rss_bytes"] > 1e6 and o["model"].endswith("tiny-literature"), o
print({k: o[k] for k in ("command", "device", "batch", "workers", "limit_bytes", "stalled")})
lines = open("top.txt").read().split("\n")
assert len(lines) == 4 and len(lines[0]) <= 80 and len(lines[1]) <= 80 and lines[1].split()[:3] == [sys.argv[1], "generate", "cpu"], lines
print(lines[0])
P
# Many prompts together tell how many there are.
(for i in 1 2 3 4; do echo '{"prompt": "It was", "max_tokens": 100000000}'; done) | xltune generate --model $MODEL --jsonl > out2 2> err2 & q=$!
until xltune top --json | python3 -c 'import json, sys; sys.exit(max(p.get("batch", 0) for p in json.load(sys.stdin)["processes"]) != 4)' || ! kill -0 $q; do
    sleep 0.2
done
kill -0 $q && echo four
kill $p $q; wait $p $q
xltune top
# What a process that is gone left, and what is no such file.
echo '{"pid": 4190000, "command": "generate"}' > xltune/4190000.json; echo '[1]' > xltune/$$.json; echo x > xltune/other.json
xltune top; ls xltune | grep -c 4190000
# A folder that another may have made is not used, and nothing fails.
rm -r xltune; mkdir away; ln -s away xltune
xltune generate --model $MODEL --no-best -n 1 > out 2> err; echo "[$?]"; ls away
