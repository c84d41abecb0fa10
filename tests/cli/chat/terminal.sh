# At a terminal: a prompt, Ctrl-C ends the answer and not the program, Ctrl-D ends the program.
python3 -c "import pty; pty.openpty()" 2>/dev/null || { echo "there are no pseudo-terminals here (/dev/pts)" >&2; exit 77; }
python3 - <<'P'
import os, pty, select, signal, sys, time
LIMIT_S = 100  # for each thing that is waited for: the machine may be busy
signal.alarm(4 * LIMIT_S)
pid, fd = pty.fork()
if not pid:
    os.environ["TERM"] = "vt100"
    os.execvp("xltune", ["xltune", "chat", "--model", os.environ["MODEL"], "--no-best", "--temperature", "0", "-n", "100000000"])
seen = b""


def comes(text, seconds):
    """Whether the text comes behind what was seen before."""
    global seen
    end = time.time() + seconds
    while text not in seen:
        if not select.select([fd], [], [], max(0, end - time.time()))[0]:
            return False
        try:
            more = os.read(fd, 65536)
        except OSError:  # the program has closed the terminal
            more = b""
        if not more:
            return False
        seen += more
    seen = seen[seen.index(text) + len(text):]
    return True


def until(text):
    if not comes(text, LIMIT_S):
        sys.exit(f"no {text!r} in {seen[-300:]!r}")


until(b"Ctrl-D ends")
until(b"> ")
os.write(fd, b"It was a\n")
until(b"sort of a man who was a man")
os.write(fd, b"\x03")
until(b"> ")
print("stopped")
os.write(fd, b"/infx\x7fo\n")
until(b"tokens so far")
until(b"> ")
os.write(fd, b"half a line\x03")
until(b"> ")
os.write(fd, b"/save s\n")
until(b"s: ")
until(b"> ")
print(os.path.exists("s"), os.path.exists("s.json"))
# The prompt stands before the editor has the terminal, so the key comes to either; one press ends the program.
os.write(fd, b"\x04")
comes(b"nothing that it says", LIMIT_S)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
# A signal ends the program also while it waits for a line.
pid, fd = pty.fork()
if not pid:
    os.environ["TERM"] = "vt100"
    os.execvp("xltune", ["xltune", "chat", "--model", os.environ["MODEL"], "--no-best"])
seen = b""
until(b"> ")
os.kill(pid, signal.SIGTERM)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
P
