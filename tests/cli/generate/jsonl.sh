# Many prompts in one go: in the order of the input, and each as it would be alone.
g() { xltune generate --model $MODEL --no-best "$@"; }
python3 - <<'P'
import json
for i in range(40):
    print(json.dumps({"prompt": ["It was", "The sea", "She", "A letter from"][i % 4] + " " * (i // 4 % 2), "max_tokens": i % 7 + 1,
                      "id": i, **({"stop": " of"} if i % 3 else {})}), file=open("in.jsonl", "a"))
P
g --jsonl < in.jsonl > a 2> err || cat err
g --jsonl --batch-size 3 < in.jsonl > b 2> err || cat err
cmp a b
python3 - <<'P'
import json, os, subprocess
lines, wanted = [json.loads(s) for s in open("a")], [json.loads(s) for s in open("in.jsonl")]
assert [o["id"] for o in lines] == [o["index"] for o in lines] == list(range(40))
for i in (0, 5, 17, 38):
    w = wanted[i]
    one = subprocess.run(["xltune", "generate", "--model", os.environ["MODEL"], "--no-best", "--prompt", w["prompt"],
                          "--max-new-tokens", str(w["max_tokens"])] + (["--stop", w["stop"]] if "stop" in w else []), capture_output=True, text=True)
    assert one.stdout == lines[i]["text"], (one.stdout, lines[i])
print(sum(o["tokens"] for o in lines) > 80)
P
# A pipe gets each answer as soon as it is there.
python3 - <<'P'
import json, os, subprocess
p = subprocess.Popen(["xltune", "generate", "--model", os.environ["MODEL"], "--jsonl", "--max-new-tokens", "3"], stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
for word in "one", "two":
    p.stdin.write(json.dumps({"prompt": word}) + "\n")
    p.stdin.flush()
    print(json.loads(p.stdout.readline())["index"])
p.stdin.close()
print(p.wait())
P
# A snapshot that is there does not have the input read before its time.
mkdir best; echo '{}' > best/ray_latest.json
xltune generate --model $MODEL --jsonl --max-new-tokens 3 < in.jsonl 2> err | wc -l | tr -d ' '
rm -r best
# Conversations by the checkpoint's template.
mkdir m; for f in $MODEL/*; do ln -s $f m; done
printf '{%% for m in messages %%}{{ m.role }}: {{ m.content | trim }}\n{%% endfor %%}assistant:' > m/chat_template.jinja
echo '{"messages": [{"role": "user", "content": " Hello "}], "max_tokens": 4}' > talk
printf '%s\n' '{"prompt": "user: Hello\nassistant:", "max_tokens": 4}' > text
xltune generate --model m --jsonl < talk 2> err > x || cat err
xltune generate --model m --jsonl < text 2> err > y || cat err
python3 -c 'import json; x, y = json.load(open("x")), json.load(open("y")); print(y["prompt_tokens"] - x["prompt_tokens"])'
# What is before a bad line is answered.
bad() { printf '%s\n' '{"prompt": "It", "max_tokens": 1}' "$1" '{"prompt": "never"}' | g --jsonl 2> err | wc -l | tr -d ' '; tail -n 1 err; }
bad 'no'; bad '[]'; bad '{}'; bad '{"prompt": 5}'; bad '{"prompt": "a", "messages": []}'; bad '{"prompt": "a", "temperature": -1}'
bad '{"prompt": "a", "colour": 1}'; bad '{"prompt": "a", "n": 65}'; bad '{"prompt": "a", "n": 40}'; bad '{"messages": []}'; bad '{"prompt": "a", "stop": 5}'
g --jsonl --prompt x 2>&1
g --jsonl < /dev/null 2>&1 | grep -c Throughput
# A mark of byte order before the first line, as a shell on Windows writes it.
{ printf '\357\273\277'; head -n 3 in.jsonl; } | g --jsonl 2> err > marked || cat err
head -n 3 a | cmp - marked
