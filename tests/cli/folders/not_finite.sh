# Numbers that are not finite end a command with exit code 1, and nothing is written.
edit() { python3 $FIXTURES/edit_checkpoint.py $MODEL "$@"; }
edit nan poke backbone.out_norm.weight 3 nan
g() { xltune generate --prompt 'It was' --max-new-tokens 4 "$@"; echo "exit $?"; }
g --model nan
printf 'It was a bright cold morning.' > text
xltune perplexity --model nan --file text; echo "exit $?"
xltune perplexity --model nan --file text --json; echo "exit $?"
xltune bench --model nan --prompt 'It was' --new 2 > out; echo "exit $?"
# A gate that is NaN makes the state invalid and not only the logits, so no state file is written.
edit state poke backbone.blocks.5.mlstm_layer.igate_preact.bias 0 nan
xltune generate --model state --prompt 'It was' --max-new-tokens 0 --save-state s; echo "exit $?"
ls s* -d
# A value that the narrower format cannot hold is refused; in its stored format and in f32 it is used.
edit large poke backbone.blocks.1.mlstm_layer.out_proj.weight 5 1e6
g --model large --weights f16
g --model large --weights f32 > as_f32 2> err
g --model large --weights bf16 > as_bf16 2> err
cmp as_f32 as_bf16
# 65504, and what rounds to it, is the largest value that fits.
edit last poke backbone.blocks.1.mlstm_layer.out_proj.weight 5 65280
g --model last --weights f16 > out 2> err; tail -n 1 out
