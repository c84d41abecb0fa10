# Numbers as programs print them: what is not read whole is not read in part, and what cannot be compared is refused.
cat > it <<'END'
case $1 in
ok) echo "score: 8" ;;
comma) echo "score: 3,14" ;;
thousands) echo "score: 1,234 MB" ;;
listed) echo "score: 2, of 9" ;;
returned) printf 'score: 2\r\n' ;;
several) echo "score: 9"; echo "score: 1 and score: 5"; echo "nothing" ;;
power) echo "score: 1.5e-1" ;;
binary) printf 'a\000b\377\nscore: 3\n\000c\200' ;;
nan) echo "score: nan" ;;
inf) echo "score: inf" ;;
huge) echo "score: 1e400" ;;
tiny) echo "score: 1e-320" ;;
none) ;;
negative) echo "score: -4" ;;
zero) echo "score: 0" ;;
esac
END
xltune optimize --target exec --mode grid --effort quick --repeats 1 --output-hash none \
    --tune 'k=ok|comma|thousands|listed|returned|several|power|binary|nan|inf|huge|tiny|none|negative|zero' \
    --metrics '{"score": {"regex": "score: ([^ ]+)", "better": "larger"}}' --objective score -- sh it {k} >out
python3 - <<'END'
import csv, glob
for row in csv.DictReader(open(glob.glob("runs/exec_*/summary.csv")[0])):
    print(row["k"], row["status"], row["score"], row["reason"])
END
