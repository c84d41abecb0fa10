# What rounds in decode alone is seen: a prompt that is read in one chunk does not round a state of 16 bits.
printf 'The old man looked at the sea' > p.txt
xltune optimize --model "$MODEL" --prompt-file p.txt --new 12 --mode grid --repeats 1 --effort quick --no-best --objective request_s,kl \
  --tune 'state=f32|f16|bf16' >log 2>&1 || tail -n 3 log
python3 - runs/*/summary.csv <<'P'
import csv, sys
kl = {row["state"]: float(row["kl"]) for row in csv.DictReader(open(sys.argv[1]))}
print("exact" if kl["f32"] == 0 else kl, "seen" if kl["bf16"] > 0 else kl, "finer" if kl["f16"] < kl["bf16"] else kl)
P
# With a bound between the two, the coarser one is no candidate.
xltune optimize --model "$MODEL" --prompt-file p.txt --new 12 --mode grid --repeats 1 --effort quick --no-best --log-dir bounded \
  --max-kl 5e-7 --tune 'state=f32|f16|bf16' >log 2>&1 || tail -n 3 log
cut -d, -f9- bounded/*/summary.csv | python3 -c 'import csv, sys
for row in csv.DictReader(sys.stdin): print(row["state"], row["status"], row["reason"].split("KL")[0])'
