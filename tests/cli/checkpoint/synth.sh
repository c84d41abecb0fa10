# Random weights: the same from the same seed, loadable in every format, and never written over a user's files.
xltune synth --like 64x2x4x96 --dtype f32 --out a | sed 's/[0-9.]* s$/S/'
xltune synth --like 64x2x4x96 --dtype f32 --out b --seed 1337 > b.log
xltune synth --like 64x2x4x96 --dtype f32 --out c --seed 2 > c.log
cmp a/model.safetensors b/model.safetensors && echo same
cmp -s a/model.safetensors c/model.safetensors || echo other
ls a
xltune info --model a | sed 1d
xltune synth --like 64x2x4x96 --dtype f16 --out d | sed 's/[0-9.]* s$/S/'
xltune info --model d | grep stored
xltune synth --like 64x2x4x96 --out a 2> err; echo $?; sed 's/ (.*)/ (FILE)/' err
rm err; mkdir full; touch full/file; xltune synth --like 64x2x4x96 --out full; echo $?
# Of two that begin at once, one has the folder.
mkdir both; python3 - <<'P'
import fcntl, os, subprocess
folder = os.open("both", os.O_RDONLY)
fcntl.flock(folder, fcntl.LOCK_EX)
print(subprocess.call(["xltune", "synth", "--like", "64x2x4x96", "--out", "both"], stdin=subprocess.DEVNULL), os.listdir("both"), flush=True)
os.close(folder)
ends = [subprocess.Popen(["xltune", "synth", "--like", "64x2x4x96", "--out", folder, "--seed", seed], stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE) for seed in "12" for folder in ["both", "new"]]
said = [p.communicate()[1].decode() for p in ends]
for f in (0, 1):
    codes = sorted(p.returncode for p in ends[f::2])
    ok = codes == [0, 1] and all("another process is writing" in s or "not empty" in s for s in said[f::2] if s)
    print("one" if ok else (codes, said), len(os.listdir(["both", "new"][f])) > 2)
P
xltune info --model both >/dev/null && xltune info --model new >/dev/null; rm -r both new
xltune synth --like 65x2x4x96 --out e; echo $?
xltune synth --like 2b --out e; echo $?
xltune synth --like 64x2x4x96; echo $?
xltune synth --like 64x2x4x96 --out /proc/none; echo $?
xltune synth --like 1000000x60000x1x9 --out big 2>&1 | sed 's/[0-9.]* GB are free/X/'; ls
