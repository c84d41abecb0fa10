# Files and folders of the wrong kind: the message says what they are and what to do.
fresh() { rm -rf m; cp -r $MODEL m; chmod -R u+w m; }
g() { xltune generate --model "${1:-m}" --prompt 'It was' --max-new-tokens 2 > out; echo $?; }
lfs='version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 13897504\n'
html='\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n'
for file in model.safetensors config.json tokenizer.json tokenizer_config.json; do
    fresh; printf "$lfs" > m/$file; g
    fresh; printf "$html" > m/$file; g
done
fresh; : > m/model.safetensors; g
fresh; head -c 1000000 $MODEL/model.safetensors > m/model.safetensors; g
printf 'GGUF\003\000\000\000' > model.gguf; g model.gguf
mkdir gguf; cp model.gguf gguf; g gguf
g $MODEL/model.safetensors
xltune generate --model $MODEL --prompt x --max-new-tokens 0 --save-state state 2> err; g state
mkdir run; echo '{}' > run/run_meta.json; g run; xltune info --model run
mkdir -p cache/snapshots/0123 cache/snapshots/4567; xltune info --model cache
mkdir torch; printf '\200\002' > torch/pytorch_model.bin; cp $MODEL/config.json torch; xltune info --model torch
mkdir none; xltune info --model none
fresh; rm m/tokenizer.json; g
fresh; rm m/model.safetensors; echo '{"weight_map": {"lm_head.weight": "model-00001-of-00002.safetensors"}}' > m/model.safetensors.index.json; g
fresh; sed -i 's/"model_type": "xlstm"/"model_type": "llama"/' m/config.json; g
xltune generate --model $MODEL --load-state $MODEL/model.safetensors; echo $?
