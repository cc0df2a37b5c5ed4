// The dashboard's page: its key, its way through the views, and how it stays up to date.
//
// How it runs: one place holds all that is known (`page`). `refresh` asks the server for what is visible, `show` brings
// the document to what is known. News from `/changes`, a press and the clock only ask for one of the two. What was
// typed and where the focus is lives in the document and is left alone (dom.js).

import { h, paint } from "./dom.js";
import { coded, heading, refusal } from "./parts.js";
import { newLog } from "./task.js";
import { VIEWS } from "./views.js";
import {
  SETTLES_MS,
  clip,
  coalesced,
  growingPause,
  hashOf,
  keepCards,
  lookAnew,
  oneLine,
  patchReader,
  plural,
  questionsOf,
  routeOf,
  streamReader,
  waitingCount,
} from "./words.js";

const KEY = "mgr dashboard key";
const VERSION = "mgr dashboard version";
/** A page that nobody sees only counts what waits. */
const HIDDEN_GAP_MS = 2000;
const GAP_MS = 250;
const LIVE_EVERY_MS = 5000;
/** Where nothing is live only the words for how long ago pass. */
const CALM_EVERY_S = 30;
/** Browsers open six connections to one place, for all of their tabs: those that nobody sees hold none, and ask. */
const HIDDEN_EVERY_MS = 15_000;
/** The server says something every 15 s; after so long without a word the line is dead. */
const SILENCE_MS = 40_000;
const MOST_DIFF = 200_000;
const DIFF_ROWS = 4000;
const MOST_KEPT = 30;

const page = {
  key: null,
  version: "",
  /** Whether the server takes the key; undecided at first. */
  isLocked: false,
  lockedWhy: "",
  isGone: false,
  hash: "",
  route: routeOf(""),
  at: 0,
  now: Date.now(),
  ui: { copied: null, ...nothingDone() },
  ...nothingKnown(),
};

const place = (id) => document.getElementById(id);
const view = () => VIEWS[page.route.name] ?? VIEWS.overview;

// --- The server -----------------------------------------------------------------------------------

class Locked extends Error {}
class Gone extends Error {}
class Refused extends Error {
  constructor(status, { message, hints = [] } = {}) {
    super(message ?? `the server answers ${status}`);
    this.status = status;
    this.hints = hints;
  }
}

const headers = () => ({ authorization: `Bearer ${page.key}`, "content-type": "application/json" });

/** Asks for an operation. Its answer is what `mgr … --json` prints. */
async function ask(tool, input = {}) {
  let response;
  try {
    response = await fetch(`/api/${tool}`, {
      method: "POST",
      headers: headers(),
      body: JSON.stringify(input),
      cache: "no-store",
    });
  } catch {
    throw new Gone();
  }
  if (response.status === 401) throw new Locked();
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Refused(response.status, body?.error);
  if (body === null) throw new Gone();
  return body;
}

/** Deals with what concerns the whole page; returns what is left for the place that asked. */
function dealWith(error) {
  if (error instanceof Locked) return void lock();
  if (error instanceof Gone) return void lose();
  return error instanceof Refused ? error : new Refused(0, { message: String(error?.message ?? error) });
}

// --- The key --------------------------------------------------------------------------------------

/** Takes the one-time code out of the address before anything else, so that nobody finds it there. */
function takeCode() {
  const code = /^#code=(.+)$/.exec(location.hash)?.[1];
  if (code) history.replaceState(null, "", `${location.pathname}#/`);
  return code;
}

async function begin() {
  const code = takeCode();
  page.key = sessionStorage.getItem(KEY);
  page.version = sessionStorage.getItem(VERSION) ?? "";
  if (code) await exchange(code);
  if (!page.key) return lock();
  page.isLocked = false;
  enter();
  listen();
  return undefined;
}

/** A code counts once: a second look at the same address goes on with the key that it gave. */
async function exchange(code) {
  try {
    const response = await fetch("/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code }),
      cache: "no-store",
    });
    const { key, version, error } = await response.json();
    page.lockedWhy = error?.message ?? "";
    if (!response.ok) return;
    page.key = key;
    page.version = version ?? "";
    sessionStorage.setItem(KEY, key);
    sessionStorage.setItem(VERSION, page.version);
  } catch {
    lose();
  }
}

/** What the server has told, at first and once it is forgotten. */
function nothingKnown() {
  return { data: null, failure: null, hasInbox: false, inboxFailure: null, items: [], cards: [], diffs: new Map(), reports: new Map() };
}

