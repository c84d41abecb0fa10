# The machine's limits around each sample: from five samples on the shares have an interval, and each row has its own limit.
show() {
    python3 -c '
import json, math, statistics, sys
for r in json.load(sys.stdin):
    low, share, high = r["limit_share_low"], r["limit_share"], r["limit_share_high"]
    # Samples that scatter so much that the interval of their speed reaches 0 have none.
    ts = r["samples_ts"]
    if low is None and len(ts) == 5 and statistics.mean(ts) <= 2.7764 * statistics.stdev(ts) / math.sqrt(5): low = high = share
    print(r["test"], "memory" if r["limit_of"] in ("read", "cache") else r["limit_of"],
          "share" if share > 0 and r["limit_ts"] > 0 else "odd",
          "no interval" if low is None and high is None else "interval" if low <= high else "odd")'
}
echo "== five samples"
xltune bench --model $MODEL --roofline -p 8 -n 4 -r 5 --workers 1 --compute f32 -o json 2> said | show
echo "== two samples"
xltune bench --model $MODEL --roofline -p 16 -n 0 -r 2 --workers 1 --compute f32,bf16,int8 -o json 2> said | show
echo "== not asked for"
xltune bench --model $MODEL -p 8 -n 0 -r 1 -o json 2> said | python3 -c '
import json, sys
print([[r[k] for k in ("limit_of", "limit_ts", "limit_share", "limit_share_low")] for r in json.load(sys.stdin)])'
echo "== the table"
xltune bench --model $MODEL --roofline -p 8 -n 4 -r 5 --workers 1 > out 2> said || echo failed
awk '{ gsub("…|±", "."); if (length($0) > 80) print "wide: " $0 }' out
sed -n 's/^|.*| *\([0-9]* ± [0-9]* % [a-z0-9]*\) *|.*/\1/p' out | sed 's/read\|cache/MEMORY/; s/sgemm\|bf16/PRODUCTS/; s/[0-9][0-9]*/N/g'
grep -c 'measured around each sample' out
