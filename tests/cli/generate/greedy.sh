xltune generate --model $MODEL --prompt-file $PROMPTS/short.txt --max-new-tokens 40 2> err
echo "[$?]"
sed 's/[0-9][0-9.]*/N/g' err
