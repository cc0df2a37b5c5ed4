// The pieces that several views are made of.
// Must not ask the server for anything: what is pressed goes to `act`.

import { h } from "./dom.js";
import {
  blocksOf,
  clean,
  clip,
  clockWords,
  codePieces,
  countWords,
  durationWords,
  hashOf,
  isOver,
  marked,
  moneyWords,
  oneLine,
  plural,
  roughWords,
  runCostWords,
  secondsBetween,
  sizeWords,
  unansweredWords,
} from "./words.js";

// --- Small things ---------------------------------------------------------------------------------

const SHAPES = {
  dot: { d: "M6 2.2a3.8 3.8 0 1 0 0 7.6 3.8 3.8 0 0 0 0-7.6z", filled: true },
  ring: { d: "M6 2.6a3.4 3.4 0 1 0 0 6.8 3.4 3.4 0 0 0 0-6.8z" },
  bars: { d: "M4.2 2.8v6.4M7.8 2.8v6.4" },
  ask: { d: "M6 1 11 6 6 11 1 6z", filled: true },
  check: { d: "M2.3 6.4 5 9.1l4.8-6" },
  cross: { d: "M3 3l6 6M9 3 3 9" },
  dash: { d: "M3 6h6" },
  warn: { d: "M6 1.6 11.2 10.6H.8z", filled: true },
};

/** A status: its shape and its word. */
export function status(word, shown) {
  const mark = marked(word);
  const shape = SHAPES[mark.shape];
  const path = h("path", { d: shape.d, class: shape.filled ? "filled" : "drawn" });
  return h(
    "span",
    { class: `status is-${mark.tone}` },
    h("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, path),
    h("span", {}, shown ?? mark.word),
  );
}

/** A sentence with commands in it. */
export const coded = (text) => codePieces(text).map((piece) => (piece.code ? h("code", {}, piece.text) : piece.text));

/** An id that is copied by a press. */
export function copyable(page, act, id, shown = id.slice(0, 9)) {
  const copied = page.ui.copied === id;
  return h(
    "button",
    { type: "button", class: "copy", title: `Copy ${id}`, on: { click: () => act.copy(id) } },
    copied ? "copied" : shown,
  );
}

export const moment = (iso, now) => (iso ? h("time", { datetime: iso, title: iso }, clockWords(iso, now)) : null);

/** Returns how long a task or run has taken, by now if it still goes on. */
export function elapsedNow(page, thing, runs = !isOver(thing.status)) {
  if (thing.elapsed_s === undefined) return "";
  const since = runs && thing.status !== "paused" ? (page.now - page.at) / 1000 : 0;
  return durationWords(thing.elapsed_s + Math.max(0, since));
}

/** A button whose press is carried out by `run`; with `confirm` it asks once, in its own place. */
export function press(page, act, { key, label, kind = "plain", confirm, run, isOff = false }) {
  const isBusy = page.ui.busy.has(key);
  if (page.ui.confirming === key && confirm && !isBusy) return confirmation(act, key, confirm, run);
  const click = () => {
    if (isBusy || isOff) return undefined;
    return confirm ? act.confirm(key) : act.run(key, run);
  };
  const off = isBusy || isOff ? "true" : undefined;
  return h(
    "button",
    { key, type: "button", class: `button ${kind}`, "aria-disabled": off, "data-key": key, on: { click } },
    isBusy ? `${label}…` : label,
  );
}

/** Asks in place of the button. Not doing it comes first and gets the focus: a press too many does nothing. */
function confirmation(act, key, { question, yes }, run) {
  const leave = (event) => event.key === "Escape" && act.confirm(null, key);
  return h(
    "span",
    { key: `${key} sure`, class: "confirm", role: "group", "aria-label": question, on: { keydown: leave } },
    h(
      "button",
      {
        key: "no",
        type: "button",
        class: "button plain",
        "data-key": `${key} no`,
        on: { click: () => act.confirm(null, key) },
      },
      "No",
    ),
    h("button", { key: "yes", type: "button", class: "button danger", on: { click: () => act.run(key, run) } }, yes),
    h("span", { class: "faint" }, question),
  );
}

/** What the server refused, with the ways out. */
export function refusal(error) {
  if (!error) return null;
  const hints = (error.hints ?? []).map((hint) => h("p", { class: "hint" }, coded(hint)));
  return h("div", { key: "refusal", class: "refusal", role: "alert" }, h("p", {}, coded(error.message)), hints);
}

export const refusals = (page, keys) =>
  keys.map((key) => page.ui.errors.get(key)).map((error, at) => error && h("div", { key: keys[at] }, refusal(error)));

export function section(title, { count, aside, key } = {}, ...children) {
  const shown = count === undefined ? null : h("span", { class: "count" }, countWords(count));
  return h(
    "section",
    { key: key ?? title, class: "section", "aria-label": title },
    h("div", { class: "section-head" }, h("h2", {}, title, " ", shown), aside),
    children,
  );
}

/** Names and values; what has no value is left out. */
export function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "" && value !== false);
  return h(
    "dl",
    { class: "facts" },
    known.map(([name, value]) => h("div", { key: name }, h("dt", {}, name), h("dd", {}, value))),
  );
}

