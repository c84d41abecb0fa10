xltune generate hello
