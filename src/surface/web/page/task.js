// The view of one task: what it was asked, said and changed, what it costs, and what can be done about it.
// A view as views.js describes it.

import { h } from "./dom.js";
import {
  coded,
  copyable,
  diffButton,
  diffPanel,
  elapsedNow,
  facts,
  heading,
  isCostless,
  moment,
  press,
  refusals,
  replyForm,
  section,
  status,
} from "./parts.js";
import {
  clean,
  clip,
  clockWords,
  countWords,
  cursorNearEnd,
  eventWords,
  hashOf,
  isOver,
  moneyWords,
  oneLine,
  plural,
} from "./words.js";

export const MOST_OUTPUT = 200_000;
/** So many of the last events are read at first. */
const FIRST_EVENTS = 400;
const EVENTS_PAGE = 500;
/** So many pages are read at once; the rest comes with the next look. */
const MOST_PAGES = 8;
const MOST_EVENTS = 5000;

async function loadTask(ask, { id }, before) {
  const task = await ask("task_status", { task_id: id });
  const mark = `${task.status} ${task.next_cursor}`;
  const isSame = before?.mark === mark;
  const [output, log] = isSame
    ? [before.output, before.log]
    : await Promise.all([
        ask("task_output", { task_id: task.task_id, max_chars: MOST_OUTPUT }),
        readEvents(ask, task, before?.log),
      ]);
  return { task, output, log, mark: log.isBehind && !isFull(log) ? "" : mark };
}

/** A log is the newest events, and grows; or, where that was asked for, the first ones. */
export function newLog(task, all) {
  const after = all ? undefined : cursorNearEnd(task.next_cursor, FIRST_EVENTS);
  return { all, after, events: [], dropped: 0, isPart: after !== undefined, isBehind: true };
}

async function readEvents(ask, task, before) {
  const log = before ?? newLog(task, false);
  log.isBehind = true;
  for (let pages = 0; pages < MOST_PAGES && log.isBehind && !isFull(log); pages += 1) {
    const found = await ask("task_events", {
      task_id: task.task_id,
      limit: EVENTS_PAGE,
      ...(log.after && { after: log.after }),
    });
    log.events.push(...found.events);
    log.after = found.next_cursor;
    log.isBehind = found.events.length >= EVENTS_PAGE;
  }
  const extra = log.all ? 0 : log.events.length - MOST_EVENTS;
  if (extra > 0) {
    log.events.splice(0, extra);
    log.dropped += extra;
    log.isPart = true;
  }
  return log;
}

const isFull = (log) => log.all && log.events.length >= MOST_EVENTS;

function showTask(page, act) {
  if (!page.data) return page.failure ? null : heading("Task");
  const { task, output, log } = page.data;
  const keys = ["cancel", "pause", "resume", "retry", "rerun"].map((name) => `${name} ${task.task_id}`);
  return [
    h(
      "div",
      { key: "head", class: "view-head" },
      h(
        "div",
        { class: "view-title" },
        heading(clip(oneLine(task.label ?? task.prompt), 200) || "Task"),
        taskLine(page, act, task),
      ),
      h("div", { class: "buttons" }, taskButtons(page, act, task)),
    ),
    refusals(page, keys),
    h(
      "div",
      { key: "columns", class: "columns" },
      h(
        "div",
        { key: "main", class: "column" },
        failureOf(task),
        asksPerson(task) && taskQuestion(page, act, task),
        outputOf(task, output),
        !asksPerson(task) && taskQuestion(page, act, task),
        eventsOf(page, act, task, log),
        changesOf(page, act, task),
      ),
      h("aside", { key: "facts", class: "column side", "aria-label": "Facts" }, taskFacts(page, act, task)),
    ),
  ];
}

function taskLine(page, act, task) {
  const model = task.actual_model ?? task.asked_model;
  const { workflow, step } = task.lineage ?? {};
  const of = workflow && [`step ${step} of `, h("a", { href: hashOf("run", workflow) }, workflow.slice(0, 9))];
  const parts = [
    status(task.health),
    of,
    task.backend,
    model,
    elapsedNow(page, task),
    !isCostless(task) && (task.cost?.usd === undefined ? "cost unknown" : moneyWords(task.cost.usd)),
  ];
  const doing = task.waiting_on
    ? `waits: ${task.waiting_on}`
    : task.current_step && oneLine(clip(task.current_step, 300));
  return h(
    "p",
    { class: "facts-line" },
    parts.filter(Boolean).map((part) => h("span", {}, part)),
    copyable(page, act, task.task_id),
    doing && h("span", { key: "doing", class: "doing" }, coded(doing)),
  );
}

