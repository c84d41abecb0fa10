#!/bin/sh
# usage: goldens-vulkan.sh XLTUNE TOLERANCE MODEL GOLDEN...
# Verifies every golden file on the first Vulkan device, with subgroups and without (--cpu-mask c), and with combinations of
# the knobs, none of which may matter. The validation layers, where they are installed, must have nothing to say. Exit code 77
# (skipped) where there is no device.
set -u
xltune=$1 tolerance=$2 model=$3
shift 3
if ! "$xltune" devices | grep -q '^vulkan'; then
    echo "skipped: no Vulkan device is here"
    exit 77
fi
[ -e /usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json ] &&
    export VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation
failures=0 runs=0
for golden in "$@"; do
    for settings in \
        "" \
        "--scheduler recurrent" \
        "--chunk-size 13 --heads-per-band 3 --segment 50" \
        "--cpu-mask c --chunk-size 256 --heads-per-band 2 --segment 4096"; do
        runs=$((runs + 1))
        # shellcheck disable=SC2086
        if ! output=$("$xltune" verify --device vulkan --model "$model" --golden "$golden" --tolerance "$tolerance" \
            $settings 2>&1) || printf '%s\n' "$output" | grep -q -e VUID -e 'Validation'; then
            failures=$((failures + 1))
            printf '%s\n%s\n' "FAIL $golden $settings" "$(printf '%s\n' "$output" | grep -e FAIL -e VUID)"
            printf '%s\n' "$output" | tail -1
        fi
    done
done
echo "$runs runs, $failures failed"
[ "$failures" -eq 0 ]
