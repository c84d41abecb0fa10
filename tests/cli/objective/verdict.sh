# A real difference is found, in fresh processes; the run can be read and continued as any other.
xltune optimize --target exec --effort quick --trials 1 --tune 's=0.06|0.02' --log-dir runs -- sleep {s} >out
run=$(echo runs/exec_*)
xltune optimize --resume "$run" --trials 2 >out; echo $?
grep -o '^verdict   better by' out
xltune explain "$run" | sed -n '/^Winner/,/The baseline/p'
xltune study compare "$run" "$run" >/dev/null; echo $?
xltune optimize --resume "$run" --tune 's=1|2'; echo $?
# There is no prompt to continue.
xltune save-outputs --run "$run" 2>&1 | sed "s/exec_[0-9_]*/RUN/"
# Its snapshot is for this command alone.
xltune optimize --target exec --effort quick --trials 2 --budget 0 --tune 's=0.06|0.02' --log-dir r2 -- sleep {s} | grep -c best