function taskButtons(page, act, task) {
  const id = task.task_id;
  const ofRun = task.lineage?.workflow;
  const again = (name, label, tool) =>
    press(page, act, {
      key: `${name} ${id}`,
      label,
      run: async () => act.go("task", (await act.ask(tool, { task_id: id })).task_id),
    });
  const simple = (name, label, tool) =>
    press(page, act, { key: `${name} ${id}`, label, run: () => act.ask(tool, { task_id: id }) });
  if (isOver(task.status)) {
    // A task of its own would be no part of the run.
    if (ofRun) return h("a", { class: "button plain", href: hashOf("run", ofRun) }, "Open the run");
    return [task.status !== "done" && again("retry", "Retry", "task_retry"), again("rerun", "Run again", "task_rerun")];
  }
  const canPause = ["queued", "running"].includes(task.status);
  const canResume = ["paused", "held"].includes(task.status);
  return [
    canPause && simple("pause", "Pause", "pause_task"),
    canResume && simple("resume", "Resume", "resume_task"),
    press(page, act, {
      key: `cancel ${id}`,
      label: "Cancel",
      confirm: { question: "All its processes end.", yes: "Cancel the task" },
      run: () => act.ask("task_cancel", { task_ids: [id] }),
    }),
  ];
}

const asksPerson = (task) => task.failure?.category === "needs_input";

function failureOf(task) {
  const { failure } = task;
  if (!failure || asksPerson(task)) return null;
  return h(
    "div",
    { key: "failure", class: "failure" },
    h("p", {}, h("strong", {}, failure.category.replaceAll("_", " ")), ": ", failure.message),
    failure.hint && h("p", { class: "hint" }, coded(failure.hint)),
    printedBy(task.attempts.at(-1)),
  );
}

/** What a failed check printed tells more than that it failed. */
function printedBy(attempt) {
  const printed = attempt?.checks?.findLast((check) => check.verdict !== "passed")?.output_tail?.trim();
  return printed && h("pre", { class: "text", tabindex: "0" }, printed);
}

/** What the agent asks; or the way to say more to one that is done. */
function taskQuestion(page, act, task) {
  if (!isOver(task.status)) return null;
  const id = task.task_id;
  if (asksPerson(task)) {
    return section(
      "It asks you",
      { key: "asks" },
      h("p", { class: "question" }, task.failure.message),
      replyForm(page, act, id, id, { label: "Your answer", button: "Send" }),
    );
  }
  const isOpen = page.ui.open.has(`reply ${id}`);
  const toggle = h(
    "button",
    {
      key: "toggle",
      type: "button",
      class: "button quiet",
      "aria-expanded": String(isOpen),
      on: { click: () => act.toggle(`reply ${id}`) },
    },
    isOpen ? "Say nothing more" : "Say more to this agent",
  );
  return h(
    "div",
    { key: "more", class: "follow-up" },
    toggle,
    isOpen && replyForm(page, act, id, id, { label: "It goes on with its conversation", button: "Send" }),
  );
}

function outputOf(task, output) {
  const title = isOver(task.status) ? "Answer" : "Said so far";
  const note =
    output.truncated &&
    h("p", { class: "clipped" }, `Only the end is shown; `, h("code", {}, `mgr output ${task.task_id}`), " has all.");
  const structured =
    output.structured &&
    h("pre", { key: "structured", class: "text", tabindex: "0" }, JSON.stringify(output.structured, null, 2));
  const text = output.output
    ? h("pre", { key: "text", class: "text prose", tabindex: "0" }, output.output)
    : h("p", { class: "nothing" }, isOver(task.status) ? "It said nothing." : "Nothing yet.");
  return section(title, { key: "output" }, note, text, structured);
}

