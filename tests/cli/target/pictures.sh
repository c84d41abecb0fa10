# The pictures and words of a run show what its target measures; a unit may be any text.
command -v gnuplot >/dev/null || { echo "gnuplot is not here" >&2; exit 77; }
xltune optimize --target exec --mode grid --effort quick --repeats 4 --budget 2m --tune 'n=1|2|3' --output-hash none \
    --metrics "{\"size\": {\"bytes\": \"stdout\", \"unit\": \"'; !touch bad\", \"exact\": true}}" --objective wall_s,size \
    -- sh -c 'sleep 0.0{n}; echo {n}' >out
xltune plot runs/exec_* | sed 's#.*/##' | grep 'png$' | grep -v 'baseline_noise\|final\|importance'
ls | grep -c bad
xltune explain runs/exec_* | grep -c 'holds no samples of the baseline' || true
