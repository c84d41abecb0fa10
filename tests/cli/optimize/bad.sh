# Usage errors give one line and exit code 2, other failures one line and exit code 1.
say() { "$@" >/dev/null; echo $?; }
m="--model $MODEL --prompt x --new 2 --no-best"
say xltune optimize $m --objective request
say xltune optimize $m --objective request_s,request_s
say xltune optimize $m --mode genetic
say xltune optimize $m --trials 0
say xltune optimize $m --tune chunk_sise
say xltune optimize $m --tune workers=9:3
say xltune optimize $m --space '{"chunk_size": "big"}'
say xltune optimize $m --tag a/b
echo '{"trials": "many"}' > types.json
say xltune optimize $m --config types.json
echo '{"trails": 3}' > unknown.json
say xltune optimize $m --config unknown.json
touch file
say xltune optimize $m --log-dir file
say xltune optimize $m --log-dir file/runs
say xltune optimize --model nowhere --prompt x
say xltune optimize --resume nowhere
mkdir empty
say xltune optimize --resume empty
