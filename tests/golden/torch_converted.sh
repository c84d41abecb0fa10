#!/bin/sh
# usage: torch_converted.sh XLTUNE LIBRARY WORKER MODEL
# transformers reads the folder that `convert --weights bf16` writes, and gives the library's logits. Skipped as
# torch_logits.py is.
set -eu
[ -z "${MESON_EXE_WRAPPER:-}" ] || { echo "skipped: Python cannot load a library for another processor"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
"$1" convert --model "$4" --weights bf16 --out "$work/bf16" >/dev/null
python3 "$(dirname "$0")/torch_logits.py" "$2" "$3" "$work/bf16"
