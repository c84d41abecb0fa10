# Errors in a landscape are reported with their line; the files beside it are never lost.
printf 'a,time,times\n1,2,2;2\n2,3,3;3\n4,1,1;1\n' > l.csv
replay() { xltune replay --landscape "$1" --strategy random --budget 3 --seeds 1 2>&1 | sed -n 1p; }
echo "gzip"
gzip -nk l.csv
replay l.csv.gz
cat l.csv.gz | replay /dev/fd/0
head -c 30 l.csv.gz > short.csv.gz
replay short.csv.gz
head -c 45 l.csv.gz > sum.csv.gz
replay sum.csv.gz
{ cat l.csv.gz; echo more; } > more.csv.gz
replay more.csv.gz
head -n 2 l.csv | gzip -n > two.csv.gz
tail -n 2 l.csv | gzip -n >> two.csv.gz
replay two.csv.gz
replay .
echo "times"
for time in -3 0 nan inf; do printf 'a,time\n1,2\n2,%s\n4,1\n' $time > t.csv; replay t.csv; done
printf 'a,time,times\n1,2,2\n2,3,3;-3\n4,1,1\n' > t.csv
replay t.csv
echo "spaces.json"
mkdir L
printf '[{"name": "other", "params": {"a": [1, 2]}},\n {"broken' > L/spaces.json
export_to() {
    xltune optimize --model $MODEL --prompt hi --new 1 --no-best --mode grid --tune 'chunk_size=1|2' --repeats 1 \
        --effort quick --log-dir "runs$2" --export-landscape "$1" 2>&1 | grep -e spaces -e '^landscape' -e '^chunk_size,time'
}
export_to L/x.csv 0
cat L/spaces.json
echo
echo '{"name": "other"}' > L/spaces.json
export_to L/x.csv 0
echo '[{"name": "other", "params": {"a": [1, 2]}}]' > L/spaces.json
export_to L/x.csv 1 > 1 &
export_to L/y.csv.gz 2 > 2 &
wait
cat 1 2
grep '^  *"name"' L/spaces.json | sort
replay L/x.csv | cut -d, -f1
replay L/y.csv.gz | cut -d, -f1
ls L runs* | grep tmp
export_to - 3
ls *.json 2>/dev/null
true
