#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [--small] [P1 P3 ...]: all figures, or the named ones, on the release build. `./dev bench` calls it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
release=$here/../build/release
programs=()
if [[ " $* " != *" --sluice "* ]]; then
  ninja -C "$release" binlog_decode >&2
  programs=(--sluice "$release/sluice" --binlog-decode "$release/benchmarks/binlog_decode")
fi
export PYTHONDONTWRITEBYTECODE=1
exec python3 "$here/bench.py" "${programs[@]}" "$@"
