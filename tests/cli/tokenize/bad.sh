# Every mistake gives one line and exit code 1.
printf 'ab\377' | xltune tokenize --model "$MODEL"; echo $?
echo '{"text":3}' | xltune tokenize --model "$MODEL" --jsonl; echo $?
echo '{"text":"a"' | xltune tokenize --model "$MODEL" --jsonl; echo $?
echo '{"text":"\ud800"}' | xltune tokenize --model "$MODEL" --jsonl; echo $?
xltune tokenize --model "$MODEL" --file nowhere.txt; echo $?
mkdir empty; xltune tokenize --model empty --prompt x; echo $?
echo '1 2 x' | xltune detokenize --model "$MODEL"; echo $?
echo '1 4096' | xltune detokenize --model "$MODEL"; echo $?
echo '-1' | xltune detokenize --model "$MODEL"; echo $?
echo '{"ids":[1,"2"]}' | xltune detokenize --model "$MODEL" --jsonl; echo $?
echo '{"ids":7}' | xltune detokenize --model "$MODEL" --jsonl; echo $?
echo '{"ids":[99999999999]}' | xltune detokenize --model "$MODEL" --jsonl; echo $?
