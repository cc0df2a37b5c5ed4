// The end-to-end cases: what mgr must tell about real agents that talk to a scripted model.
// Started by run.sh. Must not know how mgr works inside, except for the attempt's files that a crash test needs.
//
// How it works: every case has a directory with a HOME, an MGR_HOME and a workspace of its own, and starts from an
// environment that is built here. Cases run side by side, the long ones first. A case is a function that
// throws where something is not as it should be. At the end whatever carries one of our directories is killed.
//
// usage: node cases.mjs MGR DIR [PATTERN]

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const [mgrPath, cliDir, pattern] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const root = realpathSync(mkdtempSync(join(tmpdir(), "mgr-e2e-")));
const requestLog = join(root, "requests.jsonl");

/** CLIs are slow to start; more at once than this and the machine itself makes them late. */
const AT_ONCE = Number(process.env.E2E_AT_ONCE ?? 6);

// --- What each agent answers, and how its runs differ ---------------------------------------------

const AGENTS = {
  claude_code: { model: /^claude-/, tokens: { input: 100, output: 20 }, cutOnce: "done", limit: 15 },
  codex: { model: null, tokens: { input: 100, output: 20 }, cutOnce: "done", limit: 20 },
  // Gemini does not ask again once it has seen text.
  gemini: { flags: ["--model=gemini-2.5-pro"], model: /^gemini-2\.5-pro$/, tokens: { input: 100, output: 20 }, cutOnce: "failed", limit: 15 },
  gpt: { model: /^gpt-/, tokens: { input: 100, output: 20 }, cutOnce: null, limit: 10 },
};
const CLIS = ["claude_code", "codex", "gemini"];

// --- Running things -------------------------------------------------------------------------------

/** A place of its own for one case, and mgr in it. */
class Place {
  constructor(name, url) {
    this.dir = join(root, name.replaceAll(/[^a-z0-9]+/gi, "-"));
    this.home = join(this.dir, "home");
    this.work = join(this.dir, "work");
    this.mgrHome = join(this.dir, "mgr");
    this.tasks = [];
    for (const dir of [join(this.home, "tmp"), join(this.home, ".codex"), join(this.home, ".gemini"), this.work]) {
      mkdirSync(dir, { recursive: true });
    }
    this.configureCodex(url);
    writeFileSync(join(this.home, ".gemini/settings.json"), JSON.stringify(GEMINI_SETTINGS));
    this.env = {
      PATH: [join(cliDir, "bin"), dirname(process.execPath), "/usr/local/bin", "/usr/bin", "/bin"].join(":"),
      HOME: this.home,
      TMPDIR: join(this.home, "tmp"),
      LANG: "C.UTF-8",
      MGR_HOME: this.mgrHome,
      HTTP_PROXY: url,
      HTTPS_PROXY: url,
      NO_PROXY: "127.0.0.1",
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_API_KEY: "scripted",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      CODEX_API_KEY: "scripted",
      GEMINI_API_KEY: "scripted",
      GOOGLE_GEMINI_BASE_URL: url,
      OPENAI_API_KEY: "scripted",
      OPENAI_BASE_URL: `${url}/v1`,
    };
  }

  configureCodex(url) {
    writeFileSync(join(this.home, ".codex/config.toml"), codexConfig(url));
  }

  /** Runs mgr; throws unless it ends with one of `codes`. Returns its JSON, if it prints any. */
  async mgr(args, { codes = [0], stdin = "", env = this.env, limit = 120 } = {}) {
    const run = await runProgram(mgrPath, args, { cwd: this.work, env, stdin, limit });
    if (!codes.includes(run.code)) {
      throw new Error(`\`mgr ${args.join(" ").slice(0, 200)}\` exits ${run.code ?? run.signal} after ${run.seconds.toFixed(1)} s\n${run.out}${run.err}`);
    }
    let json;
    try {
      json = JSON.parse(run.out);
    } catch {}
    return { ...run, json };
  }

  async submit(agent, prompt, { posture = "full", flags = [], env } = {}) {
    const all = ["submit", "--json", `--backend=${agent}`, `--posture=${posture}`, ...(AGENTS[agent]?.flags ?? []), ...flags, "-"];
    const { json } = await this.mgr(all, { stdin: prompt, env });
    this.tasks.push(json.task_id);
    return json.task_id;
  }

