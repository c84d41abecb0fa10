#!/bin/sh
# Fills a folder with the arm64 libraries that a cross build needs, from Debian's packages: nothing of it is installed on this
# machine. usage: tools/arm64_libraries.sh FOLDER
# Then: meson setup BUILD --cross-file FOLDER/paths.ini --cross-file tools/aarch64-linux.ini -Dhwloc=disabled -Dvulkan=disabled
set -eu
mkdir -p "$1"
folder=$(cd "$1" && pwd)
printf "[constants]\nlibraries = '%s'\n" "$folder" >"$folder/paths.ini"
[ ! -f "$folder/complete" ] || exit 0
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
# apt lists packages of an architecture once dpkg knows of it; downloads as the calling user, who may write to the folder.
dpkg --print-foreign-architectures | grep -qx arm64 || $as_root dpkg --add-architecture arm64
$as_root apt-get -o APT::Sandbox::User=root update -qq
cd "$folder"
for package in libjansson4 libjansson-dev libpcre2-8-0 libpcre2-dev libutf8proc2 libutf8proc-dev zlib1g zlib1g-dev libsqlite3-0 \
    libsqlite3-dev libcmocka0 libcmocka-dev; do
    apt-get -o APT::Sandbox::User=root download -qq "$package:arm64"
done
for package in *.deb; do
    dpkg -x "$package" .
    rm "$package"
done
touch complete
