#!/usr/bin/env bash
# Drives the real agent CLIs through mgr, against the scripted model server.
#
# usage: run.sh [DIR [PATTERN]]     (DIR: where the CLIs are or will be installed, default target/e2e;
#                                   PATTERN: only cases whose name matches this regular expression)
# uses:  $MGR, else target/release/mgr, else target/debug/mgr; builds nothing
# exit:  0 all passed, or nothing could be installed (a loud SKIPPED line says so); 1 a case failed
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
target=$here/../../target
dir=${1:-$target/e2e}

find_mgr() {
  for one in "${MGR:-}" "$target/release/mgr" "$target/debug/mgr"; do
    if [[ -x $one ]]; then realpath "$one"; return; fi
  done
  echo "error: no mgr binary: set MGR, or run \`cargo build\`" >&2
  return 1
}
mgr=$(find_mgr)

status=0
"$here/install.sh" "$dir" || status=$?
if ((status == 75)); then
  echo "======================================================================"
  echo "SKIPPED: end-to-end tests with the real CLIs: they cannot be installed"
  echo "======================================================================"
  exit 0
fi
((status == 0)) || exit "$status"

node "$here/sdk-client.mjs" "$mgr" "$dir"
node --test "$here/dashboard-words.test.mjs"
# The page's modules run in a document of their own, which Node.js has behind this flag.
node --no-warnings --experimental-vm-modules "$here/dashboard.mjs" "$mgr" "$dir"
node "$here/cases.mjs" "$mgr" "$(cd "$dir" && pwd)" "${2:-}"
