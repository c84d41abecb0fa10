xltune generate --ray-dashboard --ray-dashboard-port 8265 --ray-local-mode 1 --ray-keep-alive --cfc-calibrate \
    --cfc-hidden 64 --cfc-backbone x --cfc-mode y --cfc-topk 3 --streams 2 --print-effective-config | grep -c ray
