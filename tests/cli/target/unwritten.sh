# A file whose content must stay the same has to be written by each execution; one that is there already says nothing.
cat > it <<'END'
case $1 in
writes) echo same >result ;;
appends) printf sa >result; echo me >>result ;;
moves) echo same >aside; mv aside result ;;
other) echo different >result ;;
reads) cat result >/dev/null ;;
removes) rm -f result ;;
esac
END
echo same >result
xltune optimize --target exec --mode grid --effort quick --repeats 1 --output-hash result \
    --tune 'how=writes|reads|appends|moves|other|removes' -- sh it {how} >out
cat runs/exec_*/summary.csv | python3 -c 'import csv, sys
for row in csv.DictReader(sys.stdin): print(row["how"], row["status"], row["reason"], sep=": ")'
# The baseline itself has to write it too, and a file that was not written has its time of change again.
echo same >result
python3 -c 'import os; os.utime("result", (1e9, 1e9))'
xltune optimize --target exec --tune 'how=reads|writes' --output-hash result --log-dir r2 -- sh it {how} >/dev/null; echo $?
python3 -c 'import os; print(int(os.stat("result").st_mtime))'
