#!/bin/sh
# openai_clients.sh XLTUNE FOLDER: the official clients of OpenAI's API, for Python and JavaScript, unmodified, against the
# server. They are installed into FOLDER from PyPI and npm; exit code 77, with the reason, where these cannot be reached.
set -eu
xltune=$1 folder=$2
here=$(cd "$(dirname "$0")" && pwd)
python=3.57.0 javascript=7.59.0

reachable() { "$@" >/dev/null 2>&1; }
if ! "$folder/bin/python" -c "import openai; assert openai.__version__ == '$python'" 2>/dev/null; then
    python3 -m venv "$folder"
    reachable "$folder/bin/pip" download --quiet --no-deps --dest "$folder/probe" "openai==$python" || {
        echo "skipped: PyPI cannot be reached"
        exit 77
    }
    "$folder/bin/pip" install --quiet "openai==$python"
fi
"$folder/bin/python" "$here/openai_client.py" "$xltune"

command -v npm >/dev/null || { echo "skipped: the JavaScript client, because there is no npm"; exit 77; }
if ! grep -qs "\"version\": \"$javascript\"" "$folder/js/node_modules/openai/package.json"; then
    mkdir -p "$folder/js"
    reachable npm view "openai@$javascript" version || { echo "skipped: the npm registry cannot be reached"; exit 77; }
    (cd "$folder/js" && npm install --silent --no-fund --no-audit "openai@$javascript")
fi
cp "$here/openai_client.mjs" "$folder/js/"
python3 "$here/with_server.py" "$xltune" node "$folder/js/openai_client.mjs"
