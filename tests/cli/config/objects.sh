# An object of a config may be in a file: beside the config, or else in the current folder.
mkdir beside elsewhere
echo '{"n": [1, 2], "conditions": ["n > 5"]}' > beside/space.json
echo '{"n": [3, 4]}' > elsewhere/space.json
echo '{"n": 4}' > elsewhere/before.json
for from in '"space.json"' '"nowhere.json"' '""' '3'; do
    echo "{\"target\": \"exec\", \"command\": \"true {n}\", \"space\": $from}" > beside/c.json
    xltune optimize --config beside/c.json
    echo $?
done
cd elsewhere
echo '{"space": "space.json", "baseline": "before.json"}' > ../c.json
xltune optimize --config ../c.json --print-effective-config | grep -e '"space"' -e '"baseline"'
# The settings of a run that tuned something else are no settings of the engine.
echo '{"params": {"n": 3}, "verdict": "better"}' > best.json
xltune generate --config best.json
echo $?
xltune optimize --config best.json
echo $?
echo '{"params": {"chunk_size": 32, "workers": null}, "verdict": "better"}' > best.json
xltune generate --config best.json --print-effective-config | grep '"chunk_size"'
