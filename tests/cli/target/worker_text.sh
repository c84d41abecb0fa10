# A worker that can continue and score texts does so for the rows of its run; one that cannot says so.
mkdir elsewhere
xltune optimize --target worker:"$SOURCE"/examples/worker_text.py --mode grid --effort quick --repeats 1 \
    --prompt 'the quick ' --new 8 --tag t >out 2>err || cat err
mv runs/worker_* run
xltune save-outputs --run run --new 12
for f in run/outputs/*.txt; do printf '%s: %s\n' "${f#run/outputs/}" "$(cat "$f")"; done
# The readme's lines, from another folder, with the target named again and not, and with another prompt.
cd elsewhere
xltune judge --outputs ../run/outputs | sed 's/-[0-9.]*/N/g'
cut -d, -f1-5,8 ../run/outputs/ratings.csv
xltune save-outputs --run ../run --new 5 --prompt 'over the la' --target worker:"$SOURCE"/examples/worker_text.py --outputs o
sort -u o/*.txt | head -1
xltune judge --outputs o --run ../run --prompt 'over the la' --target worker:"$SOURCE"/examples/worker_text.py | sed 's/-[0-9.]*/N/g'
printf 'a\377' >o/bad.txt; xltune judge --outputs o --run ../run; echo $?
cd ..
# Resume in another folder, study and plain reading of the run.
(cd elsewhere && xltune optimize --resume ../run >out 2>err; echo $?)
xltune explain run >explained 2>&1; echo $?
xltune study compare run run >compared 2>&1; echo $?
# A worker that continues nothing, and one that lies about what it can.
xltune optimize --target worker:"$SOURCE"/examples/worker.py --trials 1 --effort quick --budget 0 --log-dir r2 >out 2>&1
xltune save-outputs --run r2/worker_* 2>&1 | sed 's|r2/worker_[^:]*|RUN|'
sed 's/return {"text": go_on.*/return {"text": 7}/; s/return {"logprob": total.*/return {"logprob": "much", "tokens": -1}/' \
    "$SOURCE"/examples/worker_text.py >lies.py
cp -r run lying
python3 - <<'PY'
import json
meta = json.load(open("lying/run_meta.json"))
meta["effective_args"]["target"] = "worker:lies.py"
json.dump(meta, open("lying/run_meta.json", "w"))
PY
xltune save-outputs --run lying; echo $?
xltune judge --run lying; echo $?
