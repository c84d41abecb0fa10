# None of them becomes a setting, under its own name or another: what is left beside them are the defaults.
xltune generate --ray-dashboard --ray-dashboard-port 8265 --ray-local-mode 1 --ray-keep-alive --cfc-calibrate \
    --cfc-hidden 64 --cfc-backbone x --cfc-mode y --cfc-topk 3 --streams 2 --print-effective-config >with.json
xltune generate --print-effective-config >without.json
grep -c '"scheduler"' with.json
grep -E '"(ray_|cfc_|streams")' with.json
cmp with.json without.json && echo "the same settings"
