# One line that names the file and what is wrong with it.
xltune explain; echo $?
xltune plot --run nowhere; echo $?
mkdir empty; xltune explain empty; echo $?
mkdir bad; printf 'backend,workers\nray,1,2\n' > bad/summary.csv; xltune explain bad; echo $?
printf 'a,b\n1,2\n' > bad/summary.csv; xltune plot bad; echo $?
printf 'prefill_tok_s,decode_tok_s,chunk_size\n1,fast,2\n' > bad/summary.csv; xltune plot bad; echo $?
printf 'prefill_tok_s,decode_tok_s,chunk_size\n1,2,2\n' > bad/summary.csv
rm -f "$HOME/.bin/gnuplot"; PATH="$HOME/.bin" xltune plot bad; echo $?
