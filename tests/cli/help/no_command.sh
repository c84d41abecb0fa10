xltune
