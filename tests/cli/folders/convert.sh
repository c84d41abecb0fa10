# checkpoints in another format: what is written, continued and refused
xltune convert --model "$MODEL" --weights q4_k --head-weights q6_k --out q4 | sed 's/, [0-9.]* s$//'
ls q4
xltune info --model q4 | sed -n 's/^in blocks *//p'
text="It was a bright cold morning, and"
xltune generate --model q4 --prompt "$text" --max-new-tokens 12 2> /dev/null > a
xltune generate --model "$MODEL" --weights q4_k --head-weights q6_k --prompt "$text" --max-new-tokens 12 2> /dev/null > b
cmp a b
echo "# shards keep their names"
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
for part, some in enumerate((names[:len(names) // 2], names[len(names) // 2:])):
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
xltune convert --model s --weights q8_0 --out t | sed 's/, [0-9.]* s$//'
ls t
xltune info --model t | sed -n 's/^in blocks *//p'
echo "# one that was stopped is no checkpoint, and is continued"
rm t/config.json t/model-1.safetensors
printf '{"checkpoint": "another"}' > t/conversion.json
xltune convert --model s --weights q8_0 --out t 2>&1
xltune convert --model s --weights q8_0 --out u > log 2>&1
xltune info --model u --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["fingerprint"])' > whole
xltune info --model s --json | python3 -c '
import json, sys
print("{\"checkpoint\":\"%s\",\"weights\":\"q8_0\",\"head_weights\":\"same\",\"importance\":\"\"}" %
      json.load(sys.stdin)["fingerprint"], end="")' > u/conversion.json
rm u/config.json
xltune info --model u 2>&1 | sed 's/ (it holds.*//'
printf cut > u/model-1.safetensors
printf cut > u/xltune-1-0.tmp
cp u/model-0.safetensors kept
touch -d '2001-01-01' u/model-0.safetensors
xltune convert --model s --weights q8_0 --out u | sed 's/, [0-9.]* s$//'
xltune info --model u --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["fingerprint"])' | cmp - whole
find u -name model-0.safetensors -newermt 2002-01-01
ls u
echo "# refused"
xltune convert --model s --weights q8_0 --out u 2>&1 | sed 's/(.*)/(…)/'; echo $?
xltune convert --model s --out v; echo $?
xltune convert --model s --weights q4_1 --out v; echo $?
xltune convert --model s --weights q8_0 --importance log --out v 2>&1 | cut -c1-60
echo "# what the metadata says is checked"
for change in 'blocks[name] = "q9_9"' 'blocks["nowhere"] = "q8_0"' 'blocks[name] = 8' 'blocks[name] = "q4_0"' 'del blocks[name]' \
    'blocks["backbone.out_norm.weight"] = "q8_0"'; do
  python3 - "$change" <<'P'
import json, os, struct, sys
with open("t/model-0.safetensors", "rb") as f:
    (n,) = struct.unpack("<Q", f.read(8))
    header = json.loads(f.read(n))
    data = f.read()
blocks = json.loads(header["__metadata__"]["blocks"])
name = "backbone.embeddings.weight"
exec(sys.argv[1])
header["__metadata__"]["blocks"] = json.dumps(blocks)
text = json.dumps(header).encode()
os.makedirs("w", exist_ok=True)
open("w/model-0.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data)
P
  cp u/*.json u/model-1.safetensors w/
  xltune info --model w 2>&1
done
:
echo "# importance, measured and used"
seq 1 300 | tr '\n' ' ' > text
xltune convert --model "$MODEL" --weights q4_k --calibrate text --importance imp --out x | sed 's/, [0-9.]* s$//'
xltune convert --model "$MODEL" --weights q4_k --importance imp --out y > log
xltune convert --model "$MODEL" --weights q4_k --out z > log
cmp x/model.safetensors y/model.safetensors
cmp -s x/model.safetensors z/model.safetensors && echo "importance has no effect"
python3 - <<'P'
import json, struct
with open("imp", "rb") as f:
    (n,) = struct.unpack("<Q", f.read(8))
    header = json.loads(f.read(n))
    data = f.read()
print(header.pop("__metadata__"), len(header), header["lm_head.weight"]["shape"])
for t in header.values():
    begin, end = t["data_offsets"]
    values = struct.unpack(f"<{(end - begin) // 4}f", data[begin:end])
    assert min(values) >= 0 and 0 < sum(values) < 1e6
def values(name):
    begin, end = header[name]["data_offsets"]
    return data[begin:end]
assert values("backbone.blocks.0.mlstm_layer.q.weight") == values("backbone.blocks.0.mlstm_layer.ogate_preact.weight")
assert values("backbone.blocks.0.mlstm_layer.q.weight") != values("backbone.blocks.1.mlstm_layer.q.weight")
P
head -c 15000 imp > cut
xltune convert --model "$MODEL" --weights q4_k --importance cut --out v 2>&1 | cut -c1-40
: > nothing
xltune convert --model "$MODEL" --weights q4_k --calibrate nothing --out v2 > log 2>&1 && ls v2/config.json v2.importance
:
