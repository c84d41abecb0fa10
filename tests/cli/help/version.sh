xltune --version | sed 's/[0-9][0-9.]*/N/'
xltune version | sed 's/[0-9][0-9.]*/N/'
xltune version of; echo $?