export const heading = (text) => h("h1", { key: "h1", tabindex: "-1" }, text);

// --- Tables ---------------------------------------------------------------------------------------

const cell = (name, ...content) => h("div", { role: "cell", key: name, class: `c-${name}` }, content);

const link = (href, text) => h("a", { class: "what", href }, text);

/** Rows under their heads. On a narrow screen a row becomes two lines, and the heads go. */
export function table(label, kind, heads, rows) {
  const head = heads.map(([name, title]) => h("div", { role: "columnheader", key: name, class: `c-${name}` }, title));
  return h(
    "div",
    { key: label, class: `table ${kind}`, role: "table", "aria-label": label },
    h("div", { key: "head", role: "row", class: "row head" }, head),
    rows,
  );
}

export const RUNS = [
  ["what", "Name"],
  ["status", "Status"],
  ["by", "Started"],
  ["now", "Steps"],
  ["time", "Time"],
  ["cost", "Cost"],
  ["id", "ID"],
];

export const WORK = [
  ["what", "What"],
  ["status", "Health"],
  ["by", "By"],
  ["now", "Now"],
  ["time", "Time"],
  ["cost", "Cost"],
  ["id", "ID"],
];

function workRow(page, act, { key, href, level = 0, what, health, by, now, ended, time, cost, id, isFaint }) {
  return h(
    "div",
    { key, role: "row", class: `row level-${level}${isFaint ? " is-faint" : ""}` },
    cell("what", link(href, what)),
    cell("status", health),
    cell("by", by),
    cell(
      "now",
      (ended || now) &&
        h(
          "span",
          { title: clip(now, 500) || undefined },
          ended && h("span", { class: "faint" }, ended, now && " · "),
          coded(clip(now, 200)),
        ),
    ),
    cell("time", time),
    cell("cost", cost === "unknown" ? h("span", { class: "faint" }, cost) : cost),
    cell("id", copyable(page, act, id)),
  );
}

/** A task in a list. */
export function taskRow(page, act, task, { level = 0, step } = {}) {
  const isOverNow = isOver(task.status);
  return workRow(page, act, {
    key: task.task_id,
    href: hashOf("task", task.task_id),
    level,
    what: clip(oneLine(step ?? task.label ?? task.prompt), 160) || "(no prompt)",
    health: status(task.health),
    by: task.model ? `${task.backend} ${clip(task.model, 30)}` : task.backend,
    now: oneLine(task.failure?.message ?? doingOf(task)),
    ended: endedAgo(page, task),
    time: elapsedNow(page, task),
    cost: isCostless(task) ? null : moneyWords(task.cost?.usd),
    id: task.task_id,
    isFaint: isOverNow && level > 0,
  });
}

/** Whether there is no cost to be known: no agent is asked, or none was yet. */
export const isCostless = ({ cost, backend, elapsed_s: elapsed }) =>
  cost?.usd === undefined && (backend === "command" || elapsed === undefined);

