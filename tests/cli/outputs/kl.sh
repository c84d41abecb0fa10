# the divergence of the predictions from those of other weights
printf 'It was the best of times, it was the worst of times,\nit was the age of wisdom.\n' > t.txt
xltune perplexity --model "$MODEL" --file t.txt --kl-base base > first.txt 2> /dev/null
xltune perplexity --model "$MODEL" --file t.txt --kl base 2> /dev/null > same.txt
head -n 4 same.txt | cmp - first.txt && sed -n '5,$p' same.txt | grep -v base_ppl
xltune perplexity --model "$MODEL" --file t.txt --kl base --weights q8_0 --json > q8_0.json
xltune perplexity --model "$MODEL" --file t.txt --kl base --weights q4_0 --json > q4_0.json
python3 - <<'P'
import json
fine, coarse = (json.load(open(name)) for name in ("q8_0.json", "q4_0.json"))
print(*fine)
for d in (fine, coarse):
    assert 0 < d["kl_median"] <= d["kl_p99"] <= d["kl_max"] and 0 < d["kl_mean_error"] < d["kl_mean"] < d["kl_max"]
    assert abs(d["ppl_ratio"] - d["ppl"] / d["base_ppl"]) < 1e-9 and d["ppl_error"] > 0
assert fine["kl_mean"] < 0.001 < coarse["kl_mean"] < 0.2
assert fine["same_top"] > 0.9 and abs(fine["ppl_ratio"] - 1) < 0.02
P
printf 'It was the best of times, it was the age of wisdom,\nit was the age of worst.\n' > other.txt
xltune perplexity --model "$MODEL" --file other.txt --kl base; echo $?
xltune perplexity --model "$MODEL" --file t.txt --kl "$MODEL/model.safetensors" 2>&1 | sed 's|[^ ]*/model.saf|model.saf|'
head -c 5000 base > cut
xltune perplexity --model "$MODEL" --file t.txt --kl cut 2>&1 | sed 's/: tensor.*/: tensor …/'
xltune perplexity --model "$MODEL" --file t.txt --kl-base -; echo $?
xltune perplexity --model "$MODEL" --file t.txt --kl-base nowhere/base; echo $?
