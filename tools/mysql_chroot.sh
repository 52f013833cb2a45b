#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# mysql_chroot.sh FOLDER: puts a MySQL 9 server into FOLDER as a small Debian system of its own (about 560 MB), because Debian 12
# has MariaDB only. The tests run it with chroot. Exits 0 if FOLDER is usable; else prints the reason and exits 1.
set -euo pipefail

folder=$1
unusable() {
  echo "no MySQL server: $*"
  exit 1
}

[[ -x $folder/usr/sbin/mysqld ]] && exit 0
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
[[ -x $folder/usr/sbin/mysqld ]] && exit 0
rm -rf "$folder.partial"
if ! timeout 900 debootstrap --variant=minbase --include=mysql-server-core sid "$folder.partial" "$mirror" \
  >"$folder.log" 2>&1 </dev/null; then
  reason=$(tail -n 3 "$folder.log" | tr '\n' ' ')
  rm -rf "$folder.partial"
  unusable "debootstrap failed: $reason"
fi
rm -rf "$folder.partial"/var/cache/apt/archives/*.deb "$folder.partial"/var/lib/apt/lists/* \
  "$folder.partial"/usr/share/{doc,man,locale}
mv "$folder.partial" "$folder"
