# A model that Hugging Face's tools have downloaded is found by its name, in the places where they keep it.
unset HF_HUB_CACHE HUGGINGFACE_HUB_CACHE HF_HOME XDG_CACHE_HOME
export HOME=$PWD/home
i() { xltune info --model "$@" >out 2>err; echo "$? $(sed -n 's/^ *checkpoint *//p' out | head -1) $(tail -1 err)"; }
put() { # FOLDER COMMIT
    mkdir -p "$1/refs" "$1/blobs" "$1/snapshots/$2"
    printf '%s' "$2" >"$1/refs/main"
    for f in $MODEL/*; do ln -s $f "$1/snapshots/$2/"; done
}
name=some-lab/Tiny_1.5
i $name
put home/.cache/huggingface/hub/models--some-lab--Tiny_1.5 0123abcd
i $name
XLTUNE_MODEL=$name xltune generate --prompt 'It was' -n 2 2>&1 >/dev/null | grep -o 'model .*cache)'
xltune generate --model $name --prompt 'It was' -n 1 >/dev/null 2>&1; echo $?
# The newest download counts, and the only one where main is not known.
put home/.cache/huggingface/hub/models--some-lab--Tiny_1.5 4567
i $name
printf '0123abcd\n\n' >home/.cache/huggingface/hub/models--some-lab--Tiny_1.5/refs/main
i $name
rm home/.cache/huggingface/hub/models--some-lab--Tiny_1.5/refs/main
i $name
rm -r home/.cache/huggingface/hub/models--some-lab--Tiny_1.5/snapshots/4567
i $name
# What names a commit may be anything.
printf '../../../elsewhere' >home/.cache/huggingface/hub/models--some-lab--Tiny_1.5/refs/main
i $name
head -c 100000 /dev/zero >home/.cache/huggingface/hub/models--some-lab--Tiny_1.5/refs/main
i $name
# The folder of the cache itself, and one of that name in the current folder, which comes first.
put there/models--x--y 89
i there/models--x--y
HF_HUB_CACHE=there i x/y
HF_HOME=home/.cache/huggingface i $name
XDG_CACHE_HOME=home/.cache i $name
HF_HOME=nowhere i $name
# Nothing says where they keep them.
(unset HOME; i $name)
mkdir -p x; cp -r $MODEL x/y; chmod -R u+w x
HF_HUB_CACHE=there i x/y
mkdir -p x/y/snapshots/0 && i x/y
for no in a/b/c /x ../x .x/y 'a b/c' x/ ; do i "$no"; done
# What the cache's links lead to may be gone.
for file in config.json model.safetensors tokenizer.json; do
    rm -rf gone; cp -r $MODEL gone; chmod -R u+w gone; rm gone/$file; ln -s ../../blobs/4d7a gone/$file
    xltune generate --model gone --prompt x -n 1
done 2>&1