  async send(task, text, options = {}) {
    const { json } = await this.mgr(["send", "--json", task, text], options);
    this.tasks.push(json.task_id);
    return json.task_id;
  }

  async status(task) {
    return (await this.mgr(["status", "--json", task])).json;
  }

  /** Waits for the end and returns the task. */
  async end(task, limit = 60) {
    const { json } = await this.mgr(["watch", "--json", task, `--timeout=${limit}s`], { codes: [0, 1, 3, 4, 5, 8], limit: limit + 20 });
    if (json.timed_out) throw new Error(`task ${task} goes on after ${limit} s`);
    return this.status(task);
  }

  async answer(task) {
    return (await this.mgr(["output", "--json", task])).json.output;
  }

  /** Runs a task to its end. */
  async run(agent, prompt, options = {}) {
    const id = await this.submit(agent, prompt, options);
    const task = await this.end(id, options.limit);
    return { ...task, output: await this.answer(id) };
  }

  file(name) {
    const path = join(this.work, name);
    return existsSync(path) ? readFileSync(path, "utf8") : undefined;
  }

  /** Says all that is known about the tasks of a failed case. */
  async report() {
    const lines = [];
    for (const task of this.tasks) {
      const status = await runProgram(mgrPath, ["status", task], { cwd: this.work, env: this.env, limit: 20 });
      const stderr = await runProgram(mgrPath, ["output", "--stderr", task], { cwd: this.work, env: this.env, limit: 20 });
      const raw = await runProgram(mgrPath, ["output", "--raw", task], { cwd: this.work, env: this.env, limit: 20 });
      lines.push(`--- mgr status ${task}`, status.out + status.err, "--- stderr", tail(stderr.out, 15), "--- stdout", tail(raw.out, 6));
    }
    return lines.join("\n");
  }
}

const codexConfig = (url) => `model = "gpt-5.5"
model_provider = "scripted"
[model_providers.scripted]
name = "scripted"
base_url = "${url}/v1"
env_key = "CODEX_API_KEY"
wire_api = "responses"
[features]
plugins = false
[analytics]
enabled = false
`;

const GEMINI_SETTINGS = {
  general: { enableAutoUpdate: false },
  privacy: { usageStatisticsEnabled: false },
  security: { auth: { selectedType: "gemini-api-key" } },
};

/** Runs a program to its end, or kills it after `limit` seconds. */
function runProgram(program, args, { cwd, env, stdin = "", limit = 120 }) {
  return new Promise((resolve, reject) => {
    const began = Date.now();
    const child = spawn(program, args, { cwd, env, stdio: ["pipe", "pipe", "pipe"] });
    const run = { out: "", err: "" };
    const timer = setTimeoutOf(() => child.kill("SIGKILL"), limit * 1000);
    child.stdout.on("data", (data) => (run.out += data));
    child.stderr.on("data", (data) => (run.err += data));
    child.stdin.on("error", () => {});
    child.stdin.end(stdin);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ ...run, code, signal, seconds: (Date.now() - began) / 1000 });
    });
  });
}
const setTimeoutOf = globalThis.setTimeout;

async function until(what, limit, condition) {
  const deadline = Date.now() + limit * 1000;
  let last;
  for (;;) {
    last = await condition();
    if (last) return last;
    if (Date.now() > deadline) throw new Error(`${what}: not so within ${limit} s`);
    await sleep(100);
  }
}

const tail = (text, lines) => text.trimEnd().split("\n").slice(-lines).map((line) => line.slice(0, 600)).join("\n");

/** Ids of processes whose environment has `needle`. */
function processesWith(needle) {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, "latin1").includes(needle);
    } catch {
      return false;
    }
  });
}

/** Whether a process lives; a zombie does not. */
function isAlive(pid) {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

const requests = () =>
  existsSync(requestLog) ? readFileSync(requestLog, "utf8").trimEnd().split("\n").filter(Boolean).map((line) => JSON.parse(line)) : [];

// --- Checks that many cases share -----------------------------------------------------------------

function isDone(task) {
  assert.equal(task.status, "done", `status ${task.status}: ${JSON.stringify(task.failure)}`);
  assert.equal(task.health, "done");
  assert.equal(task.failure, undefined);
}

function hasFailed(task, categories, seconds) {
  assert.equal(task.status, "failed");
  assert.ok(categories.includes(task.failure?.category), `category ${JSON.stringify(task.failure)}, expected ${categories}`);
  assert.ok(task.failure.message, "a failure has a message");
  if (seconds) assert.ok(task.elapsed_s < seconds, `took ${task.elapsed_s} s, allowed are ${seconds}`);
}

/** What a process was started as. */
const commandOf = (pid) => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ");
  } catch {
    return "gone by now";
  }
};

