# The Pareto front in words and as JSON: the best in the first objective first, the baseline below.
mkdir r
cat > r/summary.csv <<'END'
backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,decode_s,trial,status,duplicate_of,request_s,ttft_ms,peak_mb,kl,energy_j,ppl,ratio
queued,1,1,16,100,10,1.00,1.0,0,ok,,2.00,1000,20,0,,30,1.00
queued,2,1,16,150,10,0.66,1.0,1,ok,,1.66,660,24,0.01,,31,0.83
queued,2,1,32,200,10,0.50,1.0,2,ok,,1.50,500,30,0.02,,32,0.75
queued,1,1,32,90,10,1.10,1.0,3,ok,,2.10,1100,31,0.02,,32,1.05
END
printf 'trial,request_s,peak_mb,kl,workers,chunk_size\n0,2.00,20,0,1,16\n2,1.50,30,0.02,2,32\n1,1.66,24,0.01,2,16\n' > r/pareto.csv
echo '{"backend": "queued", "mode": "auto", "strategy": "nsga2"}' > r/run_meta.json
echo '{"params": {"workers": 2, "chunk_size": 32}, "objective": "request_s,peak_mb,kl", "verdict": "none", "verdict_text": "not judged yet",
 "baseline": {"params": {"workers": 1, "chunk_size": 64}, "metrics": {"request_s": 1.9}, "search_metrics": {"request_s": 2.2, "peak_mb": 28.5, "kl": 0}}}' > r/best.json
xltune explain r | sed -n '2p; /^Pareto/,/^What/p'
xltune explain r --json | sed -n '/"front"/,/\]/p'
