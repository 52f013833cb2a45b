#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kafka_broker.sh FOLDER: has Maven put the jars of a Kafka 4 broker (40 MB, kafka_broker.xml) into FOLDER. The tests run it
# with Debian's Java. Exits 0 if FOLDER is usable; else prints the reason and exits 1.
set -euo pipefail

folder=$1
project=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/kafka_broker.xml
unusable() {
  echo "no Kafka broker: $*"
  exit 1
}

cmp -s "$project" "$folder/kafka_broker.xml" && exit 0
command -v mvn >/dev/null || unusable "Maven is not installed"

mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9
cmp -s "$project" "$folder/kafka_broker.xml" && exit 0
rm -rf "$folder.partial"
if ! timeout 900 mvn --batch-mode --quiet --file "$project" dependency:copy-dependencies -DincludeScope=runtime \
  -DoutputDirectory="$folder.partial" >"$folder.log" 2>&1 </dev/null; then
  unusable "Maven failed: $(tail -n 3 "$folder.log" | tr '\n' ' ')"
fi
cp "$project" "$folder.partial/kafka_broker.xml"
rm -rf "$folder"
mv "$folder.partial" "$folder"
