xltune generate --prompt a --prompt-file b
