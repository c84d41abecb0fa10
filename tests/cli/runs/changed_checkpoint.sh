# A checkpoint that is replaced, shortened or removed during a run ends it, so no verdict compares two models.
cp -r "$MODEL" other
python3 - <<'P'
import struct
with open("other/model.safetensors", "r+b") as f:
    header = struct.unpack("<Q", f.read(8))[0]
    f.seek(0, 2)
    size = f.tell()
    for at in range(8 + header, size, 512):
        f.seek(at)
        byte = f.read(1)
        f.seek(at)
        f.write(bytes([byte[0] ^ 1]))
P
try() {
    rm -rf m runs log
    cp -r "$MODEL" m
    xltune optimize --model m --prompt "It was a bright cold morning, and" --new 8 --effort quick --no-best \
        --mode random --seed 3 --trials 4000 --tune chunk_size=1:400:1,heads_per_band >log 2>err &
    p=$!
    until [ -s runs/*/trials.jsonl ] 2>/dev/null || ! kill -0 $p; do sleep 0.1; done
    "$@"
    wait $p
    echo "$1: exit $?"
    sed -e 's/found [0-9a-f]*/found A/' -e 's/began with [0-9a-f]*/began with B/' err
    grep -c '"final": true' runs/*/best.json
    xltune study list | awk 'NR > 1 { print $3 }'
}
replaced() { rm m/model.safetensors; cp other/model.safetensors m/; }
overwritten() { cat other/model.safetensors >m/model.safetensors.new; dd if=m/model.safetensors.new of=m/model.safetensors conv=notrunc 2>/dev/null; }
shortened() { truncate -s 4096 m/model.safetensors; }
removed() { rm m/model.safetensors; }
try replaced
try overwritten
try shortened
try removed