/** Nothing that carries the task's cookie is left: `cancel` returns no sooner. */
function leftNothing(task) {
  const left = processesWith(`MGR_COOKIE=${task}.`).map((pid) => `${pid} ${commandOf(pid)}`);
  assert.deepEqual(left, [], "processes with the task's cookie are left");
}

/** As after `cancel`, but the keeper of a task that ended by itself is gone a moment after it has told the end. */
async function leavesNothing(task) {
  await until("the keeper is gone", 10, () => keepersOf(task).length === 0);
  leftNothing(task);
}

/** Waits until the long tool has left its stray child; returns the child's id. */
async function strayOf(place) {
  const pid = await until("stray.pid is written", 40, () => place.file("stray.pid")?.trim());
  assert.ok(isAlive(pid), "the stray child lives while the tool runs");
  return pid;
}

// --- The cases ------------------------------------------------------------------------------------

const cases = [];
/** `weight` is about how many seconds it takes: the long ones start first. */
const add = (name, weight, run) => cases.push({ name, weight, run });

class Skipped extends Error {}

for (const agent of [...CLIS, "gpt"]) {
  const facts = AGENTS[agent];

  add(`${agent} plain`, 6, async (place) => {
    const task = await place.run(agent, "[[scenario:plain]] say hello");
    isDone(task);
    assert.equal(task.output, "Hello from the scripted model.");
    assert.deepEqual(task.usage, { cache_read: 0, cache_write: 0, ...facts.tokens });
    assert.ok(task.session_id, "it has a session id");
    if (facts.model) assert.match(task.actual_model ?? "", facts.model);
    assert.equal(task.attempts.length, 1);
    await leavesNothing(task.task_id);
  });

  add(`${agent} follow-up`, 10, async (place) => {
    const first = await place.run(agent, "[[scenario:followup]] count");
    isDone(first);
    assert.equal(first.output, "I see 1 user turns.");
    const second = await place.end(await place.send(first.task_id, "go on"));
    isDone(second);
    assert.equal(await place.answer(second.task_id), "I see 2 user turns.");
    assert.equal(second.lineage.continues, first.task_id);
    if (agent !== "gpt") assert.equal(second.session_id, first.session_id);
    assert.deepEqual(second.usage, first.usage, "each turn counts its own tokens");
  });

  add(`${agent} a failed check goes back`, 12, async (place) => {
    // Fails once, whatever the agent does: what counts here is that the conversation hears of it.
    const check = "test -e seen || { touch seen; echo not yet; exit 3; }";
    const task = await place.run(agent, "[[scenario:followup]] count", { flags: ["--verify", check, "--verify-retries=1"] });
    isDone(task);
    assert.equal(task.output, "I see 2 user turns.");
    const [first, second] = task.attempts;
    assert.deepEqual([task.attempts.length, second.reason, second.repair_of], [2, "repair", 1]);
    if (agent !== "gpt") assert.equal(second.session_id, first.session_id);
    const { input, output } = facts.tokens;
    assert.deepEqual(task.usage, { cache_read: 0, cache_write: 0, input: 2 * input, output: 2 * output });
  });

  add(`${agent} 401 fails fast`, 8, async (place) => {
    hasFailed(await place.run(agent, "[[scenario:e401]] try"), ["auth"], facts.limit);
  });

  add(`${agent} 429, then good`, 10, async (place) => {
    const task = await place.run(agent, "[[scenario:e429-then-ok]] try again");
    isDone(task);
    assert.equal(task.output, "The limit is over.");
  });

  add(`${agent} 300 kB prompt`, 8, async (place) => {
    const prompt = `[[scenario:echo-size]] ${"x".repeat(300_000)}`;
    const sha256 = createHash("sha256").update(prompt).digest("hex");
    const task = await place.run(agent, prompt);
    isDone(task);
    assert.equal(task.output, `The prompt has ${prompt.length} bytes and sha256 ${sha256}.`);
  });
}

