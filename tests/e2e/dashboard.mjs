// The dashboard's page as a person uses it: the real page from a real `mgr dashboard serve`, in jsdom.
//
// How it works: jsdom has no ES modules, so they are fetched from the server and linked in the window's own realm
// (`vm.SourceTextModule`, behind `--experimental-vm-modules`). It has no fetch either: the page gets Node's, which
// streams; requests are as a browser's but for the headers that only a browser sends. Layout, colours and focus rings
// are not tested. Each case is a function that throws where something is not as it should be; they share one server, as
// tabs do.
//
// usage: node --no-warnings --experimental-vm-modules dashboard.mjs MGR DIR [PATTERN]
//        (DIR: where install.sh has put jsdom)
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import vm from "node:vm";

const [mgr, dir] = process.argv.slice(2, 4).map((path) => resolve(path));
const pattern = new RegExp(process.argv[4] ?? "");
const { JSDOM, VirtualConsole } = createRequire(join(dir, "package.json"))("jsdom");

const DEADLINE_MS = 30_000;
const root = realpathSync(mkdtempSync(join(tmpdir(), "mgr-page-")));
const work = join(root, "work");
mkdirSync(work);
const env = { PATH: process.env.PATH, HOME: root, MGR_HOME: join(root, "mgr"), LANG: "C.UTF-8" };

// --- mgr ------------------------------------------------------------------------------------------

const command = (...args) =>
  new Promise((done, fail) => {
    execFile(mgr, args, { cwd: work, env, maxBuffer: 1 << 24 }, (error, out, err) =>
      typeof error?.code === "string" ? fail(error) : done({ code: error?.code ?? 0, out, err }),
    );
  });

async function json(...args) {
  const { out, err } = await command(...args, "--json");
  try {
    return JSON.parse(out);
  } catch {
    throw new Error(`\`mgr ${args.join(" ")}\` prints no JSON: ${out}${err}`);
  }
}

/** Starts a workflow of this text and returns its id. */
async function started(name, text) {
  writeFileSync(join(work, `${name}.yaml`), text);
  return (await json("workflow", "run", `${name}.yaml`, "--detach")).workflow_id;
}

const runOf = async (id) => (await json("workflow", "status", id)).run;

async function until(what, look) {
  const began = Date.now();
  for (let last; ; await sleep(30)) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    if (Date.now() - began > DEADLINE_MS) throw new Error(`${what} does not come${last ? `: ${last.stack}` : ""}`);
  }
}