const endedAgo = (page, { finished_at: at }) => at && `${roughWords(secondsBetween(at, page.now))} ago`;

/** What a task does, or what it waits for before it can. */
function doingOf(task) {
  const waits = ["queued", "held"].includes(task.status) && task.current_step;
  return waits ? `waits: ${task.current_step}` : task.current_step;
}

/** A run in a list, with the steps that it is at where they are known. */
export function runRow(page, act, run, { at = [], by = "workflow", ended = endedAgo(page, run) } = {}) {
  const isOverNow = isOver(run.status);
  const steps = `${run.steps_over} of ${plural(run.steps_total, "step")}`;
  const names = clip(at.slice(0, 4).join(", ") + (at.length > 4 ? ` and ${at.length - 4} more` : ""), 160);
  const doing = run.status === "running" && names ? names : oneLine(run.why);
  return workRow(page, act, {
    key: run.workflow_id,
    href: hashOf("run", run.workflow_id),
    what: clip(oneLine(run.name), 160),
    health: run.waits_for_person && !isOverNow ? status("waits_for_you") : status(run.standing),
    by,
    now: doing ? `${steps}: ${doing}` : steps,
    ended,
    time: elapsedNow(page, run),
    cost: runCostWords(run),
    id: run.workflow_id,
  });
}

/** The same where only runs are listed: when it was started says more than what it is. */
export const runOnlyRow = (page, act, run) =>
  runRow(page, act, run, { by: `${roughWords(secondsBetween(run.created_at, page.now))} ago`, ended: "" });

/** Returns the steps in the order of the file, each with its depth. */
export const stepsInLine = (steps, level = 0) =>
  steps.flatMap((step) => [{ step, level: level + (step.race ? 1 : 0) }, ...stepsInLine(step.steps ?? [], level + 1)]);

// --- Reports ------------------------------------------------------------------------------------

/** A report of mgr as headings, tables and text. */
export const report = (markdown) => h("div", { key: "report", class: "report" }, blocksOf(markdown).map(reportBlock));

function reportBlock(block) {
  if (block.kind === "heading")
    return h(`h${Math.min(6, block.level + 2)}`, { class: `level-${block.level}` }, coded(block.text));
  if (block.kind === "fence") return h("pre", { class: "text", tabindex: "0" }, block.text);
  if (block.kind === "list")
    return h(
      "ul",
      {},
      block.items.map((item) => h("li", {}, coded(item))),
    );
  if (block.kind === "text") return h("p", {}, coded(block.text));
  const row = (tag) => (cells) =>
    h(
      "tr",
      {},
      cells.map((text) => h(tag, {}, coded(text))),
    );
  const [head, ...body] = block.items;
  return h(
    "div",
    { class: "wide", tabindex: "0" },
    h("table", {}, h("thead", {}, row("th")(head)), h("tbody", {}, body.map(row("td")))),
  );
}

// --- Patches --------------------------------------------------------------------------------------

const MOST_LINE = 2000;

/** A button that shows what a task changed, and the patch beneath it once it is asked for. */
export function diffButton(page, act, key, task, label = "Show the diff") {
  const isOpen = page.diffs.get(key)?.isOpen ?? false;
  const click = () => act.toggleDiff(key, task);
  return h(
    "button",
    { key: `diff ${key}`, type: "button", class: "button quiet", "aria-expanded": String(isOpen), on: { click } },
    isOpen ? "Hide the diff" : label,
  );
}

export function diffPanel(page, act, key) {
  const diff = page.diffs.get(key);
  if (!diff?.isOpen) return null;
  if (diff.error) return h("div", { key: `panel ${key}` }, refusal(diff.error));
  if (!diff.files) return h("p", { key: `panel ${key}`, class: "faint" }, "Reading the changes…");
  const rows = diff.rows.slice(0, diff.shown);
  return h(
    "div",
    { key: `panel ${key}`, class: "diff" },
    h(
      "p",
      { class: "faint" },
      `${plural(diff.total, "path")} changed${diff.isLive ? " so far" : ""}`,
      [...(diff.git ?? []), ...(diff.unknown ?? [])].map((words) => ` · ${words}`),
    ),
    h(
      "ul",
      { class: "changed" },
      diff.files.map((file) => h("li", { key: file.path }, changedFile(file))),
    ),
    rows.length > 0 &&
      h("div", {
        class: "patch",
        tabindex: "0",
        role: "region",
        "aria-label": "Patch",
        island: { version: `${diff.version} ${rows.length}`, build: (node) => drawPatch(node, rows) },
      }),
    moreOfDiff(act, key, diff),
  );
}

