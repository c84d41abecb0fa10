#!/bin/bash
# Installs each file of a release in a Debian that has nothing but its base system, and runs the program there.
# usage: tools/release_check.sh OUT     (as root; needs debootstrap and Debian's packages)
set -eu
[ $# = 1 ] || { sed -n '2,3s/^# //p' "$0"; exit 2; }
out=$(cd "$1" && pwd)
command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap >/dev/null
place=$(mktemp -d)
mirror=$(awk '/^URIs:/ {print $2; exit} /^deb / {for (i = 2; i <= NF; i++) if ($i ~ /^http/) {print $i; exit}}' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
finish() {
    for mount in proc dev; do mountpoint -q "$place/root/$mount" && umount "$place/root/$mount"; done
    rm -rf --one-file-system "$place"
}
trap finish EXIT
debootstrap --variant=minbase --include=ca-certificates,xz-utils bookworm "$place/base" "${mirror:-http://deb.debian.org/debian}" >"$place/log" 2>&1 ||
    { tail -n 3 "$place/log"; exit 1; }

# $1: what is tried; $2: shell commands, run in /root beside the release's files
try() {
    rm -rf --one-file-system "$place/root"
    cp -a "$place/base" "$place/root"
    rm -f "$place/root/etc/apt/sources.list"
    cp -a /etc/apt/sources.list /etc/apt/sources.list.d "$place/root/etc/apt/" 2>/dev/null || true
    cp -a /etc/apt/apt.conf.d/. "$place/root/etc/apt/apt.conf.d/"
    cp /etc/resolv.conf /etc/hosts "$place/root/etc/"
    cp -a /etc/ssl/certs/. "$place/root/etc/ssl/certs/" 2>/dev/null || true
    cp "$out"/* "$place/root/root/"
    mount -t proc proc "$place/root/proc"
    mount --bind /dev "$place/root/dev"
    local status=0
    chroot "$place/root" /usr/bin/env -i HOME=/root PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        ${http_proxy:+http_proxy=$http_proxy} ${https_proxy:+https_proxy=$https_proxy} DEBIAN_FRONTEND=noninteractive \
        sh -euc "cd /root; $2" >"$place/log" 2>&1 </dev/null || status=$?
    umount "$place/root/proc" "$place/root/dev"
    if [ $status = 0 ]; then echo "ok    $1"; else
        echo "FAIL  $1"
        tail -n 15 "$place/log"
        failed=1
    fi
}

failed=0
story='xltune generate --prompt "It was a bright cold morning, and" --max-new-tokens 8 | grep -q .; xltune info >/dev/null'
try "tarball" "tar xf xltune-*-linux-*.tar.xz; mv xltune-*-linux-*/ /opt/xltune; PATH=\$PATH:/opt/xltune/bin; $story"
try "Debian package" "apt-get update -qq; apt-get install -y -qq --no-install-recommends ./xltune_*.deb; $story; apt-get purge -y -qq xltune; test ! -e /usr/bin/xltune"
try "source archive" "apt-get update -qq; apt-get install -y -qq make; tar xf \$(ls xltune-*.tar.xz | grep -v linux); cd xltune-*/; make build; make install; $story"
exit $failed