function eventsOf(page, act, task, log) {
  const other = log.all ? "The newest" : log.isPart && "From the beginning";
  const aside =
    other && h("button", { type: "button", class: "button quiet", on: { click: () => act.events(!log.all) } }, other);
  const all = [h("code", {}, `mgr events ${task.task_id}`), " has all."];
  const note = (words) => h("p", { key: "note", class: "clipped" }, words, all);
  const cut = isFull(log)
    ? note(`Only the first ${countWords(MOST_EVENTS)} events are shown; `)
    : log.dropped > 0 && note(`The first ${plural(log.dropped, "event")} are left out; `);
  const island = {
    version: `${task.task_id} ${log.all}`,
    build: (node) => buildLog(node, !log.all),
    update: (node) => fillLog(node, log),
  };
  const list = h("div", {
    key: `log ${log.all}`,
    class: "log",
    tabindex: "0",
    role: "region",
    "aria-label": "Events, newest last",
    island,
  });
  const none = h("p", { class: "nothing" }, isOver(task.status) ? "There are none." : "None yet.");
  return section("Events", { key: "events", aside }, cut, log.events.length > 0 ? list : none);
}

/** Follows the end as long as the person has not scrolled up. */
function buildLog(node, followsEnd) {
  node.followsEnd = followsEnd;
  node.addEventListener(
    "scroll",
    () => (node.followsEnd = node.scrollHeight - node.scrollTop - node.clientHeight < 30),
    { passive: true },
  );
}

/** The log only grows: what is there is not made again. */
function fillLog(node, log) {
  const from = Math.max(0, (node.drawn ?? 0) - log.dropped);
  for (const event of log.events.slice(from)) addEvent(node, event);
  node.drawn = log.dropped + log.events.length;
  while (node.childElementCount > MOST_EVENTS) node.firstElementChild.remove();
  if (node.followsEnd) node.scrollTop = node.scrollHeight;
}

const MOST_EVENT = 4000;

function addEvent(node, event) {
  const last = node.lastEvent;
  if (event.kind === "text" && event.delta && last?.kind === "text") {
    last.text += event.text;
    last.place.textContent = clean(clip(last.text, MOST_EVENT));
    return;
  }
  const words = eventWords(event);
  if (!words) return;
  const line = document.createElement("div");
  line.className = `event is-${words.tone || event.kind}`;
  const part = (tag, name, text) => {
    const place = document.createElement(tag);
    place.className = name;
    place.textContent = clean(text);
    line.append(place);
    return place;
  };
  part("time", "at", clockWords(event.at, Date.parse(event.at))).title = event.at;
  part("span", "who", clip(oneLine(words.who), 24));
  const place = part("span", "said", clip(words.what, MOST_EVENT));
  node.append(line);
  node.lastEvent = { kind: event.kind, text: event.text ?? "", place };
}

function changesOf(page, act, task) {
  const { changes } = task;
  const files = task.files_changed ?? [];
  const total = changes?.total ?? files.length;
  if (total === 0) {
    const words = task.claims_unseen ? "None differs, although the agent says that it changed some." : "None differs.";
    return changes ? section("Files", { key: "changes" }, h("p", { class: "nothing" }, words)) : null;
  }
  // What a task that runs has changed so far is read anew with each opening.
  const key = `task ${task.task_id} ${isOver(task.status)}`;
  const names = files.slice(0, 12).map((file) => h("li", { key: file }, h("span", { class: "path" }, file)));
  const more = total - names.length;
  const note = changes?.others_may_write && h("p", { class: "is-wait" }, "Others may have written here too.");
  const list =
    !page.diffs.get(key)?.isOpen &&
    h(
      "ul",
      { key: "files", class: "changed" },
      names,
      more > 0 && h("li", { class: "faint" }, `and ${countWords(more)} more`),
    );
  return section(
    "Files",
    { key: "changes", count: total, aside: diffButton(page, act, key, task.task_id) },
    note,
    list,
    diffPanel(page, act, key),
  );
}

