#!/bin/sh
# demo.sh XLTUNE [FOLDER]: shows the main task from start to end on the embedded checkpoint. Writes into FOLDER
# (default: demo in the project; a relative path is relative to the project).
set -eu
case $1 in
/*) x=$1 ;;
*) x=$PWD/$1 ;;
esac
out=${2:-demo}
cd "$(dirname "$0")/.."
model=models/tiny-literature
prompt=prompts/long_form.txt
begin=$(date +%s)

say() { printf '\n== %s\n' "$*"; }
do_() {
    printf '$ xltune'
    printf ' %s' "$@"
    printf '\n'
    "$x" "$@"
}

mkdir -p "$out"
say "Search: which parameters serve this prompt and 32 new tokens fastest?"
do_ optimize --model "$model" --prompt-file "$prompt" --new 32 --backend ray --trials 16 --effort quick \
    --budget 45s --log-dir "$out/runs" --best-dir "$out/best" --tag demo --no-best
run=$(ls -d "$out"/runs/ray_*_demo* | tail -n 1)

say "Continuations of every point tried: a speed-up must not change the text"
do_ save-outputs --run "$run" --model "$model" --prompt-file "$prompt" --new 32
say "Their scores"
do_ judge --run "$run" --model "$model" --prompt-file "$prompt" --outputs "$run/outputs"
say "Pictures"
do_ plot --run "$run"
say "A page for a browser"
do_ report --run "$run"
say "Text, generated with the winning parameters"
do_ generate --model "$model" --config "$run/best.json" --prompt-file prompts/short.txt \
    --max-new-tokens 60 --temperature 0.7 --top-p 0.9 --seed 3

say "Done in $(($(date +%s) - begin)) s. The run: $run"
ls "$run"/*.png