/** Serves in the foreground, so that its end is ours. */
async function serve(port = 0) {
  const child = spawn(mgr, ["dashboard", "serve", "--json", `--port=${port}`], {
    cwd: work,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stderr.resume();
  const link = await new Promise((done, fail) => {
    child.stdout.once("data", (line) => done(JSON.parse(line).url));
    child.once("exit", (code) => fail(new Error(`mgr dashboard serve ends with ${code}`)));
  });
  return { child, link };
}

const newLink = async () => (await json("dashboard", "--no-browser")).url;

// --- A tab ----------------------------------------------------------------------------------------

const tabs = [];

/** Opens a link as a browser does. What the page does wrong inside is an error of the case; `broken` is a path that fails. */
async function open(link, { session = {}, broken } = {}) {
  const html = await (await fetch(link)).text();
  const errors = [];
  const virtualConsole = new VirtualConsole();
  virtualConsole.on("jsdomError", (error) => errors.push(error));
  const dom = new JSDOM(html, { url: link, runScripts: "dangerously", pretendToBeVisual: true, virtualConsole });
  const { window } = dom;
  const asked = [];
  Object.assign(window, {
    async fetch(path, init) {
      asked.push({ path, init });
      return path === broken
        ? new Response('{"error":{"message":"the store is damaged","hints":["`mgr doctor` looks"]}}', { status: 500 })
        : fetch(new URL(path, window.location.href), init);
    },
    AbortController,
    TextDecoder,
    scrollTo: () => {},
  });
  for (const [key, value] of Object.entries(session)) window.sessionStorage.setItem(key, value);
  const tab = { dom, window, document: window.document, errors, asked, origin: new URL(link).origin };
  tabs.push(tab);
  await load(tab, dom.getInternalVMContext());
  return tab;
}

/** Links the page's modules as its script tag names them, and runs them. */
async function load(tab, context) {
  const modules = new Map();
  const one = async (url) => {
    const answer = await fetch(url);
    assert.equal(answer.status, 200, url);
    assert.match(answer.headers.get("content-security-policy"), /script-src 'self'/);
    return new vm.SourceTextModule(await answer.text(), { context, identifier: url });
  };
  const found = (url) => modules.get(url) ?? modules.set(url, one(url)).get(url);
  const entry = await found(
    new URL(tab.document.querySelector("script[type=module]").getAttribute("src"), tab.origin).href,
  );
  await entry.link((name, from) => found(new URL(name, from.identifier).href));
  await entry.evaluate();
}

/** Takes the key from a tab: the page rests then. (A closed window would still be at work, and without a document.) */
function leave(tab) {
  tab.window.fetch = async () => new Response("{}", { status: 401 });
  tab.document.dispatchEvent(new tab.window.Event("visibilitychange"));
}

const text = (tab) => tab.document.body.textContent;
const all = (tab, selector) => [...tab.document.querySelectorAll(selector)];
const card = (tab, id) => all(tab, ".card").find((one) => one.dataset.id === id);
const button = (within, label) => [...within.querySelectorAll("button")].find((one) => one.textContent === label);
const isOff = (one) => one.getAttribute("aria-disabled") === "true";

async function waitingCard(tab, id) {
  const found = await until(`the card ${id}`, () => card(tab, id));
  // A card takes no press in the moment in which it appears.
  await sleep(800);
  return found;
}

function press(tab, one) {
  assert.ok(one, `no such button in:\n${text(tab)}`);
  one.dispatchEvent(new tab.window.MouseEvent("click", { bubbles: true, cancelable: true }));
}

function type(tab, field, words) {
  field.value = words;
  field.dispatchEvent(new tab.window.Event("input", { bubbles: true }));
}

/** Says what of a page came from data instead of from us. */
function intruders(tab) {
  const tags = new Set(
    "a article aside b body button code dd details div dl dt footer h1 h2 h3 h4 h5 h6 head header html i kbd label li link main meta nav noscript ol option p path pre section select span strong summary svg table tbody td textarea th thead time title tr ul input".split(
      " ",
    ),
  );
  const strange = (one) =>
    !tags.has(one.localName) && !(one.localName === "script" && one.getAttribute("src") === "/app.js");
  const acts = (one) =>
    [...one.attributes].some(
      ({ name, value }) =>
        name.startsWith("on") ||
        name === "style" ||
        (name === "href" && one.localName === "a" && !value.startsWith("#")),
    );
  return all(tab, "*")
    .filter((one) => strange(one) || acts(one))
    .map((one) => one.outerHTML);
}

// --- Cases ----------------------------------------------------------------------------------------

const SHIP = `
name: ship it
steps:
  - {id: make, kind: command, shell: true, run: 'echo one > NAME.txt; printf made'}
  - {id: ship, kind: approval, needs: [make], message: 'Ship what {{ steps.make.output }}?'}
  - {id: tag, kind: command, needs: [ship], shell: true, run: 'cat NAME.txt >> NAME.shipped'}
`;

const cases = {
  async "an approval is seen and given, and the run goes on because of it"() {
    const id = await started("approve", SHIP.replaceAll("NAME", "approve"));
    const tab = await open(await newLink());
    assert.equal(tab.window.location.hash, "#/", "the code stays in the address");
    const one = await waitingCard(tab, `${id}/ship`);
    assert.match(one.textContent, /Ship what made\?/);
    assert.match(one.textContent, /approve\.txt/);
    assert.match(tab.document.title, /^\(1\) mgr$/);
    type(tab, one.querySelector("textarea"), "looks right");
    const { digest } = (await json("inbox")).items.find((item) => item.id === `${id}/ship`);
    press(tab, button(one, "Approve"));
    await until("the word on the card", () => /Approved/.test(one.textContent));
    assert.match(tab.document.getElementById("news").textContent, /Approved/);
    const sent = tab.asked.find(({ path }) => path === "/api/inbox_answer");
    assert.deepEqual(JSON.parse(sent.init.body), { id: `${id}/ship`, answer: "yes", digest, note: "looks right" });
    const run = await until("the end of the run", async () => {
      const run = await runOf(id);
      return run.status !== "running" && run;
    });
    assert.equal(run.status, "done");
    const { answer } = run.steps[1].approval;
    assert.deepEqual(
      [answer.approved, answer.by, answer.over, answer.note],
      [true, "person", "dashboard", "looks right"],
    );
    assert.equal(readFileSync(join(work, "approve.shipped"), "utf8"), "one\n");
  },

  async "a no ends the step"() {
    const id = await started("deny", SHIP.replaceAll("NAME", "deny"));
    const tab = await open(await newLink());
    const one = await waitingCard(tab, `${id}/ship`);
    press(tab, button(one, "Deny"));
    const run = await until("the end of the run", async () => {
      const run = await runOf(id);
      return run.status !== "running" && run;
    });
    assert.deepEqual([run.status, run.steps[1].approval.answer.approved], ["failed", false]);
  },

  async "what has changed since it was shown is refused, said, and to be looked at anew"() {
    const id = await started("stale", SHIP.replaceAll("NAME", "stale"));
    const tab = await open(await newLink());
    const one = await waitingCard(tab, `${id}/ship`);
    const shown = one.querySelector(".digest code").textContent;
    type(tab, one.querySelector("textarea"), "a note that stays");
    writeFileSync(join(work, "stale.txt"), "two\n");
    press(tab, button(one, "Approve"));
    await until("the notice", () => one.querySelector(".notice"));
    assert.match(one.querySelector(".notice").textContent, /Your answer was not taken: .*has changed: stale\.txt/);
    assert.ok(isOff(button(one, "Approve")) && isOff(button(one, "Deny")), "the buttons take a press");
    assert.equal(one.querySelector(".digest code").textContent, shown, "the card shows what nobody has looked at");
    // A press now says nothing to the server.
    const before = tab.asked.length;
    press(tab, button(one, "Approve"));
    assert.ok(!tab.asked.slice(before).some(({ path }) => path === "/api/inbox_answer"));
    press(tab, button(one, "Show it as it is now"));
    await until("the new digest", () => one.querySelector(".digest code").textContent !== shown);
    assert.match(one.textContent, /Edited by somebody else since: stale\.txt/);
    assert.equal(one.querySelector("textarea").value, "a note that stays");
    await sleep(800);
    press(tab, button(one, "Approve"));
    await until("the end", async () => (await runOf(id)).status === "done");
    assert.equal(readFileSync(join(work, "stale.shipped"), "utf8"), "two\n");
  },

  async "an answer that another page gives leaves the card where it is and takes its buttons away"() {
    const id = await started("elsewhere", SHIP.replaceAll("NAME", "elsewhere"));
    const tab = await open(await newLink());
    const one = await waitingCard(tab, `${id}/ship`);
    await command("answer", `${id}/ship`, "yes");
    await until("the word", () => /Does not wait any more/.test(one.textContent));
    assert.ok(one.isConnected && isOff(button(one, "Approve")));
  },

  async "a typed note and the focus survive every change"() {
    const id = await started("note", SHIP.replaceAll("NAME", "note"));
    const tab = await open(await newLink());
    const one = await waitingCard(tab, `${id}/ship`);
    const [field, approve] = [one.querySelector("textarea"), button(one, "Approve")];
    field.focus();
    type(tab, field, "half a thou");
    const other = await started("note-too", SHIP.replaceAll("NAME", "note-too"));
    await until("the second question", () => card(tab, `${other}/ship`));
    const task = await json("submit", "-b", "demo", "say: x");
    await until("the task", () => text(tab).includes(task.task_id.slice(0, 9)));
    assert.equal(card(tab, `${id}/ship`), one);
    assert.deepEqual([field.isConnected, field.value, tab.document.activeElement], [true, "half a thou", field]);
    assert.equal(button(one, "Approve"), approve);
    for (const run of [id, other]) await command("workflow", "cancel", run);
  },

  async "a budget that is spent says what its buttons do"() {
    const text =
      "name: dear\nbudget: $0.50\nsteps:\n  - {id: one, backend: demo, prompt: 'usage: input=1 output=1 cost=$0.60'}\n  - {id: two, needs: [one], backend: demo, prompt: 'say: x'}\n";
    const id = await started("budget", text);
    const tab = await open(await newLink());
    const one = await waitingCard(tab, `${id}/budget`);
    assert.deepEqual(
      [...one.querySelectorAll(".button")].map((each) => each.textContent),
      ["Allow the same amount once more", "Cancel the run"],
    );
    press(tab, button(one, "Cancel the run"));
    await until("the end", async () => (await runOf(id)).status === "cancelled");
  },

  async "an agent that asks gets its answer in its own conversation"() {
    const { task_id: id } = await json("submit", "-b", "demo", "fail: needs_input: Which of the two?");
    const tab = await open(await newLink());
    const one = await waitingCard(tab, id);
    assert.match(one.textContent, /Which of the two\?/);
    type(tab, one.querySelector("textarea"), "say: the first");
    press(tab, button(one, "Send"));
    await until("the next turn", async () =>
      (await json("list")).tasks.some((task) => task.prompt === "say: the first"),
    );
  },

  async "hostile words become text, and nothing else"() {
    const hostile =
      "<img src=x onerror=alert(1)></script><script>globalThis.pwned=1</script> \u001b[31mred\u001b[0m \u202elive\u202c <a href=javascript:alert(1)>x</a>";
    const { task_id: id } = await json(
      "submit",
      "-b",
      "demo",
      "--label",
      hostile,
      `write: <b>.txt: ${hostile}\nsay: ${hostile}`,
    );
    await command("watch", id);
    const run = await started(
      "hostile",
      `name: ${JSON.stringify(hostile)}\nsteps:\n  - {id: ask, kind: approval, message: ${JSON.stringify(hostile)}}\n`,
    );
    const tab = await open(await newLink());
    const one = await waitingCard(tab, `${run}/ask`);
    assert.match(one.textContent, /<img src=x onerror=alert\(1\)><\/script>/);
    const shown = (what) =>
      until(
        what,
        () =>
          text(tab).includes("‹U+202E›live‹U+202C›") && !text(tab).includes("\u001b") && !text(tab).includes("\u202e"),
      );
    for (const [hash, diff] of [["#/"], [`#/task/${id}`, "Show the diff"], [`#/run/${run}`], ["#/tasks"], ["#/runs"]]) {
      tab.window.location.hash = hash;
      await until(hash, () => all(tab, "h1").length === 1 && text(tab).includes("<img src=x onerror=alert(1)>"));
      await shown(hash);
      if (diff) {
        await until("the files", () => button(tab.document, diff));
        press(tab, button(tab.document, diff));
        await until("the patch", () => all(tab, ".d.add").some((line) => line.textContent.includes("<img src=x")));
      }
      assert.deepEqual(intruders(tab), [], hash);
    }
    assert.equal(tab.window.pwned, undefined);
    await command("workflow", "cancel", run);
  },

  async "a step stands under the outermost run that it is for, and is not told of twice"() {
    const id = await started(
      "outer",
      "name: outer run\nsteps:\n  - {id: first, kind: command, run: [echo, the-first-step]}\n  - id: in\n    kind: workflow\n    needs: [first]\n    workflow: {steps: [{id: deep, kind: command, run: [sleep, '600']}]}\n",
    );
    const tab = await open(await newLink());
    const names = (table) => all(tab, `.table[aria-label="${table}"] .what`).map((name) => name.textContent);
    await until("the run and its step", () => names("Live").join() === "outer run,in/deep");
    const of = all(tab, '.table[aria-label="Live"] .row').find((row) => row.textContent.includes("outer run"));
    assert.match(of.textContent, /1 of 2 steps: in\/deep/);
    assert.ok(!names("Recent").includes("first"));
    assert.ok(!tab.asked.some(({ path }) => path === "/api/workflow_status"));
    await command("workflow", "cancel", id);
    await until("the run among what has ended", () => names("Recent").includes("outer run"));
  },

  async "a task is cancelled by the second press, not by the first"() {
    const { task_id: id } = await json("submit", "-b", "demo", "--share", "say: begun\nsleep: 600s");
    const tab = await open(await newLink());
    tab.window.location.hash = `#/task/${id}`;
    await until("what it said", () => all(tab, ".log .event").some((line) => line.textContent.includes("begun")));
    press(tab, button(tab.document, "Cancel"));
    assert.equal(tab.document.activeElement.textContent, "No");
    assert.equal((await json("status", id)).status, "running");
    press(tab, button(tab.document, "Cancel the task"));
    await until("the end", async () => (await json("status", id)).status === "cancelled");
    await until("the word", () => button(tab.document, "Run again"));
  },

  async "without a key there is nothing to see"() {
    const { task_id: id } = await json("submit", "-b", "demo", "--label", "a secret label", "say: x");
    const link = await newLink();
    const locked = (tab) =>
      until("the lock", () => /This page is locked\. ?Type mgr dashboard in a terminal/.test(text(tab)));
    const bare = await open(link.split("#")[0]);
    await locked(bare);
    assert.deepEqual(bare.asked, []);
    // A code counts once; a key of another process does not count.
    await open(link);
    for (const tab of [
      await open(link),
      await open(link.split("#")[0], { session: { "mgr dashboard key": "0".repeat(64) } }),
    ]) {
      await locked(tab);
      assert.equal(tab.window.sessionStorage.length, 0);
      assert.ok(!text(tab).includes("a secret label") && !text(tab).includes(id.slice(0, 9)));
    }
  },

  async "nobody is told that nothing waits where that cannot be read"() {
    const tab = await open(await newLink(), { broken: "/api/inbox_list" });
    await until("the words", () =>
      /What waits for you cannot be read\.the store is damagedmgr doctor looks/.test(text(tab)),
    );
    assert.ok(!text(tab).includes("Nothing waits"));
    await until("the rest", () => all(tab, "h2").some((title) => title.textContent.startsWith("Live")));
  },

  async "a page outlives its server, and a new link opens it again"() {
    const { task_id: id } = await json("submit", "-b", "demo", "--label", "stays on show", "say: x");
    const tab = await open(await newLink());
    await until("the task", () => text(tab).includes("stays on show"));
    const port = new URL(tab.origin).port;
    server.child.kill("SIGINT");
    await until("the banner", () =>
      /mgr's dashboard has ended\. Tasks go on\./.test(tab.document.getElementById("banner").textContent),
    );
    assert.ok(text(tab).includes("stays on show"));
    server = await serve(port);
    const again = await open(server.link);
    await until("the task", () => text(again).includes(id.slice(0, 9)));
  },
};

// --- All of it ------------------------------------------------------------------------------------

let server = await serve();
const began = Date.now();
let failed = 0;
let passed = 0;
try {
  console.log(`the dashboard's page from ${mgr}`);
  for (const [name, run] of Object.entries(cases).filter(([name]) => pattern.test(name))) {
    const start = Date.now();
    const seconds = () => `${((Date.now() - start) / 1000).toFixed(1)} s`;
    try {
      await run();
      const errors = tabs.flatMap((tab) => tab.errors);
      if (errors.length > 0) throw errors[0];
      console.log(`ok      ${name} (${seconds()})`);
      passed += 1;
    } catch (error) {
      console.log(`FAILED  ${name} (${seconds()}): ${error.stack}`);
      failed += 1;
    }
    tabs.splice(0).forEach(leave);
  }
} finally {
  server.child.kill("SIGINT");
  const { tasks = [] } = await json("status").catch(() => ({}));
  if (tasks.length > 0) await command("cancel", ...tasks.map((task) => task.task_id));
  rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
console.log(`${((Date.now() - began) / 1000).toFixed(0)} s\n${passed} passed, ${failed} failed`);
// Tabs have timers of their own.
process.exit(failed > 0 ? 1 : 0);
