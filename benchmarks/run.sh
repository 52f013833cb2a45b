#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [--small] [P1 P2 ...]: all figures, or the named ones, on the release build. `./dev bench` calls it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
release=$here/../build/release
programs=()
if [[ " $* " != *" --sluice "* ]]; then
  ninja -C "$release" binlog_decode slot_decode >&2
  programs=(--sluice "$release/sluice" --programs "$release/benchmarks")
fi
export PYTHONDONTWRITEBYTECODE=1
exec python3 "$here/bench.py" "${programs[@]}" "$@"