/** What the person has begun. */
function nothingDone() {
  return { busy: new Set(), errors: new Map(), open: new Set(), drafts: new Map(), confirming: null };
}

/** Forgets the key and everything that it has shown. */
function lock() {
  sessionStorage.clear();
  stream?.abort();
  kept.clear();
  Object.assign(page, { key: null, isLocked: true, isGone: false, ...nothingKnown() });
  Object.assign(page.ui, nothingDone());
  show();
}

// --- Staying up to date ---------------------------------------------------------------------------

const comeback = growingPause(2000, 15_000);
let comebackTimer;

/** The server does not answer: what is shown stays, and is asked for again now and then. */
function lose() {
  if (!page.isGone) say("mgr's dashboard has ended.");
  page.isGone = true;
  clearTimeout(comebackTimer);
  comebackTimer = setTimeout(refresh, comeback.next());
  show();
}

/** A server that fails is not asked all the more for it. */
const trouble = growingPause(GAP_MS, 15_000);
let troubleGap = 0;

const refresh = coalesced(load, (took) => Math.max(document.hidden ? HIDDEN_GAP_MS : GAP_MS, 2 * took, troubleGap));

async function load() {
  if (!page.key) return;
  const { route, hash } = page;
  const before = page.data ?? kept.get(hash)?.data;
  const [inbox, data] = await Promise.allSettled([ask("inbox_list"), view().load(ask, route, before)]);
  if (!page.key) return;
  const failed = [inbox, data]
    .map((result) => result.reason)
    .find((reason) => reason instanceof Locked || reason instanceof Gone);
  if (failed) return void dealWith(failed);
  page.isGone = false;
  clearTimeout(comebackTimer);
  comeback.reset();
  troubleGap = inbox.reason?.status >= 500 ? trouble.next() : (trouble.reset(), 0);
  page.inboxFailure = inbox.reason ? dealWith(inbox.reason) : null;
  if (inbox.status === "fulfilled") takeInbox(inbox.value);
  // The person has gone on meanwhile: what came is for another view.
  if (route === page.route) takeData(data);
  show();
  if (page.data && view().hasMore?.(page.data)) refresh();
}

function takeInbox(inbox) {
  const before = new Set(page.items.map((item) => item.id));
  page.items = questionsOf(inbox);
  const added = page.items.filter((item) => !before.has(item.id));
  if (page.hasInbox && added.length > 0)
    say(`${plural(added.length, "new question")}: ${clip(oneLine(added[0].question), 120)}`);
  page.hasInbox = true;
  settleCards();
}

function settleCards() {
  const wereChanged = new Set(page.cards.filter((card) => card.state === "changed").map((card) => card.id));
  page.cards = keepCards(page.cards, page.items, { now: Date.now(), isHeld: isHandNear() });
  if (page.cards.some((card) => card.state === "changed" && !wereChanged.has(card.id)))
    say("What a question is about has changed: look at it again.");
}

/** Whether the person is at the cards, by pointer or by keyboard. */
const isHandNear = () => pointerAt?.isConnected === true || document.activeElement?.closest?.(".cards") !== null;
let pointerAt = null;

function takeData({ status, value, reason }) {
  page.failure = status === "rejected" ? dealWith(reason) : null;
  if (status === "rejected") return;
  page.data = value;
  page.at = Date.now();
  kept.delete(page.hash);
  kept.set(page.hash, { data: value, at: page.at });
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
}

let stream;

/** Hears of every change as long as there is a key; each break is followed by a look and a longer pause. */
async function listen() {
  stream?.abort();
  const own = new AbortController();
  stream = own;
  const pause = growingPause(1000, 15_000);
  while (!own.signal.aborted) {
    if (document.hidden) {
      await new Promise((done) => setTimeout(done, HIDDEN_EVERY_MS));
      if (!own.signal.aborted) refresh();
      continue;
    }
    try {
      await hear(own.signal, pause);
    } catch (error) {
      if (error instanceof Locked) return lock();
    }
    if (own.signal.aborted) return undefined;
    refresh();
    await new Promise((done) => setTimeout(done, pause.next()));
  }
  return undefined;
}