for (const agent of CLIS) {
  const facts = AGENTS[agent];

  add(`${agent} writes a file`, 8, async (place) => {
    const task = await place.run(agent, "[[scenario:write]] write the file");
    isDone(task);
    assert.equal(place.file("written.txt"), "written by the model\n");
    assert.equal(task.files_changed?.length, 1);
    assert.match(task.files_changed[0], /(^|\/)written\.txt$/);
    assert.equal(task.output, "I wrote written.txt.");
  });

  add(`${agent} 20 s tool`, 28, async (place) => {
    const id = await place.submit(agent, "[[scenario:shell20]] run it");
    const during = await until("a tool runs", 30, async () => {
      const task = await place.status(id);
      return task.active_tool_running && task;
    });
    await until("health running_long_tool", 20, async () => (await place.status(id)).health === "running_long_tool");
    assert.match(during.current_step ?? "", /node -e/);
    const task = await place.end(id);
    isDone(task);
    assert.equal(task.active_tool_running, false);
    assert.equal(place.file("slept.txt"), "slept\n");
  });

  add(`${agent} stream cut once`, 12, async (place) => {
    const task = await place.run(agent, "[[scenario:cut-once]] say it");
    if (facts.cutOnce === "failed") return hasFailed(task, ["network", "protocol"]);
    isDone(task);
    assert.equal(task.output, "Complete at the second try.");
  });

  add(`${agent} stream cut always`, 12, async (place) => {
    hasFailed(await place.run(agent, "[[scenario:cut-always]] say it"), ["network", "protocol"], 40);
  });

  add(`${agent} cancel in mid-tool`, 20, async (place) => {
    const id = await place.submit(agent, "[[scenario:long-tool]] run it");
    const stray = await strayOf(place);
    const { json, seconds } = await place.mgr(["cancel", "--json", id, "--grace=3s"]);
    assert.equal(json.tasks[0].status, "cancelled");
    leftNothing(id);
    assert.ok(!isAlive(stray), "the stray child is dead when cancel returns");
    assert.ok(seconds < 12, `cancel took ${seconds} s`);
    const task = await place.status(id);
    assert.equal(task.status, "cancelled");
    assert.equal(place.file("over.txt"), undefined);
  });

  add(`${agent} two at once`, 10, async (place) => {
    const ids = [];
    for (const which of [1, 2]) ids.push(await place.submit(agent, `[[scenario:slow-model id=${which}]] number ${which}`, { flags: ["--share"] }));
    const tasks = await Promise.all(ids.map((id) => place.end(id)));
    tasks.forEach(isDone);
    const [first, second] = tasks;
    assert.notEqual(first.session_id, second.session_id);
    assert.ok(first.started_at < second.finished_at && second.started_at < first.finished_at, "they ran side by side");
  });

  add(`${agent} keeper killed in mid-tool`, 30, async (place) => {
    const id = await place.submit(agent, "[[scenario:shell20]] run it");
    await until("a tool runs", 30, async () => (await place.status(id)).active_tool_running);
    const keepers = keepersOf(id);
    assert.equal(keepers.length, 1, "there is one keeper");
    process.kill(Number(keepers[0]), "SIGKILL");
    const task = await place.end(id);
    isDone(task);
    assert.equal(task.attempts.length, 1, "it did not start again");
    assert.equal(task.attempts[0].supervision, "adopted");
    assert.equal(await place.answer(id), "The command is over.");
    assert.equal(place.file("slept.txt"), "slept\n");
  });

  add(`${agent} read_only does not write`, 8, async (place) => {
    const task = await place.run(agent, "[[scenario:write-and-shell]] try", { posture: "read_only" });
    assert.equal(place.file("written.txt"), undefined, "the file tool wrote");
    assert.equal(place.file("shelled.txt"), undefined, "the shell wrote");
    assert.ok(["done", "failed"].includes(task.status), task.status);
  });

  add(`${agent} edit writes`, 8, async (place) => {
    await needsSandbox(agent, place);
    const task = await place.run(agent, "[[scenario:write]] write the file", { posture: "edit" });
    isDone(task);
    assert.equal(place.file("written.txt"), "written by the model\n");
  });

  add(`${agent} environment`, 8, async (place) => {
    const env = { ...place.env, FAKE_SECRET: "hunter2", CALLERS_OWN: "hunter2", CLAUDECODE: "1", CLAUDE_CODE_ENTRYPOINT: "outer", AI_AGENT: "outer", GITHUB_TOKEN: "hunter2" };
    const task = await place.run(agent, "[[scenario:env]] show", { env });
    isDone(task);
    const seen = place.file("agent-env.txt");
    assert.match(seen, /^PATH=/m);
    assert.doesNotMatch(seen, /hunter2|FAKE_SECRET|GITHUB_TOKEN/, "a secret of the caller is in the agent's shell");
    // Claude Code sets its own marks for its shells: what matters is that they are not the caller's.
    assert.doesNotMatch(seen, /=outer$/m, "marks of the outer agent are in the agent's shell");
    if (agent !== "claude_code") assert.doesNotMatch(seen, /^CLAUDECODE=/m);
  });

  add(`${agent} nothing listens`, 30, async (place) => {
    const url = `http://127.0.0.1:${await deadPort()}`;
    place.configureCodex(url);
    place.env = { ...place.env, ANTHROPIC_BASE_URL: url, GOOGLE_GEMINI_BASE_URL: url };
    if (agent === "gemini") return cancelInRetries(place);
    hasFailed(await place.run(agent, "[[scenario:plain]] hello", { limit: 90 }), ["network"], 60);
  });

  add(`${agent} without a key`, 8, async (place) => {
    const { ANTHROPIC_API_KEY, CODEX_API_KEY, GEMINI_API_KEY, OPENAI_API_KEY, ...env } = place.env;
    place.env = env;
    hasFailed(await place.run(agent, "[[scenario:plain]] hello"), ["auth"], 20);
  });
}

