# Keys that are not used never stop a load, whatever their value; keys that are used are checked strictly.
folder() {
    rm -rf m; cp -r $MODEL m; chmod -R u+w m
    [ -z "${2:-}" ] || python3 - "m/$1" "$2" <<'P'
import sys
text = open(sys.argv[1]).read().rstrip()
open(sys.argv[1], "w").write(text[:-1].rstrip() + ", " + sys.argv[2] + "}\n")
P
}
g() { xltune generate --model m --prompt 'It was' --max-new-tokens 6 2> err; code=$?; [ $code = 0 ] || tail -n 1 err; echo " $code"; }
folder; g
folder tokenizer_config.json '"model_max_length": 1000000000000000019884624838656, "x": NaN, "x": 1'; g
folder config.json '"time_step_limit": [0.0, Infinity], "x": NaN, "y": {"z": -Infinity}, "pad_token_id": 4096'; g
folder generation_config.json '"temperature": -1e999, "chat": "\ud800"'; g
folder tokenizer.json '"padding": {"length": 100000000000000000000000}, "truncation": NaN'; g
folder config.json '"num_heads": 8'; g
folder config.json '"num_heads": 4'; g
folder generation_config.json '"eos_token_id": "x"'; g