function taskFacts(page, act, task) {
  const time = (iso) => moment(iso, page.now);
  return [
    facts([
      ["Status", task.status !== task.health && task.status.replaceAll("_", " ")],
      ["Verification", task.verification !== "none" && verificationOf(task)],
      ["Backend", task.backend],
      ["Model", modelOf(task)],
      ["Cost", !isCostless(task) && costOf(task)],
      ["Tokens", !isCostless(task) && tokensOf(task)],
      ["Created", time(task.created_at)],
      ["Started", time(task.started_at)],
      ["Finished", time(task.finished_at)],
      ["Directory", h("span", { class: "path" }, task.working_dir)],
      [
        "Isolated",
        task.isolation && [
          task.isolation.kind,
          ", ",
          task.isolation.state.replaceAll("_", " "),
          task.isolation.note && h("div", { class: "faint" }, task.isolation.note),
        ],
      ],
      ["Posture", task.posture.replaceAll("_", " ")],
      ["Role", task.role],
      ["Tags", (task.tags ?? []).join(", ")],
      ["Denied", task.permission_denials?.length > 0 && task.permission_denials.join("\n")],
      ["Repository", task.git?.length > 0 && task.git.join("\n")],
      ["Session", task.session_id && copyable(page, act, task.session_id, clip(task.session_id, 13))],
    ]),
    lineageOf(task),
    attemptsOf(page, task),
    h(
      "details",
      { key: "prompt", class: "prompt" },
      h("summary", {}, "Prompt"),
      h("pre", { class: "text" }, task.prompt),
    ),
  ];
}

function verificationOf(task) {
  const tones = { passed: "done", failed: "failed", error: "stalled" };
  const checks = (task.attempts.at(-1)?.checks ?? []).map((check) =>
    h(
      "div",
      { class: "faint" },
      h("code", {}, clip(check.command, 200)),
      ` ${check.verdict === "error" ? "could not run" : check.verdict}`,
    ),
  );
  return [
    status(tones[task.verification] ?? "queued", task.verification === "error" ? "could not run" : task.verification),
    checks,
  ];
}

function modelOf(task) {
  if (!task.route_mismatch) return task.actual_model ?? task.asked_model;
  return [task.actual_model, h("div", { class: "is-wait" }, `asked for ${task.asked_model}`)];
}

function costOf(task) {
  const { cost } = task;
  if (cost?.usd === undefined) return h("span", { class: "faint" }, "unknown");
  return [moneyWords(cost.usd), cost.price_date && h("div", { class: "faint" }, `by the prices of ${cost.price_date}`)];
}

function tokensOf(task) {
  if (!task.usage) return h("span", { class: "faint" }, "unknown");
  const { input, output, cache_read: read, cache_write: written } = task.usage;
  const rows = [
    [input, "in"],
    [output, "out"],
    [read, "from the cache"],
    [written, "to the cache"],
  ];
  return rows
    .filter(([count, name]) => count > 0 || name === "in" || name === "out")
    .map(([count, name]) => h("div", {}, `${countWords(count)} ${name}`));
}

function lineageOf(task) {
  const { retry_of: retry, rerun_of: rerun, continues } = task.lineage ?? {};
  const to = (id) => id && h("a", { href: hashOf("task", id) }, id.slice(0, 9));
  const pairs = [
    ["Retry of", to(retry)],
    ["Run again from", to(rerun)],
    ["Goes on from", to(continues)],
  ];
  return pairs.some(([, value]) => value) ? facts(pairs) : null;
}

function attemptsOf(page, task) {
  if (task.attempts.length < 2 && task.attempts.every((attempt) => attempt.supervision === "kept")) return null;
  const line = (attempt) =>
    h(
      "li",
      { key: attempt.number },
      status(attempt.status ?? "running"),
      ` ${attempt.backend}`,
      attempt.reason && h("span", { class: "faint" }, ` ${attempt.reason}`),
      attempt.exit_code !== undefined && h("span", { class: "faint" }, ` exit ${attempt.exit_code}`),
      attempt.failure && h("div", { class: "faint" }, clip(oneLine(attempt.failure.message), 160)),
    );
  return h(
    "div",
    { key: "attempts", class: "attempts" },
    h("h3", {}, "Attempts"),
    h("ol", {}, task.attempts.map(line)),
  );
}

export const task = {
  load: loadTask,
  show: showTask,
  isLive: (data) => !isOver(data.task.status),
  hasMore: (data) => data.mark === "",
  name: (data) => oneLine(clip(data.task.label ?? data.task.prompt, 60)),
};