// --- Taking back and bringing in what an agent did --------------------------------------------------

/** Makes the workspace a git repository with files of a user, some committed, some not, one ignored. */
async function makeProject(place) {
  const git = async (...args) => {
    const run = await runProgram("git", ["-c", "user.name=u", "-c", "user.email=u@example.org", ...args], { cwd: place.work, env: place.env });
    assert.equal(run.code, 0, `git ${args[0]}: ${run.err}`);
  };
  const write = (name, text) => writeFileSync(join(place.work, name), text);
  mkdirSync(join(place.work, "src"));
  write(".gitignore", ".env\n");
  write("notes.txt", "first\nsecond\n");
  write("src/old.txt", "old\n");
  write("run.sh", "#!/bin/sh\n");
  await git("init", "--quiet");
  await git("add", "--all");
  await git("commit", "--quiet", "--message=begin");
  write("notes.txt", "first\nsecond\nnot committed\n");
  write("untracked.bin", Buffer.from([0, 255, 10, 13]));
  write(".env", "KEY=secret\n");
}

/** Everything below a directory except `.git`: type, mode and content of each path. */
function tree(dir, prefix = "") {
  return readdirSync(join(dir, prefix)).filter((name) => name !== ".git").sort().flatMap((name) => {
    const path = join(prefix, name);
    const stat = lstatSync(join(dir, path));
    const mode = (stat.mode & 0o7777).toString(8);
    if (stat.isSymbolicLink()) return [`${path} -> ${readlinkSync(join(dir, path))}`];
    if (stat.isDirectory()) return [`${path}/ ${mode}`, ...tree(dir, path)];
    return [`${path} ${mode} ${createHash("sha256").update(readFileSync(join(dir, path))).digest("hex")}`];
  });
}

/** What `change-files` does, as `mgr diff` has to tell it. */
const CHANGES = {
  "link": "created", "made": "created", "made/empty": "created", "notes.txt": "modified", "run.sh": "mode",
  "shelled.txt": "created", "src/old.txt": "deleted", "written.txt": "created",
};

async function changesOf(place, task) {
  const { json } = await place.mgr(["diff", "--json", task]);
  return Object.fromEntries(json.files.map(({ path, kind }) => [path, kind]));
}

for (const agent of ["claude_code", "codex"]) {
  add(`${agent} diff, rollback, undo`, 12, async (place) => {
    await makeProject(place);
    const before = tree(place.work);
    const task = await place.run(agent, "[[scenario:change-files]] change them");
    isDone(task);
    const after = tree(place.work);
    assert.deepEqual(await changesOf(place, task.task_id), CHANGES);
    const { out: patch } = await place.mgr(["diff", task.task_id]);
    assert.match(patch, /^\+a line of the agent$/m);
    const { json: look } = await place.mgr(["rollback", "--json", "--dry-run", task.task_id]);
    assert.deepEqual(look.conflicts, []);
    assert.deepEqual(tree(place.work), after, "a dry run changes nothing");
    await place.mgr(["rollback", task.task_id]);
    assert.deepEqual(tree(place.work), before, "everything is as it was before the agent");
    await place.mgr(["rollback", "--undo", task.task_id]);
    assert.deepEqual(tree(place.work), after, "everything is as the agent left it");
  });
}

