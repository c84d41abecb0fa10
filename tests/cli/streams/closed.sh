# Descriptors that are closed from the start, and readers that are gone.
xltune --version >&-
echo "exit $?"
xltune generate --model $MODEL --prompt Hi --max-new-tokens 2 --no-best --save-state s.st >&- 2> err
echo "exit $?"
cat err
xltune generate --model $MODEL --prompt Hi --max-new-tokens 2 --no-best --save-state s.st <&- > text 2> err
echo "exit $?"
xltune generate --model $MODEL --max-new-tokens 1 --no-best --load-state s.st 2>&- > text
echo "exit $?"
xltune nosuchcommand <&- >&- 2>&-
echo "exit $?"
# The reader has ended before anything is written.
python3 $FIXTURES/no_reader.py xltune --version
echo "exit $?"
