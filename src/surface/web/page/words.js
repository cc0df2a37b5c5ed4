// Words and small rules of the dashboard, without a document: what `node --test` can look at.
// Must not know the page, the server or the time by itself: what is needed is given.

// --- Text that others wrote -----------------------------------------------------------------------

// ECMA-48: `ESC [` up to a final byte; `ESC ]`, `P`, `X`, `^`, `_` up to BEL, ST or the end of the line; else one more.
const ESCAPES =
  /(?:\x1b\[|\x9b)[\x20-\x3f]*[\x40-\x7e]?|\x1b[\]PX^_](?:[^\x07\x9c\n\x1b]|\x1b(?!\\))*(?:\x07|\x9c|\x1b\\)?|\x1b[\x20-\x7e]?/g;
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f]|\p{Cs}/gu;
// What turns the reading direction, and what takes no room: with it a text can look like another one.
const UNSEEN =
  /[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]|\u200d(?!\p{Extended_Pictographic})|(?<![\p{Extended_Pictographic}\ufe0f\u{1f3fb}-\u{1f3ff}])\u200d/gu;

/** Returns a text in which nothing is hidden and nothing acts: escape sequences go, what cannot be seen gets a name. */
export function clean(text) {
  return String(text)
    .replace(ESCAPES, "")
    .replaceAll("\r\n", "\n")
    .replace(CONTROLS, "\ufffd")
    .replace(UNSEEN, (c) => `‹U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}›`);
}

/** Returns at most `most` characters, the last of them an ellipsis where something was left out. */
export function clip(text, most) {
  const all = String(text);
  // Only a text with that many units can have that many characters.
  if (all.length <= most) return all;
  const chars = [...all.slice(0, 2 * most + 2)];
  return chars.length <= most
    ? all
    : `${chars
        .slice(0, most - 1)
        .join("")
        .trimEnd()}…`;
}

/** Returns a text as one line. */
export const oneLine = (text) =>
  clean(text ?? "")
    .replace(/\s+/g, " ")
    .trim();

/** Splits a sentence at its backticks: every second piece is a command. */
export const codePieces = (text) =>
  String(text)
    .split("`")
    .map((piece, at) => ({ text: piece, code: at % 2 === 1 }));

// --- Numbers --------------------------------------------------------------------------------------

/** Returns seconds as people say them: `4.2s`, `3m 10s`, `2h 5m`, `3d 4h`. */
export function durationWords(seconds) {
  const all = Math.max(0, seconds);
  const whole = Math.floor(all);
  if (whole < 10) return `${(Math.floor(all * 10) / 10).toFixed(1)}s`;
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`;
  if (whole < 172_800) return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`;
  return `${Math.floor(whole / 86_400)}d ${Math.floor((whole % 86_400) / 3600)}h`;
}

/** Returns a time that passes, in steps of which none is a flicker: `just now`, `40s`, `3m`, `2h 5m`. */
export function roughWords(seconds) {
  const whole = Math.floor(Math.max(0, seconds));
  if (whole < 60) return whole < 5 ? "a moment" : `${whole - (whole % 5)}s`;
  return whole < 3600 ? `${Math.floor(whole / 60)}m` : durationWords(whole);
}

export const secondsBetween = (from, to) => (to - Date.parse(from)) / 1000;

/** Returns dollars; what is not known is no zero. */
export function moneyWords(usd) {
  if (usd === undefined || usd === null) return "unknown";
  if (usd !== 0 && Math.abs(usd) < 0.01) return `$${usd.toFixed(4)}`;
  return usd.toLocaleString("en-US", { style: "currency", currency: "USD" });
}

/** Returns what a run cost as far as it is known; nothing where no agent was asked. */
export function runCostWords(run) {
  if (!run) return "";
  if (run.demo) return "demo";
  const unknown = run.cost_unknown_steps ?? 0;
  if (run.cost_usd === undefined) return unknown > 0 ? "unknown" : "–";
  return unknown > 0 ? `${moneyWords(run.cost_usd)} + unknown` : moneyWords(run.cost_usd);
}

export const countWords = (count) => count.toLocaleString("en-US");

export const plural = (count, noun) => `${countWords(count)} ${noun}${count === 1 ? "" : "s"}`;

