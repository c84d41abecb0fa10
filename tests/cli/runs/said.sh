# Notices about runs that cannot succeed: an objective that nothing tuned affects, fewer trials than are done.
said() {
    "$@" >log 2>err
    echo $?
    grep -E 'nothing that is tuned|done already|another version' err
}
m="--model $MODEL --prompt hi --new 2 --effort quick --no-best --best-dir best --mode random --seed 1"
said xltune optimize $m --tune chunk_size=16:64:16 --trials 3 --objective decode_tok_s
rm -r runs
said xltune optimize $m --tune heads_per_band --trials 3 --objective request_s,kl
said xltune optimize --resume runs/* --trials 1
said xltune optimize --resume runs/* --trials 4
