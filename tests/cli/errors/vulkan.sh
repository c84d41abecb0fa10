# A lost device and a device without memory: one line that says so, and an exit code of their own, whatever ran.
[ -n "${FAILING_VULKAN:-}" ] || { echo "no library with a failing Vulkan device here" >&2; exit 77; }
xltune devices | grep -q '^vulkan' || { echo "no Vulkan device here" >&2; exit 77; }
say() { LD_PRELOAD=$FAILING_VULKAN "$@" > out 2> err; echo "$? $(grep -v '^$' err | tail -n 1 | grep -oE '(the device was lost|out of device memory).*' | sed 's/[0-9.]* GB/N GB/g')"; }
m="--device vulkan --model $MODEL"
for at in 1 10 30; do FAIL_SUBMIT=$at say xltune generate $m --prompt 'Call me' --new 40; done
for at in 1 3 6; do FAIL_MEMORY=$at say xltune generate $m --prompt 'Call me' --new 4; done
FAIL_SUBMIT=8 say xltune optimize $m --prompt x --new 2 --no-best --trials 2 --effort quick
FAIL_MEMORY=2 say xltune bench $m -p 4 -n 2
