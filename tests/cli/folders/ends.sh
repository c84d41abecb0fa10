# Where a text begins and ends, from tokenizer, generation_config.json and config.json together.
g() { xltune generate --model m --prompt 'It was a bright cold morning, and' --max-new-tokens 8 2> err; echo "|"; grep BOS err; }
set_key() { python3 - "m/$1.json" "$2" <<'P'
import json, sys
path = sys.argv[1]
try:
    keys = json.load(open(path))
except OSError:
    keys = {}
keys.update(json.loads(sys.argv[2]))
json.dump({k: v for k, v in keys.items() if v is not None}, open(path, "w"))
P
}
fresh() { rm -rf m; cp -r $MODEL m; chmod -R u+w m; }
fresh; g
xltune tokenize --model m --no-bos --prompt ' the old man'
# Each of the files names the second token of the text as its end.
second=$(xltune generate --model m --prompt 'It was a bright cold morning, and' --max-new-tokens 2 2> err | xltune tokenize --model m --no-bos --prompt-file - | cut -d' ' -f2)
set_key generation_config "{\"eos_token_id\": [0, $second]}"; g
set_key generation_config "{\"_from_model_config\": true}"; g
fresh; set_key config "{\"eos_token_id\": $second}"; g
fresh; set_key generation_config "{\"eos_token_id\": $second}"; g
# BOS is put first where the tokenizer names one, or where there is no tokenizer_config.json.
fresh; xltune tokenize --model m --prompt Hello
set_key tokenizer_config '{"bos_token": null}'; xltune tokenize --model m --prompt Hello
rm m/tokenizer_config.json; xltune tokenize --model m --prompt Hello
# A prompt that already begins with BOS.
fresh
xltune tokenize --model m --prompt '<|endoftext|>Hello'
xltune tokenize --model m --no-bos --prompt '<|endoftext|>Hello'