export function sizeWords(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = bytes;
  let unit = 0;
  for (; size >= 999.5 && unit < units.length - 1; unit += 1) size /= 1000;
  return `${bytes >= 1000 && size < 9.95 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

/** Returns a moment as the person's clock has it; the day only where it is not today. */
export function clockWords(iso, now) {
  const at = new Date(iso);
  const time = at.toLocaleTimeString("en-GB");
  if (at.toDateString() === new Date(now).toDateString()) return time;
  const year = at.getFullYear() === new Date(now).getFullYear() ? undefined : "numeric";
  return `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short", year })} ${time}`;
}

// --- Status ---------------------------------------------------------------------------------------

// A shape and a tone for each word: nobody has to tell colours apart.
const MARKS = {
  queued: ["ring", "quiet"],
  waiting: ["ring", "quiet"],
  stale: ["ring", "wait"],
  running: ["dot", "busy"],
  running_long_tool: ["dot", "busy"],
  idle: ["dot", "quiet"],
  stalled: ["warn", "wait"],
  rate_limited: ["warn", "wait"],
  paused: ["bars", "wait"],
  held: ["ask", "wait"],
  needs_input: ["ask", "wait"],
  waits_for_you: ["ask", "wait"],
  done: ["check", "good"],
  failed: ["cross", "bad"],
  timed_out: ["cross", "bad"],
  auth_error: ["cross", "bad"],
  backend_missing: ["cross", "bad"],
  lost: ["cross", "bad"],
  cancelled: ["dash", "quiet"],
  skipped: ["dash", "quiet"],
  not_needed: ["dash", "quiet"],
};

/** Returns a status as it is shown: the word, a shape and a tone. A word that is not known yet is shown as it is. */
export function marked(status) {
  const [shape, tone] = MARKS[status] ?? ["ring", "quiet"];
  return { word: String(status ?? "unknown").replaceAll("_", " "), shape, tone };
}

export const isOver = (status) => ["done", "failed", "cancelled", "timed_out", "skipped", "lost"].includes(status);

/** Returns what `unattended` does when nobody answers, as a sentence about `when`. */
export function unansweredWords(policy, when) {
  if (policy === "approve") return `Without an answer ${when} it is approved.`;
  if (policy === "wait") return "It waits until it is answered.";
  return `Without an answer ${when} it is denied.`;
}

// --- What an agent did ----------------------------------------------------------------------------

const EVENT_WORDS = {
  started: (event) => ["start", event.model ? `started with ${event.model}` : "started"],
  text: (event) => ["says", event.text],
  thinking: (event) => ["thinks", event.text],
  tool_started: (event) => [event.name || "tool", event.summary],
  tool_finished: (event) => (event.ok ? null : ["tool", "failed", "bad"]),
  file_changed: (event) => [
    { created: "new", modified: "edits", deleted: "deletes" }[event.change] ?? "file",
    event.path,
  ],
  rate_limited: (event) => ["limit", event.message, "wait"],
  retrying: (event) => ["retry", `${event.attempt}, after ${event.category}: ${event.message}`, "wait"],
  permission_denied: (event) => ["denied", `${event.tool}: ${event.message}`, "wait"],
  needs_input: (event) => ["asks", event.question, "wait"],
  notice: (event) => [event.level ?? "note", event.text, event.level === "error" ? "bad" : ""],
  finished: () => ["end", "finished", "good"],
  failed: (event) => ["end", `failed (${event.category}): ${event.message}`, "bad"],
  unknown: (event) => ["other", event.raw],
  model_served: () => null,
  usage: () => null,
};

/** Returns an event as a line: who, what and a tone; `null` for one that says nothing to people. */
export function eventWords(event) {
  const words = (EVENT_WORDS[event.kind] ?? ((other) => [other.kind, ""]))(event);
  return words && { who: String(words[0]), what: String(words[1] ?? ""), tone: words[2] ?? "" };
}

/** Returns the cursor from which about the last `most` events of a task's last attempt are read. */
export function cursorNearEnd(end, most) {
  const [attempt, seq] = String(end).split("-").map(Number);
  if (!Number.isInteger(attempt) || !Number.isInteger(seq)) return undefined;
  return attempt === 1 && seq <= most ? undefined : `${attempt}-${Math.max(0, seq - most)}`;
}

