XLSTM_CHUNK_SIZE=3 xltune generate --print-effective-config | grep chunk_size
