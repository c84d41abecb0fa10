xltune generate -h