add("claude_code isolated, then applied", 14, async (place) => {
  await makeProject(place);
  const before = tree(place.work);
  const task = await place.run("claude_code", "[[scenario:change-files]] change them", { flags: ["--isolate=worktree"] });
  isDone(task);
  assert.deepEqual(tree(place.work), before, "the workspace is not touched by an isolated task");
  assert.deepEqual(await changesOf(place, task.task_id), CHANGES);
  // Somebody goes on in the meantime, at another place of the same file.
  writeFileSync(join(place.work, "notes.txt"), "zeroth\nfirst\nsecond\nnot committed\n");
  const { json } = await place.mgr(["apply", "--json", task.task_id]);
  assert.deepEqual(json.conflicts, []);
  assert.deepEqual(json.merged, ["notes.txt"]);
  assert.equal(place.file("notes.txt"), "zeroth\nfirst\nsecond\nnot committed\na line of the agent\n");
  assert.equal(place.file("written.txt"), "written by the model\n");
  assert.equal(place.file("src/old.txt"), undefined);
  await place.mgr(["apply", "--undo", task.task_id]);
  writeFileSync(join(place.work, "notes.txt"), "first\nsecond\nnot committed\n");
  assert.deepEqual(tree(place.work), before);
});

/** The requests that one conversation made, told by what the user said first in it or said now. */
const spoken = (vendor, words) =>
  requests().filter((one) => one.event === "request" && one.vendor === vendor && one.prompt_head?.includes(words));

add("three agents in a workflow, a failed check goes back to the same conversation", 25, async (place) => {
  const { json } = await place.mgr(["workflow", "run", "--json", join(here, "three-agents.yaml")]);
  const { run } = json;
  const steps = Object.fromEntries(run.steps.map((step) => [step.id, step]));
  place.tasks.push(...run.steps.map(({ task_id }) => task_id).filter(Boolean));
  assert.equal(run.status, "done", JSON.stringify(run.steps));
  const tasks = {};
  for (const id of ["write", "read", "review"]) isDone((tasks[id] = await place.status(steps[id].task_id)));
  assert.deepEqual([tasks.write.backend, tasks.read.backend, tasks.review.backend], CLIS);

  // The first attempt failed its check; the second went on in the same conversation and mended it.
  const [first, second] = tasks.write.attempts;
  assert.equal(tasks.write.attempts.length, 2);
  assert.deepEqual([first.failure.category, first.checks[0].verdict, first.checks[0].exit_code], ["verification", "failed", 4]);
  assert.deepEqual([second.reason, second.repair_of, second.checks[0].verdict], ["repair", 1, "passed"]);
  assert.ok(first.session_id, "the agent told its conversation");
  assert.equal(second.session_id, first.session_id);
  assert.equal(tasks.write.verification, "passed");
  assert.equal(place.file("greeting.txt"), "a polite hello\n");
  assert.equal(await place.answer(steps.write.task_id), "I mended it in user turn 2.");

  // What the model saw: the check's output, as the second thing that the user said in that conversation.
  const told = spoken("anthropic", "greeting.txt: the word polite is missing");
  assert.ok(told.length > 0, "the output of the check reached the model");
  for (const one of told) {
    assert.equal(one.session, first.session_id);
    assert.equal(one.user_turns, 2);
    assert.match(one.prompt_head, /ended with exit code 4/);
  }
  const { json: explained } = await place.mgr(["explain", "--json", steps.write.task_id]);
  assert.match(explained.tasks[0].text, /failed once and was repaired in the same conversation\./);

  // The second agent was given what the first said and did, the third what the second said.
  const [read] = spoken("openai", "[[scenario:read]]");
  assert.match(read.prompt_head, /I mended it in user turn 2\./);
  assert.match(read.prompt_head, /^\+a polite hello$/m);
  assert.doesNotMatch(read.prompt_head, /^\+hello$/m);
  assert.equal(await place.answer(steps.read.task_id), "A greeting was written and mended; I see 1 user turns.");
  const [review] = spoken("gemini", "[[scenario:review]]");
  assert.match(review.prompt_head, /A greeting was written and mended/);
  assert.equal(run.outputs.verdict, "Approved: the greeting is polite.");

  const { out: report } = await place.mgr(["workflow", "report", run.workflow_id]);
  for (const agent of CLIS) assert.ok(report.includes(agent), `the report names ${agent}`);
  assert.match(report, /failed once and was repaired in the same conversation\./);
  assert.match(report, /Approved: the greeting is polite\./);
  for (const { task_id } of run.steps) await leavesNothing(task_id);
});

