# With only a few rows P is not defined, and the output says so; with a hundred it is a number.
printf 'a,time,cost_s\n1,3,1\n2,2,1\n3,5,1\n4,4,1\n' > few.csv
(echo a,time,cost_s; seq 100 | awk '{print $1 "," 10 + ($1 * 37) % 101 ",1"}') > many.csv
for l in few many; do
  xltune replay --landscape $l.csv --strategy random --budget 5 --seeds 20 | grep -c '^  P -*[0-9][0-9.]*;'
  xltune replay --landscape $l.csv --strategy random --budget 5 --seeds 20 --json | grep -c '"P": null'
done
xltune replay --landscape few.csv --strategy random --budget 5 --seeds 20 | tail -n 2
