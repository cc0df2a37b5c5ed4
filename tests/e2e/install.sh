#!/usr/bin/env bash
# Installs the agent CLIs that versions.json pins, with npm, and links claude, codex and gemini into DIR/bin.
#
# usage: install.sh [DIR]       (default: target/e2e)
# exit:  0 installed; 75 the registry does not answer, nothing can be tested; 1 anything else
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-$here/../../target/e2e}
mkdir -p "$dir/bin"
cd "$dir"

# Tests run in parallel and each may call us: the first installs, the others wait.
exec 9>.lock
flock 9

# Written last, so it exists only after a whole install.
if cmp -s "$here/versions.json" installed.json; then exit 0; fi
rm -f installed.json

node -e '
  const dependencies = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
  console.log(JSON.stringify({ private: true, dependencies }, null, 2));
' "$here/versions.json" > package.json

# Runs npm; when it fails, tells a registry that does not answer from everything else.
run_npm() {
  if npm "$@" --loglevel=error --no-update-notifier > npm.log 2>&1; then return; fi
  if grep -E 'network timeout at|code (ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|E50[234])$' npm.log >&2; then
    echo "SKIPPED: the npm registry does not answer, so the real agent CLIs cannot be installed" >&2
    exit 75
  fi
  cat npm.log >&2
  echo "error: \`npm $1\` failed" >&2
  exit 1
}

# A short question first: before a silent registry the installation itself would wait for many minutes.
run_npm view @openai/codex version --fetch-retries=0 --fetch-timeout=20000

# No install scripts: newer npm blocks them anyway, and only one is needed (below).
run_npm install --ignore-scripts --no-package-lock --no-audit --no-fund

# Puts the platform package's native program where npm's link to `claude` points; until then that is a stub.
node node_modules/@anthropic-ai/claude-code/install.cjs >&2

for name in claude codex gemini; do
  ln -sf "../node_modules/.bin/$name" "bin/$name"
done
bin/claude --version > npm.log 2>&1 || { cat npm.log >&2; echo "error: claude does not start" >&2; exit 1; }

cp "$here/versions.json" installed.json
