# At a terminal the view is renewed and follows the window's size; q ends it.
python3 -c "import pty; pty.openpty()" 2>/dev/null || { echo "there are no pseudo-terminals here (/dev/pts)" >&2; exit 77; }
export XDG_RUNTIME_DIR="$PWD"
xltune generate --model $MODEL --no-best -n 100000000 > out 2> err & p=$!
while [ ! -s xltune/$p.json ]; do sleep 0.05; done
python3 - <<'P'
import fcntl, os, pty, select, signal, struct, sys, termios, time
signal.alarm(600)
pid, fd = pty.fork()
if not pid:
    time.sleep(0.2)
    os.execvp("xltune", ["xltune", "top"])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
seen = b""


def until(text, seconds=100):
    global seen
    end = time.time() + seconds
    while text not in seen:
        if not select.select([fd], [], [], max(0, end - time.time()))[0]:
            sys.exit(f"no {text!r} in {seen[-300:]!r}")
        seen += os.read(fd, 65536)
    seen = seen[seen.index(text) + len(text):]


until(b"MEMORY MiB")
until(b"generate")
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
until(b"TOK/S  PR\x1b[K")
print("narrow")
until(b"generate")
os.write(fd, b"q")
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
P
kill $p
