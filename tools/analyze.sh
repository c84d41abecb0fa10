#!/bin/sh
# Looks at the source with cppcheck; what it finds and what is no fault is in tools/cppcheck.txt. Another version of cppcheck
# may find more.
# usage: tools/analyze.sh       exit status 1 where something is found, 77 without cppcheck
set -eu
cd "$(dirname "$0")/.."
command -v cppcheck >/dev/null || { echo "cppcheck is missing (apt-get install cppcheck)" && exit 77; }
cppcheck --quiet --std=c11 --enable=warning,portability --max-configs=1 -j "$(nproc)" --error-exitcode=1 \
    --suppressions-list=tools/cppcheck.txt --template='{file}:{line}: {severity}: {id}: {message}' -Iinclude -Isrc -I. \
    -D_GNU_SOURCE -DXL_HAVE_CURL -DXL_HAVE_MICROHTTPD --include=tools/cppcheck.h \
    src/base src/format src/model src/runtime src/weights src/backend/cpu tuner cluster server cli
