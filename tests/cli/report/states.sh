# A comparison on a machine that changed its speed: the words, the sequence, the picture.
mkdir run
cat > run/summary.csv <<'END'
backend,workers,heads_per_band,chunk_size,prefill_tok_s,decode_tok_s,prefill_s,decode_s,trial,status,duplicate_of,request_s,ratio
queued,1,1,16,100,10,1.00,1.0,0,ok,,2.00,1.00
queued,2,1,16,150,10,0.66,1.0,1,ok,,1.66,0.83
END
cat > run/best.json <<'END'
{"params": {"workers": 2}, "baseline": {"params": {"workers": 1}},
 "speedup": {"value": 0.49, "low": 0.35, "high": 0.64, "level": 0.95, "processes": 8, "blocks": 24, "log_ratios": [0.32, 0.31, 0.33, 0.61, 0.60, 0.32, 0.31, 0.62],
   "holds_for": "time of measuring", "seconds": 15.2, "state_changes": 3, "state_of": [0, 0, 0, 1, 1, 0, 0, 1], "begun_s": [0, 1.9, 3.8, 5.7, 7.6, 9.5, 11.4, 13.3],
   "states": [{"processes": 5, "visits": 2, "value": 0.374, "seen_as": "each processor at 57 % beside the others"}, {"processes": 3, "visits": 2, "value": 0.84}]},
 "verdict": "better", "verdict_text": "better by 49.0 % [35.0, 64.0]", "objective": "request_s"}
END
xltune explain run | sed -n '/^Verdict/,/^Winner/p'
# Machines of a fleet, of which one was set aside without being sure of it.
sed 's/"time of measuring"/"machines of the kind", "also_with_machines_aside": 1/' run/best.json > new.json
mv run/best.json old.json
mv new.json run/best.json
xltune explain run | sed -n '/several machines/,/^Winner/p'
mv old.json run/best.json
for kind in 'long run' 'one state'; do
  sed "s/time of measuring/$kind/" run/best.json > new.json
  if [ "$kind" = 'one state' ]; then sed -i 's/"states": .*/"states": [{"processes": 8, "visits": 1, "value": 0.49}]},/' new.json; fi
  cp new.json run/best.json
  xltune explain run | sed -n '/machine/,/^Winner/p'
  sed -i "s/$kind/time of measuring/" run/best.json
done
