# Tensors that are missing, unknown, empty or prefixed: the message lists some that are there.
edit() { rm -rf m; python3 $FIXTURES/edit_checkpoint.py $MODEL m "$@"; }
g() { xltune generate --model m --prompt 'It was' --max-new-tokens 6 2> err && echo || tail -n 1 err; }
edit add nothing 0,4 add lm_head.bias 0; g
edit prefix module.; g
edit prefix _orig_mod.; g
edit prefix other.; g
edit drop backbone.out_norm.weight; g
edit drop backbone.out_norm.weight add backbone.out_norm.weight 0; g
edit add backbone.blocks.6.norm_ffn.weight 256; g
# A model without its head, and another class.
edit strip backbone. drop lm_head.weight; g
edit strip backbone. prefix model.; g