async function hear(signal, pause) {
  const silence = new AbortController();
  const stop = () => silence.abort();
  let timer = setTimeout(stop, SILENCE_MS);
  signal.addEventListener("abort", stop);
  try {
    const response = await fetch("/changes", { headers: headers(), signal: silence.signal, cache: "no-store" });
    if (response.status === 401) throw new Locked();
    if (!response.ok) throw new Gone();
    const [reader, text, read] = [response.body.getReader(), new TextDecoder(), streamReader()];
    refresh();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      pause.reset();
      clearTimeout(timer);
      timer = setTimeout(stop, SILENCE_MS);
      if (read(text.decode(value, { stream: true })) > 0) refresh();
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

const isLive = () => Boolean(page.data && view().isLive(page.data));

let ticks = 0;

function tick() {
  if (document.hidden || page.isLocked) return;
  ticks += 1;
  settleCards();
  if (isLive() && ticks % (LIVE_EVERY_MS / 1000) === 0) refresh();
  if (isLive() || page.cards.length > 0 || ticks % CALM_EVERY_S === 0) show();
}

// --- Ways -----------------------------------------------------------------------------------------

/** What was shown under an address, so that the way back is at once. */
const kept = new Map();
const scrolled = new Map();
let byLink = false;

/** Goes where the address says. */
function enter() {
  const before = page.route;
  scrolled.set(page.hash, scrollY);
  page.hash = location.hash;
  page.route = routeOf(location.hash);
  const isSameView = page.hash !== "" && before.name === page.route.name && before.id === page.route.id;
  const known = kept.get(page.hash);
  if (known) Object.assign(page, { data: known.data, at: known.at });
  else if (!isSameView) page.data = null;
  page.failure = null;
  page.ui.confirming = null;
  if (!isSameView) page.ui.errors.clear();
  show();
  if (!isSameView) arrive(byLink ? 0 : (scrolled.get(page.hash) ?? 0));
  byLink = false;
  refresh();
}

function arrive(top) {
  scrollTo(0, top);
  if (!wantsSearch || !focusSearch()) place("main").querySelector("h1")?.focus({ preventScroll: true });
  wantsSearch = false;
}

function filter(query) {
  const hash = hashOf(page.route.name, page.route.id, query);
  if (hash === location.hash) return;
  if (query.cursor) location.hash = hash;
  else {
    history.replaceState(null, "", hash);
    enter();
  }
}

let filterTimer;

// --- What is pressed ------------------------------------------------------------------------------

const act = {
  ask,
  go: (name, id) => {
    byLink = true;
    location.hash = hashOf(name, id);
  },
  filter,
  filterSoon(query) {
    clearTimeout(filterTimer);
    filterTimer = setTimeout(() => filter({ ...query, status: page.route.query.status }), 250);
  },

  /** Carries something out and says in its place if it was refused. */
  async run(key, work) {
    if (page.ui.busy.has(key)) return;
    page.ui.busy.add(key);
    page.ui.confirming = null;
    page.ui.errors.delete(key);
    show();
    try {
      await work();
    } catch (error) {
      const left = dealWith(error);
      if (left) page.ui.errors.set(key, left);
    }
    page.ui.busy.delete(key);
    show();
    await refresh();
  },

  /** Asks once more before something is ended; with `null` it is left. */
  confirm(key, back) {
    const left = back ?? page.ui.confirming;
    page.ui.confirming = key;
    show();
    focusOn(key ? `${key} no` : left);
  },

  toggle(key) {
    const { open } = page.ui;
    if (!open.delete(key)) open.add(key);
    show();
  },

  async copy(id) {
    try {
      await navigator.clipboard.writeText(id);
    } catch {
      return say(`The browser does not let it be copied: ${id}`);
    }
    page.ui.copied = id;
    say("Copied.");
    show();
    setTimeout(() => {
      page.ui.copied = null;
      show();
    }, 1200);
    return undefined;
  },

  draft: (id, text) => page.ui.drafts.set(id, text),
  drafted: (id) => page.ui.drafts.get(id),

  /** Answers what the card shows: its digest goes along, so that nothing else is approved. */
  async answer(id, word) {
    const card = page.cards.find((one) => one.id === id);
    if (card?.state !== "open") return;
    if (Date.now() < card.steady) return void say("The page has just changed here: look again, then press once more.");
    const { digest } = card.item;
    const note = page.ui.drafts.get(id)?.trim();
    change(id, { state: "sending", error: undefined });
    try {
      const done = await ask("inbox_answer", { id, answer: word, ...(digest && { digest }), ...(note && { note }) });
      answered(id, answerWords(card.item, word, done));
    } catch (error) {
      const left = dealWith(error);
      const now = page.cards.find((one) => one.id === id);
      change(id, { state: now?.state === "sending" ? "open" : now?.state, error: left });
      if (left) say(left.message);
    }
    await refresh();
  },

  lookAnew(id) {
    page.cards = page.cards.map((card) => (card.id === id ? lookAnew(card, Date.now()) : card));
    show();
    [...document.querySelectorAll(".card")]
      .find((node) => node.dataset.id === id)
      ?.querySelector("h3 a")
      ?.focus();
  },

  async send(key, task) {
    const message = page.ui.drafts.get(key)?.trim();
    if (!message) return;
    await act.run(`send ${key}`, async () => {
      const sent = await ask("send", { task_id: task, message });
      page.ui.drafts.delete(key);
      page.ui.open.delete(`reply ${key}`);
      if (page.route.name === "task") return act.go("task", sent.task_id);
      return answered(key, "Sent: the agent goes on.");
    });
  },

  resumeTask: (id) => async () => {
    await ask("resume_task", { task_id: id });
    answered(id, "It goes on.");
  },

  toggleDiff(key, task) {
    const diff = page.diffs.get(key);
    if (diff?.isOpen || !diff) page.diffs.delete(key);
    if (!diff) {
      page.diffs.set(key, { isOpen: true, task, rows: [], shown: DIFF_ROWS, version: 0, read: patchReader() });
      readDiff(key);
    }
    show();
  },

  moreDiff(key) {
    const diff = page.diffs.get(key);
    if (!diff || diff.isBusy) return;
    diff.shown += DIFF_ROWS;
    if (diff.next && diff.shown > diff.rows.length) readDiff(key);
    show();
  },

  async toggleReport(id) {
    if (page.reports.delete(id)) return show();
    return act.readReport(id);
  },

  async readReport(id) {
    page.reports.set(id, { ...page.reports.get(id) });
    show();
    try {
      const { markdown } = await ask("workflow_report", { workflow_id: id });
      if (page.reports.has(id)) page.reports.set(id, { text: markdown });
    } catch (error) {
      page.reports.set(id, { error: dealWith(error) });
    }
    show();
  },

  events(all) {
    if (!page.data?.log) return;
    page.data = { ...page.data, mark: "", log: newLog(page.data.task, all) };
    refresh();
  },
};

function change(id, changes) {
  page.cards = page.cards.map((card) => (card.id === id ? { ...card, ...changes } : card));
  show();
}

function answered(id, words) {
  page.ui.drafts.delete(id);
  change(id, { state: "answered", words, error: undefined, until: Date.now() + 6000 });
  say(words);
}

function answerWords(item, word, done) {
  if (item.kind === "budget")
    return word === "yes" ? `Allowed${done.reason ? `: ${done.reason}` : ""}.` : "The run is cancelled.";
  const said = oneLine(done.reason ?? (word === "yes" ? "approved" : "denied"));
  return `${said.charAt(0).toUpperCase()}${said.slice(1)}.`;
}

/** Reads the next part of a patch. */
async function readDiff(key) {
  const diff = page.diffs.get(key);
  diff.isBusy = true;
  try {
    const part = await ask("task_diff", {
      task_id: diff.task,
      max_chars: MOST_DIFF,
      ...(diff.next && { cursor: diff.next }),
    });
    const paths = new Set((diff.files ?? []).map((file) => file.path));
    diff.files = [...(diff.files ?? []), ...part.files.filter((file) => !paths.has(file.path))];
    diff.rows.push(...diff.read(part.patch ?? ""));
    Object.assign(diff, {
      total: part.total,
      next: part.next_cursor,
      isLive: part.is_live,
      git: part.git,
      unknown: part.unknown,
      version: diff.version + 1,
    });
  } catch (error) {
    diff.error = dealWith(error);
  }
  diff.isBusy = false;
  settle();
  show();
}

/** What a patch has pushed away takes no press for a moment. */
function settle() {
  const steady = Date.now() + SETTLES_MS;
  page.cards = page.cards.map((card) => ({ ...card, steady }));
}

function focusOn(key) {
  [...document.querySelectorAll("[data-key]")].find((node) => node.dataset.key === key)?.focus();
}

/** Tells it to those who do not see it. */
function say(words) {
  const news = place("news");
  news.textContent = "";
  news.textContent = clip(oneLine(words), 300);
}

// --- Showing --------------------------------------------------------------------------------------

function show() {
  // What is not known to go on stands still.
  if (!page.isGone) page.now = Date.now();
  const waits = page.isLocked ? 0 : waitingCount(page.cards);
  paint(place("head"), head(waits));
  paint(
    place("banner"),
    page.isGone
      ? [
          h(
            "p",
            {},
            "mgr's dashboard has ended. Tasks go on. Type ",
            h("code", {}, "mgr dashboard"),
            " to open it again.",
          ),
        ]
      : [],
  );
  place("main").classList.toggle("is-old", page.isGone);
  paint(place("main"), page.isLocked ? lockedPage() : [page.failure && failed(), view().show(page, act)]);
  paint(place("foot"), page.isLocked ? [] : foot());
  const name = page.data && !page.isLocked ? view().name(page.data) : "";
  const title = `${waits > 0 ? `(${waits}) ` : ""}${name ? `${name} – ` : ""}mgr`;
  if (document.title !== title) document.title = title;
  showIcon(waits > 0);
}

function failed() {
  const title = page.data
    ? null
    : heading(page.failure.status === 404 ? "There is no such thing" : "This cannot be shown");
  return h("div", { key: "failed", class: "failed" }, title, refusal(page.failure));
}

function head(waits) {
  if (page.isLocked) return [h("span", { class: "brand" }, "mgr")];
  const { name } = page.route;
  const way = (to, hash, label, more) => {
    const isHere = name === to || name === { tasks: "task", runs: "run" }[to];
    return h("a", { key: to, href: hash, "aria-current": isHere ? "page" : undefined }, label, more);
  };
  const badge = waits > 0 && h("span", { class: "badge" }, waits, h("span", { class: "unseen" }, " waiting"));
  return [
    h("a", { class: "brand", href: "#/" }, "mgr"),
    h(
      "nav",
      { "aria-label": "Views" },
      way("overview", "#/", "Overview", badge),
      way("tasks", "#/tasks", "Tasks"),
      way("runs", "#/runs", "Runs"),
    ),
  ];
}

function lockedPage() {
  return [
    h(
      "div",
      { key: "locked", class: "alone" },
      heading("This page is locked."),
      h("p", {}, "Type ", h("code", {}, "mgr dashboard"), " in a terminal to open it."),
      page.lockedWhy && h("p", { class: "faint" }, coded(page.lockedWhy)),
    ),
  ];
}

function foot() {
  const keys = [["j", "k"], ["/"]];
  const word = ["move", "search"];
  return [
    h(
      "span",
      { class: "keys" },
      keys.map((pair, at) =>
        h(
          "span",
          { key: at },
          pair.map((key) => h("kbd", { key }, key)),
          ` ${word[at]}`,
        ),
      ),
    ),
    h("span", {}, page.version && `mgr ${page.version}`),
  ];
}

const iconOf = (dot) =>
  `data:image/svg+xml,${encodeURIComponent(`<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><rect width='16' height='16' rx='4' fill='#4f5bd5'/><path d='M4 11V5.5l4 4 4-4V11' fill='none' stroke='white' stroke-width='1.8' stroke-linecap='round' stroke-linejoin='round'/>${dot}</svg>`)}`;
const ICONS = { calm: iconOf(""), waits: iconOf("<circle cx='12.5' cy='3.5' r='3.5' fill='#e0a030'/>") };

function showIcon(waits) {
  const icon = place("icon");
  const wanted = waits ? ICONS.waits : ICONS.calm;
  if (icon.getAttribute("href") !== wanted) icon.setAttribute("href", wanted);
}

// --- Keys and pointers ----------------------------------------------------------------------------

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest?.("input, textarea, select")) return;
  if (event.key === "j" || event.key === "k") return void step(event.key === "j" ? 1 : -1);
  if (event.key !== "/") return;
  event.preventDefault();
  if (focusSearch()) return;
  wantsSearch = true;
  act.go("tasks");
}

let wantsSearch = false;

function focusSearch() {
  const search = document.querySelector("input[type=search]");
  search?.focus();
  return search !== null;
}

/** Moves from row to row. */
function step(by) {
  const rows = [...place("main").querySelectorAll("a.what")];
  const at = rows.indexOf(document.activeElement);
  rows.at(at < 0 ? (by > 0 ? 0 : -1) : Math.min(rows.length - 1, Math.max(0, at + by)))?.focus();
}

function onHash() {
  if (/^#code=/.test(location.hash)) return void begin();
  if (page.isLocked) return;
  enter();
}

addEventListener("hashchange", onHash);
document.addEventListener("keydown", onKey);
document.addEventListener("click", (event) => event.target.closest?.("a[href^='#/']") && (byLink = true), true);
document.addEventListener("pointerover", (event) => (pointerAt = event.target.closest?.(".cards") ?? null));
document.addEventListener("pointerleave", () => (pointerAt = null));
document.addEventListener("visibilitychange", () => page.key && !page.isLocked && listen());
place("skip").addEventListener("click", (event) => {
  event.preventDefault();
  place("main").focus();
});
history.scrollRestoration = "manual";
setInterval(tick, 1000);
begin();