function changedFile(file) {
  const isBare = file.added === 0 && file.removed === 0;
  const amount =
    file.binary || file.added === undefined
      ? `${sizeWords(file.size_before ?? 0)} → ${sizeWords(file.size_after ?? 0)}`
      : null;
  const lines = amount ?? [
    h("span", { class: "is-good" }, `+${file.added}`),
    " ",
    h("span", { class: "is-bad" }, `−${file.removed ?? 0}`),
  ];
  const doubt = file.attribution === "uncertain" && h("span", { class: "is-wait" }, " perhaps by somebody else");
  return [
    h("span", { class: "faint" }, `${file.kind} `),
    h("span", { class: "path" }, file.path),
    " ",
    !isBare && lines,
    doubt,
  ];
}

function moreOfDiff(act, key, diff) {
  const hidden = diff.rows.length - diff.shown;
  if (hidden <= 0 && !diff.next) return null;
  const words = hidden > 0 ? `${plural(hidden, "more line")} not shown` : "There is more";
  const button = h(
    "button",
    { type: "button", class: "button quiet", on: { click: () => act.moreDiff(key) } },
    diff.isBusy ? "Reading…" : "Show more",
  );
  return h("p", { class: "clipped" }, `${words}; `, h("code", {}, `mgr diff ${diff.task}`), " has all. ", button);
}

/** Puts the lines into the document at once: a patch may have thousands. The numbers are drawn by the style sheet. */
function drawPatch(node, rows) {
  for (const row of rows) {
    const text =
      row.text.length > MOST_LINE ? `${clip(row.text, MOST_LINE)} (${sizeWords(row.text.length)} in all)` : row.text;
    const line = document.createElement("div");
    line.className = `d ${row.kind}`;
    line.dataset.old = row.old ?? "";
    line.dataset.new = row.new ?? "";
    line.textContent = clean(text);
    node.append(line);
  }
}

// --- Questions ------------------------------------------------------------------------------------

const MOST_QUESTION = 1500;
const MOST_FILES = 8;

/** Everything that waits, as cards. */
export const questions = (page, act, cards) =>
  h(
    "div",
    { key: "cards", class: "cards" },
    cards.map((card) => questionCard(page, act, card)),
  );

function questionCard(page, act, card) {
  const body =
    { approval: approvalBody, budget: budgetBody, task: taskBody, rebuilt: rebuiltBody }[card.item.kind] ??
    approvalBody;
  const title = `card-${card.id}`;
  return h(
    "article",
    { key: card.id, class: `card is-${card.state}`, "aria-labelledby": title, "data-id": card.id },
    cardHead(page, card, title),
    card.state === "changed" && changedNotice(act, card),
    // A new look is a new body: nothing that was opened for the former content is left open in it.
    h("div", { key: `body ${card.anew ?? 0}`, class: "card-body" }, body(page, act, card)),
    card.state !== "changed" && refusal(card.error),
  );
}

/** The head has room for what became of it, so that nothing beneath moves. */
function cardHead(page, card, title) {
  const { item } = card;
  const isOver = ["gone", "answered"].includes(card.state);
  const asked = `asked ${roughWords(secondsBetween(item.since, page.now))} ago`;
  const became = card.words ?? "Does not wait any more: answered elsewhere, or ended.";
  const name = item.task ? (item.task.label ?? item.task.backend) : item.workflow;
  const href = item.task ? hashOf("task", item.task.task_id) : hashOf("run", item.workflow_id);
  const kinds = { approval: "Approval", budget: "Budget", task: "Question", rebuilt: "Held" };
  return h(
    "header",
    { class: "card-head" },
    status("waits_for_you", kinds[item.kind] ?? item.kind),
    h(
      "h3",
      { id: title },
      h("a", { href }, clip(oneLine(name), 80)),
      item.step && item.kind === "approval" ? [" / ", item.step] : null,
    ),
    h("span", { class: `card-when ${isOver ? "card-over" : "faint"}`, title: item.since }, isOver ? became : asked),
  );
}

