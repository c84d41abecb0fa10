xltune generat
echo $?
xltune help benhc
echo $?
xltune xyzzy
