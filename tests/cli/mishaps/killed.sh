# Where xltune itself is killed, what a command and a worker have started ends all the same, in whatever way it hides.
[ "$(uname)" = Linux ] || { echo 'skipped: only Linux tells of processes that left their group' >&2; exit 77; }
export TAG=$$
left() { cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -o "sleep [9]$TAG " | wc -l; }
await() { # what is wanted of left, for some minutes at most
    for _ in $(seq 1000); do
        [ "$(left)" "$1" "$2" ] && return 0
        sleep 0.1
    done
    echo "$(left) left"
}
cat >it <<'END'
sleep 9$TAG &
setsid sleep 9$TAG >/dev/null 2>&1 &
(setsid sh -c "sleep 9$TAG & sleep 9$TAG" >/dev/null 2>&1 &)
exec sleep 9$TAG
END
cat >it.py <<'END'
import subprocess, sys, time
subprocess.Popen(["sh", "it"])
time.sleep(1000)
END
for target in exec worker:it.py; do
    xltune optimize --target $target --tune 'a=1|2' --budget 60s -- sh it {a} >out 2>err &
    await -ge 5
    kill -9 $!
    wait $! 2>/dev/null
    await -eq 0
    echo "$target: $(left) left"
done
