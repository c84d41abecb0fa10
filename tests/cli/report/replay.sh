# With only a few rows P is not defined, and the output says so; with a hundred it is a number.
printf 'a,time,cost_s\n1,3,1\n2,2,1\n3,5,1\n4,4,1\n' > few.csv
(echo a,time,cost_s; seq 100 | awk '{print $1 "," 10 + ($1 * 37) % 101 ",1"}') > many.csv
for l in few many; do
  xltune replay --landscape $l.csv --strategy random --budget 5 --seeds 20 | grep -c '^  P -*[0-9][0-9.]*;'
  xltune replay --landscape $l.csv --strategy random --budget 5 --seeds 20 --json | grep -c '"P": null'
done
xltune replay --landscape few.csv --strategy random --budget 5 --seeds 20 | tail -n 2
# The trace names the seed of each run. With two points in flight the same rows are measured by the end.
xltune replay --landscape many.csv --strategy auto --budget 20 --seeds 2 --first-seed 7 --trace t.csv > printed
xltune replay --landscape many.csv --strategy auto --budget 20 --seeds 1 --first-seed 8 --trace u.csv > printed
cut -d, -f3 t.csv | uniq
awk -F, '$3 == 8' t.csv > t8.csv
tail -n +2 u.csv | cmp - t8.csv && echo the same run
xltune replay --landscape few.csv --strategy grid --budget 4 --seeds 1 --pending 2 --trace p.csv > printed
cut -d, -f4,5 p.csv
xltune replay --landscape few.csv --pending 0
echo "exit $?"
