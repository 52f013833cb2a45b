#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# server_chroot.sh FOLDER PACKAGE PROGRAM: puts a database server that Debian 12 does not have (MySQL 9, PostgreSQL 18) into
# FOLDER as a small Debian system of its own (560 and 286 MB). The tests run it with chroot. Exits 0 if FOLDER is usable; else
# prints the reason and exits 1.
set -euo pipefail

folder=$1 package=$2 program=$3
unusable() {
  echo "no $package: $*"
  exit 1
}

[[ -x $folder/$program ]] && exit 0
[[ $(id -u) == 0 ]] || unusable "making a chroot needs root"
command -v debootstrap >/dev/null || unusable "debootstrap is not installed"

# The same mirror as this machine's own packages.
# shellcheck disable=SC2016 # apt expands these
mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(COMPONENT)' 'Created-By: Packages' |
  awk '$2 == "Debian" && $3 == "main" && $1 !~ /security/ {print $1; exit}')
[[ -n $mirror ]] || unusable "no Debian mirror in the package sources"

mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9
[[ -x $folder/$program ]] && exit 0
rm -rf "$folder.partial"
if ! timeout 900 debootstrap --variant=minbase --include="$package" sid "$folder.partial" "$mirror" \
  >"$folder.log" 2>&1 </dev/null; then
  reason=$(tail -n 3 "$folder.log" | tr '\n' ' ')
  rm -rf "$folder.partial"
  unusable "debootstrap failed: $reason"
fi
rm -rf "$folder.partial"/var/cache/apt/archives/*.deb "$folder.partial"/var/lib/apt/lists/* \
  "$folder.partial"/usr/share/{doc,man,locale}
# PostgreSQL runs as a user, who needs the same number and a name on both sides.
if id -u postgres >/dev/null 2>&1; then
  sed -i "s/^postgres:x:[0-9]*:[0-9]*:/postgres:x:$(id -u postgres):$(id -g postgres):/" "$folder.partial/etc/passwd"
fi
mv "$folder.partial" "$folder"