/** Says first whether an answer was taken: that is what the person wants to know then. */
function changedNotice(act, card) {
  const taken = card.error
    ? "Your answer was not taken: this has changed since it was shown here. "
    : "This has changed since it was shown here. ";
  const what = card.error?.message ?? card.fresh?.reason;
  return h(
    "div",
    { key: "changed", class: "notice", role: "alert" },
    h("p", {}, h("strong", {}, taken), what && h("span", {}, "(", coded(what), ")")),
    h(
      "button",
      { type: "button", class: "button plain", on: { click: () => act.lookAnew(card.id) } },
      "Show it as it is now",
    ),
  );
}

function questionText(page, act, card) {
  const text = card.item.question;
  const isOpen = page.ui.open.has(`question ${card.id}`);
  const isLong = text.length > MOST_QUESTION;
  const more =
    isLong &&
    h(
      "button",
      { key: "more", type: "button", class: "button quiet", on: { click: () => act.toggle(`question ${card.id}`) } },
      isOpen ? "Show less" : `Show all of it (${sizeWords(text.length)})`,
    );
  return [h("p", { key: "question", class: "question" }, isOpen || !isLong ? text : clip(text, MOST_QUESTION)), more];
}

function approvalBody(page, act, card) {
  const { item } = card;
  return [
    item.reason && h("p", { key: "reason", class: "is-wait" }, "Asked again: ", coded(item.reason)),
    questionText(page, act, card),
    intruders(item),
    item.reviewed?.length > 0 &&
      h(
        "ul",
        { key: "reviewed", class: "reviewed" },
        item.reviewed.map((step) => reviewedStep(page, act, card, step)),
      ),
    item.edited?.length > 0 &&
      h(
        "p",
        { key: "edited", class: "is-wait" },
        "Edited by somebody else since: ",
        fileNames(item.edited, item.edited.length),
      ),
    item.expires_at && h("p", { key: "expires", class: "faint" }, expiry(page, item)),
    answerForm(page, act, card, { yes: "Approve", no: "Deny", note: "Note for the steps that follow (optional)" }),
    commandsOf(item),
  ];
}

/** A task that wanted to answer in the person's place is something to know before answering. */
function intruders({ refused = [] }) {
  if (refused.length === 0) return null;
  const names = refused.flatMap((id, at) => [
    at > 0 ? ", " : null,
    h("a", { key: id, href: hashOf("task", id) }, id.slice(0, 9)),
  ]);
  return h(
    "p",
    { key: "refused", class: "is-bad named" },
    refused.length === 1 ? "Task " : "Tasks ",
    names,
    " wanted to answer this in your place, and was refused.",
  );
}

function expiry(page, item) {
  const left = -secondsBetween(item.expires_at, page.now);
  const when = left > 0 ? `in ${roughWords(left)} (${clockWords(item.expires_at, page.now)})` : "now";
  return unansweredWords(item.unattended, when);
}

function reviewedStep(page, act, card, step) {
  const key = `${card.id} ${card.item.digest} ${step.step}`;
  const task = step.task_id;
  const name = task ? h("a", { href: hashOf("task", task) }, step.step) : step.step;
  const files =
    step.files_total > 0
      ? [" changed ", fileNames(step.files ?? [], step.files_total)]
      : h("span", { class: "faint" }, " changed no file");
  const isolated = step.isolated && h("span", { class: "faint" }, " (in a directory of its own)");
  return h(
    "li",
    { key: step.step },
    h("span", {}, name, files, isolated),
    " ",
    task && step.files_total > 0 && diffButton(page, act, key, task),
    diffPanel(page, act, key),
  );
}