/** Gemini tries again for more than 3 minutes, with words on stderr only: what counts is that it can be ended. */
async function cancelInRetries(place) {
  const id = await place.submit("gemini", "[[scenario:plain]] hello");
  await until("it tries again", 40, async () => /Attempt 1 failed/.test((await place.mgr(["output", "--stderr", id])).out));
  assert.equal((await place.status(id)).status, "running");
  const { json } = await place.mgr(["cancel", "--json", id]);
  assert.equal(json.tasks[0].status, "cancelled");
  leftNothing(id);
}

/** Processes of mgr that keep an attempt of the task. */
const keepersOf = (task) => processesWith(`MGR_COOKIE=${task}.`).filter((pid) => commandOf(pid).split(" ")[1] === "__keep");

/** Codex has no hands where its sandbox cannot be made, as in many containers. */
async function needsSandbox(agent, place) {
  if (agent !== "codex") return;
  const run = await runProgram(join(cliDir, "bin/codex"), ["sandbox", "--", "true"], { cwd: place.work, env: place.env, limit: 30 });
  if (run.code !== 0) throw new Skipped("codex cannot make its sandbox on this machine");
}

/** A port on which nothing listens. */
function deadPort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

add("claude_code absent: submit exits 8 at once", 1, async (place) => {
  const env = { ...place.env, PATH: "/usr/bin:/bin" };
  const run = await place.mgr(["submit", "-b", "claude_code", "x"], { codes: [8], env });
  assert.ok(run.seconds < 5, `it took ${run.seconds} s`);
  assert.match(run.err, /npm install -g @anthropic-ai\/claude-code/);
});

add("gpt without a key: submit exits 8 at once", 1, async (place) => {
  const { OPENAI_API_KEY, ...env } = place.env;
  const run = await place.mgr(["submit", "-b", "gpt", "x"], { codes: [8], env });
  assert.match(run.err, /OPENAI_API_KEY/);
});

add("codex logged out, nothing listens", 30, async (place) => {
  const url = `http://127.0.0.1:${await deadPort()}/v1`;
  writeFileSync(join(place.home, ".codex/config.toml"), `model = "gpt-5.5"\nopenai_base_url = "${url}"\n[features]\nplugins = false\n[analytics]\nenabled = false\n`);
  const { CODEX_API_KEY, OPENAI_API_KEY, ...env } = place.env;
  place.env = env;
  hasFailed(await place.run("codex", "hello", { limit: 90 }), ["auth", "network"], 60);
});

add("gpt nothing listens", 20, async (place) => {
  place.env = { ...place.env, OPENAI_BASE_URL: `http://127.0.0.1:${await deadPort()}/v1` };
  hasFailed(await place.run("gpt", "hello"), ["network"], 40);
});

add("doctor with keys", 6, async (place) => {
  const { json, seconds } = await place.mgr(["doctor", "--json"]);
  const versions = JSON.parse(readFileSync(join(here, "versions.json"), "utf8"));
  for (const [agent, name] of [["claude_code", "@anthropic-ai/claude-code"], ["codex", "@openai/codex"], ["gemini", "@google/gemini-cli"]]) {
    const finding = json.findings.find(({ subject }) => subject === agent);
    assert.equal(finding.level, "good", JSON.stringify(finding));
    assert.ok(finding.message.includes(versions[name]), JSON.stringify(finding));
  }
  assert.equal(json.healthy, true);
  assert.ok(seconds < 20, `it took ${seconds} s`);
});

