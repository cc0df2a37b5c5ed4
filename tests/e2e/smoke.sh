#!/usr/bin/env bash
# Proves that the installed agent CLIs and the scripted model server understand each other, without mgr.
# When an end-to-end test fails, this tells whether a vendor changed or we did.
#
# usage: smoke.sh [DIR [AGENT...]]      (default: target/e2e, claude codex gemini)
# exit:  0 all as expected; 75 nothing could be installed; 1 a case failed (its output is shown)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-$here/../../target/e2e}
"$here/install.sh" "$dir"
dir=$(cd "$dir" && pwd)
agents=("${@:2}")
if ((${#agents[@]} == 0)); then agents=(claude codex gemini); fi

# Tools run in sessions of their own and outlive their agent: their working directory tells that they are ours.
sweep() {
  for process in /proc/[0-9]*; do
    if [[ $(readlink "$process/cwd") == "$1"* ]]; then kill -KILL "${process#/proc/}" 2> /dev/null || true; fi
  done
}

root=$(mktemp -d)
mkfifo "$root/ready"
node "$here/model-server.mjs" --log "$root/requests.jsonl" > "$root/ready" &
server=$!
trap 'sweep "$root"; kill $server; rm -rf "$root"' EXIT
read -r line < "$root/ready"
port=${line//[^0-9]/}
url=http://127.0.0.1:$port

# --- The agents: each takes the prompt on stdin and more flags as arguments -----------------------

# Nothing of the caller's environment gets in. The proxy is the server itself: it logs and refuses whatever
# wants to leave the machine.
closed() {
  env -i PATH="$dir/bin:$PATH" HOME="$home" TMPDIR="$home/tmp" LANG=C.UTF-8 \
    HTTP_PROXY="$url" HTTPS_PROXY="$url" NO_PROXY=127.0.0.1 "$@"
}

run_claude() {
  node -e 'const content = require("fs").readFileSync(0, "utf8");
           console.log(JSON.stringify({ type: "user", client_composed: true, message: { role: "user", content } }))' |
    closed ANTHROPIC_BASE_URL="$url" ANTHROPIC_API_KEY=scripted IS_SANDBOX=1 DISABLE_AUTOUPDATER=1 \
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 CLAUDE_CODE_MAX_RETRIES=3 CLAUDE_CODE_STARTUP_FAILURE_RESULTS=1 \
      claude -p --output-format=stream-json --verbose --input-format=stream-json --setting-sources= \
      --strict-mcp-config --permission-mode=bypassPermissions "$@"
}

run_codex() {
  closed CODEX_API_KEY=scripted \
    codex exec --json -s danger-full-access --skip-git-repo-check --disable unbounded_connection_retries "$@" -
}

run_gemini() {
  closed GOOGLE_GEMINI_BASE_URL="$url" GEMINI_API_KEY=scripted GEMINI_CLI_NO_RELAUNCH=true GEMINI_CLI_TRUST_WORKSPACE=true \
    gemini -o stream-json --approval-mode=yolo -m gemini-2.5-pro "$@"
}

configure() {
  home=$root/$1/home work=$root/$1/work
  mkdir -p "$home/tmp" "$home/.codex" "$home/.gemini" "$work"
  cat > "$home/.codex/config.toml" <<TOML
model = "gpt-5.5"
model_provider = "scripted"
[model_providers.scripted]
name = "scripted"
base_url = "$url/v1"
env_key = "CODEX_API_KEY"
wire_api = "responses"
[features]
plugins = false
[analytics]
enabled = false
TOML
  cat > "$home/.gemini/settings.json" <<JSON
{
  "general": { "enableAutoUpdate": false },
  "privacy": { "usageStatisticsEnabled": false },
  "security": { "auth": { "selectedType": "gemini-api-key" } }
}
JSON
}

# --- The cases ------------------------------------------------------------------------------------

# check AGENT CASE EXIT PATTERN PROMPT [FLAG...]: runs the agent and compares its exit and its events.
check() {
  local agent=$1 name=$2 want=$3 pattern=$4 prompt=$5 status=0 begin=$SECONDS
  (cd "$work" && "run_$agent" "${@:6}" < <(printf %s "$prompt")) > "$home/events" 2> "$home/errors" || status=$?
  # Gemini prints an answer in pieces: one more line has them together.
  sed -nE 's/.*"content":"([^"]*)","delta":true.*/\1/p' "$home/events" | tr -d '\n' > "$home/answer"
  if [[ $status == "$want" ]] && grep -qE "$pattern" "$home/events" "$home/answer"; then
    echo "ok      $agent $name ($((SECONDS - begin)) s)"
  else
    echo "FAILED  $agent $name: exit $status, expected $want and an event like $pattern"
    cut -c1-400 "$home/events" "$home/errors"
    touch "$root/failed"
  fi
}

has_file() {
  if ! grep -qx "$3" "$work/$2"; then
    echo "FAILED  $1: no $2 with \"$3\""
    touch "$root/failed"
  fi
}

big_prompt() {
  printf '[[scenario:echo-size]] '
  head -c 300000 /dev/zero | tr '\0' x
}

# Waits until the long tool has left a child in a session of its own, then ends it all.
check_long_tool() {
  local agent=$1 begin=$SECONDS
  { (cd "$work" && "run_$agent" < <(printf %s "[[scenario:long-tool]]")) || true; } > "$home/events" 2> "$home/errors" &
  until [[ -s $work/stray.pid ]] || ((SECONDS - begin > 20)); do sleep 0.1; done
  if [[ -s $work/stray.pid ]] && kill -0 "$(<"$work/stray.pid")"; then
    echo "ok      $agent long-tool ($((SECONDS - begin)) s)"
  else
    echo "FAILED  $agent long-tool: no stray child after 20 s"
    touch "$root/failed"
  fi
  sweep "$work"
  wait $!
}

# The patterns: how this vendor's events say that the run ended well, ended badly, or what the model answered.
cases() {
  local agent=$1 good=$2 bad=$3 bad_exit=$4 cut_once_exit=$5 cut_once=$6 big
  check "$agent" plain 0 "Hello from the scripted model" "[[scenario:plain]]"
  check "$agent" write 0 "$good" "[[scenario:write]]"
  has_file "$agent" written.txt "written by the model"
  check "$agent" shell20 0 "$good" "[[scenario:shell20]]"
  has_file "$agent" slept.txt slept
  check "$agent" e401 "$bad_exit" "$bad" "[[scenario:e401]]"
  check "$agent" e429-then-ok 0 "The limit is over" "[[scenario:e429-then-ok]]"
  check "$agent" cut-once "$cut_once_exit" "$cut_once" "[[scenario:cut-once]]"
  check "$agent" cut-always 1 "$bad" "[[scenario:cut-always]]"
  check_long_tool "$agent"
  big=$(big_prompt)
  check "$agent" echo-size 0 "${#big} bytes and sha256 $(printf %s "$big" | sha256sum | cut -c1-64)" "$big"
}

all_claude() {
  local id=11111111-1111-4111-8111-111111111111
  cases claude '"type":"result".*"is_error":false|"is_error":false.*"type":"result"' '"is_error":true' 1 0 "Complete at the second try"
  check claude first 0 "I see 1 user turns" "[[scenario:followup]]" --session-id=$id
  check claude second 0 "I see 2 user turns" "go on" --resume=$id
  check claude mcp-submit-watch 0 'watch said: .*watched.*t7' "[[scenario:mcp-submit-watch cwd=$work]]" --mcp-config="$(stub_mgr)"
}

# A server with mgr's two tools, to see that Claude Code calls them and that the task's id finds its way.
stub_mgr() {
  cat > "$home/stub-mgr.mjs" <<JS
import { createRequire } from "node:module";
const require = createRequire("$dir/");
const { McpServer } = require("@modelcontextprotocol/sdk/server/mcp.js");
const { StdioServerTransport } = require("@modelcontextprotocol/sdk/server/stdio.js");
const { z } = require("zod");
const server = new McpServer({ name: "stub", version: "0" });
const answer = (value) => ({ content: [{ type: "text", text: JSON.stringify(value) }] });
const submitted = { prompt: z.string(), backend: z.string(), working_dir: z.string() };
server.registerTool("task_submit", { inputSchema: submitted }, ({ working_dir }) => answer({ task_id: "t7", working_dir }));
server.registerTool("task_watch", { inputSchema: { task_ids: z.array(z.string()) } }, ({ task_ids }) => answer({ watched: task_ids }));
await server.connect(new StdioServerTransport());
JS
  echo "{\"mcpServers\":{\"mgr\":{\"command\":\"node\",\"args\":[\"$home/stub-mgr.mjs\"]}}}"
}

all_codex() {
  cases codex '"type":"turn.completed"' '"type":"turn.failed"' 1 0 "Complete at the second try"
  check codex first 0 "I see 1 user turns" "[[scenario:followup]]"
  check codex second 0 "I see 2 user turns" "go on" resume "$(grep -oE '"thread_id":"[^"]+' "$home/events" | cut -d'"' -f4)"
}

all_gemini() {
  local id=22222222-2222-4222-8222-222222222222
  # Gemini does not ask again once it has seen text, so one cut ends the run.
  cases gemini '"type":"result".*"status":"success"' '"type":"result".*"status":"error"' 145 1 '"status":"error"'
  check gemini first 0 "I see 1 user turns" "[[scenario:followup]]" --session-id=$id
  check gemini second 0 "I see 2 user turns" "go on" --resume=$id
}

for agent in "${agents[@]}"; do
  configure "$agent"
  "all_$agent" &
  running+=($!)
done
for one in "${running[@]}"; do
  wait "$one" || touch "$root/failed"
done

if grep '"event":"outbound"' "$root/requests.jsonl"; then
  echo "FAILED  an agent tried to leave the machine"
  exit 1
fi
[[ ! -e $root/failed ]]