// --- Patches --------------------------------------------------------------------------------------

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

/**
 * Returns a reader of a unified patch that may come in parts: each call returns the rows of one part. Lines within
 * a hunk are counted, so that a line of a file never passes for a line of the patch, whatever it begins with.
 */
export function patchReader() {
  let [oldAt, newAt, oldLeft, newLeft] = [0, 0, 0, 0];
  const inHunk = (line) => {
    if (line.startsWith("+")) return ((newLeft -= 1), { kind: "add", text: line, new: newAt++ });
    if (line.startsWith("-")) return ((oldLeft -= 1), { kind: "del", text: line, old: oldAt++ });
    if (line.startsWith("\\")) return { kind: "meta", text: line };
    oldLeft -= 1;
    newLeft -= 1;
    return { kind: "same", text: line, old: oldAt++, new: newAt++ };
  };
  const outside = (line) => {
    const hunk = HUNK.exec(line);
    if (!hunk) return { kind: line.startsWith("diff ") ? "file" : "meta", text: line };
    [oldAt, newAt] = [Number(hunk[1]), Number(hunk[3])];
    [oldLeft, newLeft] = [Number(hunk[2] ?? 1), Number(hunk[4] ?? 1)];
    return { kind: "hunk", text: line };
  };
  return (part) => {
    const lines = String(part).split("\n");
    if (lines.at(-1) === "") lines.pop();
    return lines.map((line) => (oldLeft > 0 || newLeft > 0 ? inHunk(line) : outside(line)));
  };
}

// --- Reports ------------------------------------------------------------------------------------

/**
 * Reads the Markdown that mgr writes in reports: headings, lists, tables, fenced text and paragraphs, nothing else.
 * What stands in a fence is somebody's words and stays as it is.
 */
