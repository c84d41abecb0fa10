# A word that no flag takes: where it is known what people mean by one, the message says how to give it.
for command in generate tokenize replay top; do xltune $command hello; done
xltune optimize --target exec --tune 'n=1|2' sleep {n}
