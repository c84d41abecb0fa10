# convert on a file system that has no room: at once, for one more file, and in the middle of one; what is complete is kept
unshare -rm sh -c 'mount -t tmpfs none /mnt' 2> /dev/null || { echo "no file systems of its own may be mounted here"; exit 77; }
xltune synth --like 64x2x2x4096 --dtype f32 --out m > log 2>&1 || cat log
python3 - <<'P'
import json, os, struct
with open("m/model.safetensors", "rb") as f:
    (n,) = struct.unpack("<Q", f.read(8))
    header = json.loads(f.read(n))
    data = f.read()
os.makedirs("s")
names = [name for name in header if name != "__metadata__"]
where = {}
for part, some in enumerate((names[:1], names[1:])):
    head, body = {}, b""
    for name in some:
        begin, end = header[name]["data_offsets"]
        head[name] = dict(header[name], data_offsets=[len(body), len(body) + end - begin])
        body += data[begin:end]
        where[name] = f"model-{part}.safetensors"
    text = json.dumps(head).encode()
    open(f"s/model-{part}.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + body)
json.dump({"metadata": {}, "weight_map": where}, open("s/model.safetensors.index.json", "w"))
for name in os.listdir("m"):
    if name != "model.safetensors":
        os.link("m/" + name, "s/" + name)
P
mkdir d
cat > inside <<'S'
mount -t tmpfs -o size=100k none d
xltune convert --model s --weights q8_0 --out d/t 2>&1 | sed 's/[0-9.]* [MG]B/N MB/g'
echo "# inodes for one file of two"
mount -o remount,size=16m,nr_inodes=4 d
xltune convert --model s --weights q8_0 --out d/t 2>&1 | sed 's/xltune-.*tmp/TMP/'
ls d/t
xltune info --model d/t 2>&1 | sed 's/ (it holds.*//'
echo "# in the middle of the second"
mount -o remount,size=16m,nr_inodes=100 d
(trap '' XFSZ; ulimit -f 100; xltune convert --model s --weights q8_0 --out d/t 2>&1)
ls d/t
echo "# with room"
cp d/t/model-0.safetensors first
xltune convert --model s --weights q8_0 --out d/t | sed 's/, [0-9.]* s$//'
cmp first d/t/model-0.safetensors
xltune info --model d/t | sed -n 's/^in blocks *//p'
S
unshare -rm sh inside
