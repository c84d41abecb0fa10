# By a template: each turn feeds what is new, and the whole is what the template writes.
mkdir m; for f in $MODEL/*; do ln -s $f m; done
printf '{%% for m in messages %%}{{ m.role }}:{{ m.content }}\n{%% endfor %%}assistant:' > m/chat_template.jinja
chat() { xltune chat --model m --no-best --temperature 0 -n 8 "$@"; }
printf 'Hello\nWhy?\n/save s\n' | chat --system 'Be kind.' > a 2> err || cat err
python3 - <<'P'
import json
o = json.load(open("s.json"))
print([m["role"] for m in o["messages"]], [m["content"] for m in o["messages"]][:2], o["messages"][3]["content"])
whole = "".join(f'{m["role"]}:{m["content"]}\n' for m in o["messages"])
assert (whole[:-1] == o["text"]), (whole, o["text"])
json.dump({"messages": o["messages"][:2], "max_tokens": 8}, open("first", "w"))
json.dump(o["messages"][2]["content"], open("answer", "w"))
P
# What generate makes of the same messages.
xltune generate --model m --no-best --jsonl < first 2> err > b || cat err
python3 - <<'P'
import json
assert json.load(open("answer")) == json.load(open("b"))["text"]
P
# A template that changes what was answered: the conversation is read anew, and /retry goes back before it.
printf '{%% for m in messages %%}{{ m.role }}: {{ m.content | trim | upper }}\n{%% endfor %%}assistant:' > t.jinja
printf 'Hello\nWhy?\n/retry\n/retry\n/save s\n' | chat --chat-template ./t.jinja > c 2> err || cat err
python3 - <<'P'
import json
o = json.load(open("s.json"))
print(len(o["messages"]), o["text"].startswith("user: HELLO\nassistant: " + o["messages"][1]["content"].strip().upper() + "\nuser: WHY?\nassistant:"))
P
# Another seed at each try.
printf 'Hello\n/retry\n/retry\n' | chat --temperature 1 > d; printf 'Hello\n/retry\n/retry\n' | chat --temperature 1 | cmp - d
printf 'Hello\n' | chat --temperature 1 > e; cmp -s d e && echo same
# Told not to use it; and a template that refuses says so, and what it refused was not said.
printf 'It was a\n' | chat --chat-template none | head -n 2
printf '{%% if messages | length > 1 %%}{{ raise_exception("one is enough") }}{%% endif %%}{{ messages[0].content }}' > t.jinja
printf 'It was a\ntwo\n/save s\n' | chat --chat-template t.jinja; echo "[$?]"
python3 -c 'import json; print(len(json.load(open("s.json"))["messages"]))'
chat --chat-template other < /dev/null
printf '{%% nothing %%}' > t.jinja; chat --chat-template t.jinja < /dev/null
