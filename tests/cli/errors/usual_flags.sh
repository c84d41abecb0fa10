# Flags that are usual in other programs are accepted, or lead to the suggestion of a flag of this command.
go() { xltune "$@" > out 2> err && sed -n 's/^  "\(.*\)": {"value": \(.*\), "source": "command line".*/\1=\2/p' out | tr '\n' ' ' && echo || cat err; }
show() { go generate "$@" --print-effective-config; }
show --temp 0.5 --repeat-penalty 1.1
show --threads 1
show -t 1 --decode-workers 2
show -m $MODEL -p hi -n 3 -s 4
show --n-predict 5
show --max_tokens 5
show --dtype bfloat16
go bench -p 8,16 --n-gen 4 -r 2 -t 1,2 --print-effective-config
# Only the command's own flags are suggested.
show --temperatur 1
show --max-new 1
show --thread 1
show --trails 1
go tokenize --temp 1
# Those that mean nothing here say why, or what stands in their place.
for flag in --ctx-size --n_gpu_layers --max-length --do-sample --num-beams; do show $flag 1; done
go bench --ubatch-size 8
for flag in -c -ngl -b -i; do show $flag 1; done
# An empty name, as an unset variable gives it, is no file and no folder.
for flag in --model -f --save-state --config; do show $flag ""; done
go optimize --study=