add("doctor without keys", 6, async (place) => {
  const { ANTHROPIC_API_KEY, CODEX_API_KEY, GEMINI_API_KEY, OPENAI_API_KEY, ...env } = place.env;
  const { json } = await place.mgr(["doctor", "--json"], { env });
  for (const [agent, hint] of [["claude_code", /ANTHROPIC_API_KEY/], ["codex", /codex login/], ["gpt", /OPENAI_API_KEY/]]) {
    const finding = json.findings.find(({ subject }) => subject === agent);
    assert.equal(finding.level, "note", JSON.stringify(finding));
    assert.match(finding.message, /not logged in/);
    assert.match(finding.hint, hint);
  }
});

add("claude as a client of mgr mcp", 10, async (place) => {
  const config = { mcpServers: { mgr: { command: mgrPath, args: ["mcp"], env: { MGR_HOME: place.mgrHome } } } };
  const flags = ["-p", "--output-format=stream-json", "--verbose", "--setting-sources=", "--strict-mcp-config",
    "--permission-mode=bypassPermissions", `--mcp-config=${JSON.stringify(config)}`];
  const env = { ...place.env, IS_SANDBOX: "1", DISABLE_AUTOUPDATER: "1" };
  const stdin = `[[scenario:mcp-submit-watch cwd=${place.work}]] delegate it`;
  const run = await runProgram(join(cliDir, "bin/claude"), flags, { cwd: place.work, env, stdin, limit: 60 });
  const events = run.out.trimEnd().split("\n").map((line) => JSON.parse(line));
  const result = events.findLast(({ type }) => type === "result");
  assert.equal(result?.is_error, false, tail(run.out + run.err, 5));
  const { json } = await place.mgr(["list", "--json"]);
  assert.equal(json.tasks.length, 1, "one task was submitted");
  const [task] = json.tasks;
  place.tasks.push(task.task_id);
  assert.equal(task.status, "done");
  assert.ok(result.result.startsWith("The watch said:") && result.result.includes(task.task_id), result.result);
});

// --- Running them ---------------------------------------------------------------------------------

async function startServer() {
  const server = spawn(process.execPath, [join(here, "model-server.mjs"), "--log", requestLog], { stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise((resolve) => server.stdout.once("data", resolve));
  return { server, url: `http://127.0.0.1:${JSON.parse(line).port}` };
}

async function runCase({ name, run }, url) {
  const place = new Place(name, url);
  const began = Date.now();
  const seconds = () => `${((Date.now() - began) / 1000).toFixed(1)} s`;
  try {
    await run(place);
    console.log(`ok      ${name} (${seconds()})`);
    return "passed";
  } catch (error) {
    if (error instanceof Skipped) {
      console.log(`SKIPPED ${name}: ${error.message}`);
      return "skipped";
    }
    const about = error instanceof assert.AssertionError || error.constructor === Error ? error.message : error.stack;
    console.log(`FAILED  ${name} (${seconds()}): ${about}\n${await place.report()}`);
    return "failed";
  } finally {
    sweep(place.dir);
  }
}

/** Ends what a case has left behind: ours is what has its directory in the environment. */
function sweep(dir) {
  for (const pid of processesWith(`MGR_HOME=${dir}/`)) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {}
  }
}

console.log(`${mgrPath} with the CLIs in ${cliDir}`);
const { server, url } = await startServer();
process.on("exit", () => {
  server.kill();
  sweep(root);
  if (!process.env.E2E_KEEP) rmSync(root, { recursive: true, force: true, maxRetries: 5 });
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

const began = Date.now();
const waiting = cases.filter(({ name }) => !pattern || new RegExp(pattern).test(name)).sort((a, b) => b.weight - a.weight);
const counts = { passed: 0, failed: 0, skipped: 0 };
async function worker() {
  for (let one = waiting.shift(); one; one = waiting.shift()) counts[await runCase(one, url)] += 1;
}
await Promise.all(Array.from({ length: AT_ONCE }, worker));

const outbound = requests().filter(({ event }) => event === "outbound");
if (outbound.length > 0) {
  console.log(`FAILED  an agent tried to leave the machine: ${[...new Set(outbound.map(({ to }) => to))].join(", ")}`);
  counts.failed += 1;
}
if (counts.failed > 0) console.log(`--- last requests\n${tail(requests().map((line) => JSON.stringify(line)).join("\n"), 15)}`);
console.log(`${((Date.now() - began) / 1000).toFixed(0)} s`);
if (counts.skipped > 0) console.log(`${counts.skipped} SKIPPED`);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
// The server would keep this process alive.
process.exit(counts.failed > 0 ? 1 : 0);
