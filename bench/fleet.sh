#!/bin/sh
# How many agents a study bears and how many trials it holds, in a file and on a PostgreSQL server of its own (with
# fsync off, in a temporary folder). usage: bench/fleet.sh BUILD [AGENTS] [TRIALS]; writes CSV to standard output
set -eu
build=$1 agents=${2:-1000} trials=${3:-1000000}
here=$(cd "$(dirname "$0")" && pwd)
bench=$(cd "$build" && pwd)/bench/bench_fleet
folder=$(mktemp -d "${TMPDIR:-/tmp}/xltune-bench.XXXXXX")
trap 'rm -rf "$folder"' EXIT
echo "# PostgreSQL"
python3 "$here/../tests/postgres.py" --settings max_connections=1100,shared_buffers=256MB sh -c \
    "createdb b && $bench agents postgresql:///b $agents 20 1000 && $bench trials postgresql:///b $trials"
echo "# SQLite"
"$bench" agents "$folder/a.sqlite" 16 10 100
"$bench" trials "$folder/b.sqlite" "$trials"
