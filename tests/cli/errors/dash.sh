# What cannot be shown is said in one line.
xltune dash nowhere; echo $?
xltune dash --study nowhere.sqlite; echo $?
mkdir runs; xltune dash runs --study all.sqlite; echo $?
xltune dash --port 70000; echo $?
