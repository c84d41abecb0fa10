# Random weights: the same from the same seed, loadable in every format, and never written over a user's files.
xltune synth --like 64x2x4x96 --dtype f32 --out a | sed 's/[0-9.]* s$/S/'
xltune synth --like 64x2x4x96 --dtype f32 --out b --seed 1337 > b.log
xltune synth --like 64x2x4x96 --dtype f32 --out c --seed 2 > c.log
cmp a/model.safetensors b/model.safetensors && echo same
cmp -s a/model.safetensors c/model.safetensors || echo other
ls a
xltune info --model a | sed 1d
xltune synth --like 64x2x4x96 --dtype f16 --out d | sed 's/[0-9.]* s$/S/'
xltune info --model d | grep stored
xltune synth --like 64x2x4x96 --out a 2> err; echo $?; sed 's/ (.*)/ (FILE)/' err
rm err; mkdir full; touch full/file; xltune synth --like 64x2x4x96 --out full; echo $?
xltune synth --like 65x2x4x96 --out e; echo $?
xltune synth --like 2b --out e; echo $?
xltune synth --like 64x2x4x96; echo $?
xltune synth --like 64x2x4x96 --out /proc/none; echo $?
xltune synth --like 1000000x60000x1x9 --out big 2>&1 | sed 's/[0-9.]* GB are free/X/'; ls
