# On a terminal the lines of lists fit 80 columns, and say the same words as in a pipe.
python3 -c "import pty; pty.openpty()" 2>/dev/null || { echo "there are no pseudo-terminals here (/dev/pts)" >&2; exit 77; }
ln -s $MODEL m
(echo a,time,cost_s; seq 100 | awk '{print $1 "," 10 + ($1 * 37) % 101 ",1"}') > a-landscape-with-a-rather-long-name.csv
printf 'a,time,cost_s\n1,3,1\n2,2,1\n3,5,1\n4,4,1\n' > few.csv
python3 - <<'P'
import os, pty, subprocess


def shown(words):
    """What a command prints on a terminal."""
    outer, inner = pty.openpty()
    text = b""
    with subprocess.Popen(words, stdout=inner, stdin=subprocess.DEVNULL) as p:
        os.close(inner)
        while True:
            try:
                more = os.read(outer, 65536)
            except OSError:  # the program has closed the terminal
                more = b""
            if not more:
                break
            text += more
    os.close(outer)
    return text.decode(), p.returncode


replay = ["xltune", "replay", "--budget", "5", "--seeds", "3", "--strategy", "random", "--landscape"]
for words in (["xltune", "info", "--model", "m"], ["xltune", "devices"], [*replay, "a-landscape-with-a-rather-long-name.csv"], [*replay, "few.csv"]):
    text, code = shown(words)
    long = [line for line in text.splitlines() if len(line) > 80]
    same = text.split() == subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    print(words[1], code, "the same" if same else text, long or "fits")
P
xltune info --model m | grep -c '^fingerprint       [0-9a-f]*$'
xltune devices | wc -l | tr -d ' ' > lines
xltune devices --json | grep -c '"name"' | cmp - lines && echo a line each
