# The words about a run that has only a summary.csv, with CRLF, and about one that has every file.
mkdir alone && printf 'backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,decode_s\r\nray,,6,64,21,24,0.28,2.6\r\nray,,3,36,111,25,0.05,2.5\r\nray,,7,64,110,25,0.05,2.5\r\n' > alone/summary.csv
xltune explain alone
mkdir whole
cat > whole/summary.csv <<'END'
backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,decode_s,trial,status,duplicate_of,request_s,ratio
queued,1,1,16,100,10,1.00,1.0,0,ok,,2.00,1.00
queued,1,2,16,100,10,0.99,1.0,1,ok,,1.99,0.99
queued,2,1,16,150,10,0.66,1.0,2,ok,,1.66,0.83
queued,2,2,16,150,10,0.67,1.0,3,ok,,1.67,0.83
queued,1,1,32,120,10,0.83,1.0,4,ok,,1.83,0.91
queued,1,2,32,120,10,0.84,1.0,5,ok,,1.84,0.92
queued,2,1,32,200,10,0.50,1.0,6,ok,,1.50,0.75
queued,2,2,32,200,10,0.51,1.0,7,ok,,1.51,0.76
queued,2,2,32,200,10,0.51,1.0,8,duplicate,7,1.51,0.76
queued,4,2,32,,,,,9,failed,,,
END
cat > whole/best.json <<'END'
{"params": {"workers": 2, "heads_per_band": 1, "chunk_size": 32}, "baseline": {"params": {"workers": 1, "heads_per_band": 1, "chunk_size": 16}},
 "speedup": {"value": 0.331, "low": 0.325, "high": 0.337, "level": 0.95, "processes": 8, "blocks": 24, "discarded_blocks": 1},
 "verdict": "better", "verdict_text": "better by 33.1 % [32.5, 33.7] (95 % interval over 8 fresh processes, 24 blocks)", "objective": "request_s"}
END
echo '{"backend": "queued", "mode": "grid", "bounds": {"workers": [1, 4]}}' > whole/run_meta.json
xltune explain --run whole
xltune explain whole --json | grep -E '"(verdict|duplicates|unexplained)"'
xltune explain whole --out tables | head -n 1; head -n 2 tables/*.csv
