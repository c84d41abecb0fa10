#!/bin/sh
# Measures three small spaces of ordinary programs, with three objectives each, for bench_front.
#
# usage: bench/front_spaces.sh XLTUNE FOLDER [PART]
#
# XLTUNE   the program, build/cli/xltune
# FOLDER   gets front-zstd.csv, front-sqlite.csv and front-gcc.csv
# PART     zstd, sqlite or gcc; default: all three
#
# zstd     compresses 300 kB of the C sources of this project: processor time, size, memory
# sqlite   writes and reads 20,000 rows under pragmas: processor time, size of the database, memory
# gcc      compiles a small program and runs it: time that it runs, size, time to compile
#
# Each point is measured once, in the order of the grid. On a machine with other work the times are a table to be
# searched, and no claim about these programs.
set -eu
cd "$(dirname "$0")/.."
[ $# -ge 2 ] && [ $# -le 3 ] || { sed -n 's/^# usage: /usage: /p' "$0" >&2; exit 2; }
xltune=$(realpath "$1") out=$(realpath "$2") part=${3:-all}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git ls-files 'src/*.c' 'tuner/*.c' | LC_ALL=C sort | xargs cat >"$work/all"
cd "$work"
head -c 300000 all >file

# record NAME SETTINGS OBJECTIVES METRICS TUNE COMMAND…: SETTINGS and OBJECTIVES become the columns.
record() {
    name=$1 columns=$2,$3 objectives=$3 metrics=$4 tune=$5
    shift 5
    [ "$part" = all ] || [ "$part" = "$name" ] || return 0
    "$xltune" optimize --target exec --tune "$tune" --mode grid --repeats 1 --output-hash none --metrics "$metrics" \
        --objective "$objectives" --export-landscape "$name-landscape.csv" --budget 900 --seed 1 --log-dir runs --tag "$name" --no-best -- "$@" \
        >"$name.log" 2>&1 || { tail -n 5 "$name.log" >&2; exit 1; }
    python3 - runs/*_"$name"/summary.csv "$columns" "$out/front-$name.csv" <<'P'
import csv, sys
source, columns, target = sys.argv[1], sys.argv[2].split(","), sys.argv[3]
rows = [row for row in csv.DictReader(open(source)) if row["status"] in ("ok", "failed")]
with open(target, "w") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row[c] for c in columns] for row in rows)
print(target, len(rows), "points")
P
}

record zstd strategy,window,search,match cpu_s,size,peak_mb \
    '{"size": {"bytes": "packed", "unit": "B", "exact": true}}' \
    'strategy=1:9,window=14|16|18,search=1|3|5,match=3|5|7' \
    zstd -q -f --zstd=strategy={strategy},wlog={window},slog={search},mml={match} file -o packed

cat >rows.sh <<'E2'
rm -f rows.db rows.db-wal rows.db-journal
sqlite3 rows.db >/dev/null <<SQL
PRAGMA page_size=$1; PRAGMA journal_mode=$2; PRAGMA synchronous=$3; PRAGMA cache_size=-$4;
CREATE TABLE t(id INTEGER PRIMARY KEY, k INTEGER, v TEXT);
CREATE INDEX i ON t(k);
$(for part in $(seq "$5"); do
    echo "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<20000/$5)
        INSERT INTO t SELECT x+$part*100000, (x*7919+$part*31)%10007, printf('row %d of %d', x, x*x) FROM c;"
done)
SELECT sum(length(v)) FROM t WHERE k BETWEEN 100 AND 2000;
SQL
E2
record sqlite page,journal,synchronous,cache,parts cpu_s,size,peak_mb \
    '{"size": {"bytes": "rows.db", "unit": "B", "exact": true}}' \
    'page=512|1024|4096|16384|65536,journal=delete|memory|wal|off,synchronous=off|full,cache=64|512|4096,parts=1|10' \
    sh rows.sh {page} {journal} {synchronous} {cache} {parts}

cat >sum.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
enum { N = 160 };
static float a[N][N], b[N][N], c[N][N];
static unsigned char text[1 << 16];
static float dot(const float *x, const float *y, int n, int step) {
    float sum = 0;
    for (int i = 0; i < n; i++) sum += x[i] * y[i * step];
    return sum;
}
static unsigned hash(const unsigned char *p, int n) {
    unsigned h = 2166136261u;
    for (int i = 0; i < n; i++) h = (h ^ p[i]) * 16777619u;
    return h;
}
static int compare(const void *x, const void *y) { return *(const unsigned char *)x - *(const unsigned char *)y; }
int main(void) {
    struct timespec from, to;
    unsigned counts[256] = {0}, h = 0;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) a[i][j] = (float)(i * j % 7), b[i][j] = (float)((i + j) % 5);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) c[i][j] = dot(a[i], &b[0][j], N, N);
    for (size_t i = 0; i < sizeof text; i++) text[i] = (unsigned char)((int)c[i % N][i / N % N] >> (i & 3));
    for (int r = 0; r < 20; r++) h += hash(text, (int)sizeof text - r);
    for (size_t i = 0; i < sizeof text; i++) counts[text[i]]++;
    qsort(text, 20000, 1, compare);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    printf("%u %u run %.6f\n", h, counts[text[77]],
           (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec));
}
C
cat >compile.sh <<'E3'
export TIMEFORMAT=%U
{ time gcc -O"$1" $2 $3 $4 $5 sum.c -o sum; } 2>&1 | sed 's/^/compile /'
./sum
E3
record gcc level,vector,unroll,inline,math run_s,size,compile_s \
    '{"run_s": {"regex": "run ([0-9.]+)", "unit": "s"}, "compile_s": {"regex": "compile ([0-9.]+)", "unit": "s"},
      "size": {"bytes": "sum", "unit": "B", "exact": true}}' \
    'level=0|1|2|3|s,vector=-ftree-vectorize|-fno-tree-vectorize,unroll=-funroll-loops|-fno-unroll-loops,inline=-finline-functions|-fno-inline|-fno-inline-small-functions,math=-ffast-math|-fno-math-errno|-march=native|-flto' \
    bash compile.sh {level} {vector} {unroll} {inline} {math}