function fileNames(files, total) {
  const named = files
    .slice(0, MOST_FILES)
    .flatMap((file, at) => [at > 0 ? ", " : null, h("span", { key: file, class: "path" }, file)]);
  const more = Math.max(total, files.length) - Math.min(MOST_FILES, files.length);
  return [named, more > 0 ? ` and ${countWords(more)} more` : null];
}

function budgetBody(page, act, card) {
  return [
    questionText(page, act, card),
    intruders(card.item),
    answerForm(page, act, card, { yes: "Allow the same amount once more", no: "Cancel the run" }),
    commandsOf(card.item),
  ];
}

/** The field's words are the person's: nothing that comes in touches them. */
function answerForm(page, act, card, { yes, no, note }) {
  const isOff = card.state !== "open";
  const draft = (event) => act.draft(card.id, event.target.value);
  const field =
    note &&
    h(
      "label",
      { key: "note", class: "field" },
      h("span", {}, note),
      h("textarea", { rows: "1", name: "note", value: act.drafted(card.id), on: { input: draft } }),
    );
  const button = (word, label, kind) => {
    const click = () => !isOff && act.answer(card.id, word);
    return h(
      "button",
      {
        key: word,
        type: "button",
        class: `button ${kind}`,
        "aria-disabled": isOff ? "true" : undefined,
        "data-answer": word,
        on: { click },
      },
      label,
    );
  };
  const sending = card.state === "sending" && h("span", { class: "faint" }, "Sending…");
  return [
    field,
    h(
      "div",
      { key: "buttons", class: "buttons" },
      button("yes", yes, "accent"),
      button("no", no, "plain"),
      sending,
      digestOf(card.item),
    ),
  ];
}

const digestOf = (item) =>
  item.digest &&
  h(
    "span",
    { class: "digest faint", title: "Stands for what is shown here: with anything else the answer is refused" },
    "for ",
    h("code", {}, item.digest),
  );

function commandsOf(item) {
  const answer =
    item.kind === "budget" ? `mgr answer ${item.id} yes` : `mgr answer ${item.id} yes --digest ${item.digest}`;
  const lines = [...(item.commands ?? []), answer];
  return h(
    "details",
    { key: "commands", class: "commands" },
    h("summary", {}, "In a terminal"),
    h("pre", {}, lines.join("\n")),
  );
}

function taskBody(page, act, card) {
  return [
    questionText(page, act, card),
    replyForm(page, act, card.id, card.item.task.task_id, {
      isOff: card.state !== "open",
      label: "Your answer",
      button: "Send",
    }),
  ];
}

function rebuiltBody(page, act, card) {
  const { task } = card.item;
  return [
    h("p", { key: "why" }, "This task came back from a lost database and does not start by itself."),
    h("p", { key: "question", class: "question" }, clip(card.item.question, MOST_QUESTION)),
    h(
      "div",
      { key: "buttons", class: "buttons" },
      press(page, act, {
        key: `resume ${task.task_id}`,
        label: "Let it go on",
        kind: "accent",
        isOff: card.state !== "open",
        run: act.resumeTask(task.task_id),
      }),
      refusals(page, [`resume ${task.task_id}`]),
    ),
  ];
}

/** Words to an agent that is done: it goes on with its conversation. */
export function replyForm(page, act, key, task, { isOff = false, label, button }) {
  const draft = (event) => act.draft(key, event.target.value);
  const send = () => !isOff && act.send(key, task);
  const submit = (event) => event.key === "Enter" && (event.metaKey || event.ctrlKey) && send();
  const isBusy = page.ui.busy.has(`send ${key}`);
  return [
    h(
      "label",
      { key: "reply", class: "field" },
      h("span", {}, label),
      h("textarea", { rows: "2", name: "message", value: act.drafted(key), on: { input: draft, keydown: submit } }),
    ),
    h(
      "div",
      { key: "send", class: "buttons" },
      h(
        "button",
        {
          type: "button",
          class: "button accent",
          "aria-disabled": isOff || isBusy ? "true" : undefined,
          on: { click: send },
        },
        isBusy ? "Sending…" : button,
      ),
    ),
    refusals(page, [`send ${key}`]),
  ];
}
