# verify passes; and it fails with one line but still writes its report.
data=$SOURCE/tests/data/f32-sharded
xltune verify --model "$data" --golden "$data/golden-T7.safetensors" | sed 's/ [0-9.e-]*  ok/ E  ok/; s/  *[0-9.e-]* *E  ok/  E E ok/; s/kernels [a-z0-9_]*/K/'
xltune verify --model "$data" --golden "$data/golden-T7.safetensors" --tolerance 0 --dump d.st > out 2> err; echo $?
sed "s/worst is .*/worst is X/" err
grep -c FAIL out
python3 - <<'END'
import json, struct
data = open("d.st", "rb").read()
n = struct.unpack("<Q", data[:8])[0]
print(*sorted((k, v.get("dtype"), v.get("shape")) for k, v in json.loads(data[8:8 + n]).items() if k[0] != "_"), sep="\n")
END
xltune verify --model "$data" --golden "$data/golden-T7.safetensors" --json | python3 -c 'import json,sys; r=json.load(sys.stdin); print(r["ok"], r["tolerance"], r["tokens"], len(r["tensors"]))'
xltune verify --model "$MODEL" --golden "$data/golden-T7.safetensors"; echo $?
xltune verify --model "$data" --golden "$data/model-00001-of-00003.safetensors"; echo $?
xltune verify --model "$data" --golden nowhere; echo $?
xltune verify --model "$data"; echo $?
xltune verify --model "$data" --golden "$data/golden-T7.safetensors" --weights bf16 | tail -1 | sed 's/kernels [a-z0-9_]*/K/'