export function blocksOf(markdown) {
  const blocks = [];
  const lines = String(markdown).split("\n");
  const isRow = (line) => /^\|.*\|\s*$/.test(line);
  const grow = (kind, item) =>
    blocks.at(-1)?.kind === kind ? blocks.at(-1).items.push(item) : blocks.push({ kind, items: [item] });
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at];
    const heading = /^(#{1,4}) (.*)$/.exec(line);
    const fence = /^(`{3,}|~{3,})[\w-]*\s*$/.exec(line)?.[1];
    if (fence) {
      const end = lines.findIndex((other, place) => place > at && other.trimEnd() === fence);
      const until = end < 0 ? lines.length : end;
      blocks.push({ kind: "fence", text: lines.slice(at + 1, until).join("\n") });
      at = until;
    } else if (heading) blocks.push({ kind: "heading", level: heading[1].length, text: heading[2] });
    else if (isRow(line)) /^[|\s:-]+$/.test(line) ? null : grow("table", cellsOf(line));
    else if (/^- /.test(line)) grow("list", line.slice(2));
    else if (line.trim() === "") blocks.push({ kind: "gap" });
    else if (blocks.at(-1)?.kind === "text") blocks.at(-1).text += `\n${line}`;
    else blocks.push({ kind: "text", text: line });
  }
  return blocks.filter((block) => block.kind !== "gap");
}

const cellsOf = (row) =>
  row
    .trim()
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll("\\|", "|"));

// --- Questions to a person ------------------------------------------------------------------------

/** So long a card that nobody waits for any more stays where it is. */
const GONE_STAYS_MS = 5000;
/** And so long at most, while a hand is near. */
const HELD_STAYS_MS = 30_000;
/** So long after things moved a press is taken for one that was meant for what stood there before. */
export const SETTLES_MS = 600;

/** Returns what a person has looked at: with another one the answer would be to another question. */
const looked = (item) => (item.kind === "approval" ? item.digest : item.question);

/** Returns the items of the inbox under one form: approvals, budgets and tasks. */
export function questionsOf(inbox) {
  const ofTask = (task) => ({
    id: task.task_id,
    kind: task.failure ? "task" : "rebuilt",
    question: task.failure?.message ?? task.prompt,
    since: task.finished_at ?? task.created_at,
    task,
  });
  return [...inbox.items, ...(inbox.tasks ?? []).map(ofTask)];
}

/**
 * Returns the cards after news from the inbox. A card shows what the person looked at until they look anew, stays
 * where it is, and takes no answer while it is not sure that the person means it:
 * `open` takes one; `changed` shows what is not so any more (`fresh` is); `gone` and `answered` are left standing for
 * a while, and as long as a hand is near (`isHeld`), so that nothing moves beneath a pointer.
 */
export function keepCards(cards, items, { now, isHeld }) {
  const byId = new Map(items.map((item) => [item.id, item]));
  const kept = cards
    .map((card) => keepCard(card, byId.get(card.id), now))
    .filter((card) => !(card.until + (isHeld ? HELD_STAYS_MS : 0) <= now));
  const known = new Set(cards.map((card) => card.id));
  const added = items
    .filter((item) => !known.has(item.id))
    .map((item) => ({ id: item.id, item, state: "open", steady: now + SETTLES_MS }));
  const before = new Map(cards.map((card) => [card.id, card.state]));
  const moved = kept.length < cards.length || kept.some((card) => card.state !== before.get(card.id));
  const settled = moved ? kept.map((card) => ({ ...card, steady: now + SETTLES_MS })) : kept;
  return [...settled, ...added];
}

function keepCard(card, fresh, now) {
  if (!fresh) return card.until ? card : { ...card, state: "gone", until: now + GONE_STAYS_MS };
  if (card.state === "answered" && fresh.since === card.item.since && looked(fresh) === looked(card.item)) return card;
  const { until, words, ...open } = card;
  if (looked(fresh) !== looked(card.item)) return { ...open, state: "changed", fresh, error: card.error };
  return { ...open, item: fresh, state: card.state === "sending" ? "sending" : "open", fresh: undefined };
}

/** Returns a changed card as the person looks at it anew. */
export function lookAnew(card, now) {
  return {
    id: card.id,
    item: card.fresh ?? card.item,
    state: "open",
    steady: now + SETTLES_MS,
    anew: (card.anew ?? 0) + 1,
  };
}

/** How many cards wait for a person. */
export const waitingCount = (cards) => cards.filter((card) => !["gone", "answered"].includes(card.state)).length;

// --- Routes ---------------------------------------------------------------------------------------

/** Reads `#/task/ID?status=failed`. */
export function routeOf(hash) {
  const [path, search] = String(hash).replace(/^#\/?/, "").split("?");
  const [name = "", ...ids] = path.split("/");
  return {
    name: name || "overview",
    id: decoded(ids.join("/")),
    query: Object.fromEntries(new URLSearchParams(search)),
  };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Writes what `routeOf` reads. */
export function hashOf(name, id, query = {}) {
  const path = name === "overview" ? "#/" : `#/${name}${id ? `/${encodeURIComponent(id)}` : ""}`;
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  return search.size > 0 ? `${path}?${search}` : path;
}

// --- Time and order -------------------------------------------------------------------------------

/**
 * Returns a function that asks for `run`: at most one is at work and one waits, however often it is asked for, and
 * the next begins no sooner than `gap(took)` milliseconds after the last began. What it returns ends with a run that
 * began after the asking.
 */
export function coalesced(
  run,
  gap,
  { now = () => performance.now(), pause = (ms) => new Promise((done) => setTimeout(done, ms)) } = {},
) {
  let [began, took, atWork, waiting] = [-Infinity, 0, undefined, undefined];
  const work = async () => {
    began = now();
    try {
      await run();
    } finally {
      took = now() - began;
      atWork = undefined;
    }
  };
  const inTurn = async () => {
    await atWork?.catch(() => {});
    const rest = gap(took) - (now() - began);
    if (rest > 0) await pause(rest);
    waiting = undefined;
    atWork = work();
    await atWork;
  };
  return () => (waiting ??= inTurn());
}

/** Returns growing pauses: `next()` is the pause before the next try, `reset()` begins anew. */
export function growingPause(first, most) {
  let pause = first;
  const next = () => {
    const now = pause;
    pause = Math.min(most, pause * 1.7);
    return now;
  };
  return { next, reset: () => (pause = first) };
}

/** Returns a reader of an event stream: each call takes a piece and returns how many messages it completed. */
export function streamReader() {
  let rest = "";
  return (piece) => {
    const blocks = (rest + piece).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop();
    return blocks.filter((block) => block.split("\n").some((line) => line.startsWith("data:"))).length;
  };
}
