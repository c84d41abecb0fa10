xltune --frobnicate
