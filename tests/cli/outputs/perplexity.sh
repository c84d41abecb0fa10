printf 'It was the best of times, it was the worst of times,\nit was the age of wisdom.\n' > t.txt
xltune perplexity --model "$MODEL" --file t.txt --json | sed 's/\(\.[0-9]\)[0-9]*/\1/g'
xltune perplexity --model "$MODEL" --file t.txt --chunk-size 3 --workers 1 2> /dev/null | sed 's/\(\.[0-9]\)[0-9]*/\1/g'
xltune perplexity --model "$MODEL" --file - --json < t.txt | sed 's/\(\.[0-9]\)[0-9]*/\1/g'
: > empty.txt
xltune perplexity --model "$MODEL" --file empty.txt; echo $?
xltune perplexity --model "$MODEL" --file nowhere.txt; echo $?
xltune perplexity --model "$MODEL"; echo $?
printf '\300\200' > bad.txt
xltune perplexity --model "$MODEL" --file bad.txt; echo $?
