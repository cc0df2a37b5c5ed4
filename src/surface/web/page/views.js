// The views: what each asks of the server, and how its answer is shown.
// A view is `{load(ask, route, before), show(page, act), isLive(data), name(data)}`; `before` is its former data, and
// `hasMore(data)` says that it is to be asked again at once.

import { h, lazily } from "./dom.js";
import {
  RUNS,
  WORK,
  coded,
  copyable,
  elapsedNow,
  facts,
  heading,
  moment,
  press,
  questions,
  refusal,
  refusals,
  report,
  runOnlyRow,
  runRow,
  section,
  status,
  stepsInLine,
  table,
  taskRow,
} from "./parts.js";
import { MOST_OUTPUT, task } from "./task.js";
import { clip, countWords, hashOf, isOver, moneyWords, oneLine, plural, runCostWords, waitingCount } from "./words.js";

const OVER = ["done", "failed", "cancelled", "timed_out", "skipped", "lost"];

const byTime = (field) => (a, b) => Date.parse(b[field]) - Date.parse(a[field]);

// --- Overview -------------------------------------------------------------------------------------

const MOST_LIVE_RUNS = 200;
const MOST_LIVE = 80;
const MOST_RECENT = 20;

async function loadOverview(ask) {
  const liveRuns = (status) => ask("workflow_list", { status, nested: true, limit: MOST_LIVE_RUNS });
  const [live, running, paused, newest, over] = await Promise.all([
    ask("task_status"),
    liveRuns("running"),
    liveRuns("paused"),
    ask("workflow_list", { limit: 12 }),
    ask("task_list", { status: OVER, limit: 60 }),
  ]);
  return {
    live: live.tasks ?? [],
    counts: live.counts ?? {},
    liveRuns: [...running.workflows, ...paused.workflows],
    recentRuns: newest.workflows.filter((run) => isOver(run.status)),
    over: over.tasks,
  };
}

function showOverview(page, act) {
  return [
    waiting(page, act),
    page.data && liveWork(page, act, page.data),
    page.data && recentWork(page, act, page.data),
  ];
}

function waiting(page, act) {
  const title = h("h1", { key: "h1", class: "unseen", tabindex: "-1" }, "Overview");
  // Nobody is told that nothing waits where that is not known.
  const failure =
    page.inboxFailure &&
    h(
      "div",
      { key: "failure", class: "unread" },
      h("p", { class: "is-bad" }, "What waits for you cannot be read."),
      refusal(page.inboxFailure),
    );
  if (!page.hasInbox) return [title, failure];
  if (page.cards.length === 0)
    return [title, failure ?? h("p", { key: "calm", class: "calm" }, "Nothing waits for you.")];
  const count = waitingCount(page.cards);
  return [
    title,
    failure,
    section(
      "Waiting for you",
      { key: "waiting", count: count > 0 ? count : undefined },
      questions(page, act, page.cards),
    ),
  ];
}

/** Returns the outermost run that a task is at work for, and the steps on the way to its own. */
function placeOf(task, runs) {
  let step = task.lineage?.step;
  let run = runs.get(task.lineage?.workflow);
  while (run?.parent) {
    step = `${run.parent.step}/${step}`;
    run = runs.get(run.parent.workflow_id);
  }
  return { run, step };
}

function liveWork(page, act, { live, liveRuns, counts }) {
  const runs = new Map(liveRuns.map((run) => [run.workflow_id, run]));
  const placed = live.map((task) => ({ task, ...placeOf(task, runs) }));
  placed.sort((a, b) => byTime("created_at")(b.task, a.task));
  const ofRun = (run) => {
    const steps = placed.filter((one) => one.run === run);
    return [
      runRow(page, act, run, { at: steps.map(({ step }) => step) }),
      ...steps.map(({ task, step }) => taskRow(page, act, task, { level: 1, step })),
    ];
  };
  const isWaiting = (one) => (one.status === "queued" ? 1 : 0);
  const groups = liveRuns.filter((run) => !run.parent).map((run) => ({ one: run, rows: ofRun(run) }));
  const alone = placed.filter(({ run }) => !run).map(({ task }) => ({ one: task, rows: [taskRow(page, act, task)] }));
  // A long queue does not hide what is at work.
  const all = [...groups, ...alone].sort(
    (a, b) => isWaiting(a.one) - isWaiting(b.one) || byTime("created_at")(a.one, b.one),
  );
  const rows = all.slice(0, MOST_LIVE).map((group) => group.rows);
  const rest =
    all.length > MOST_LIVE &&
    h(
      "p",
      { key: "rest", class: "clipped" },
      `and ${countWords(all.length - MOST_LIVE)} more: `,
      h("a", { href: hashOf("tasks", "", { status: "queued" }) }, "all that are queued"),
    );
  const content =
    rows.length > 0
      ? table("Live", "work", WORK, rows)
      : h(
          "p",
          { key: "calm", class: "nothing" },
          "Nothing is running. ",
          h("code", {}, "mgr submit"),
          " starts a task.",
        );
  return section("Live", { count: all.length > 0 ? all.length : undefined, aside: countsLine(counts) }, content, rest);
}

function countsLine(counts) {
  const words = ["running", "queued", "held", "paused", "needs_input"]
    .filter((name) => counts[name] > 0)
    .map((name) => `${countWords(counts[name])} ${name.replace("_", " ")}`);
  return h("span", { class: "faint" }, words.length > 0 ? `Tasks: ${words.join(", ")}` : "");
}

function recentWork(page, act, { recentRuns, over }) {
  // A run says what came of its steps.
  const alone = over.filter((task) => !task.lineage?.workflow);
  const all = [...recentRuns, ...alone].sort(byTime("finished_at")).slice(0, MOST_RECENT);
  const row = (one) => (one.workflow_id ? runRow(page, act, one) : taskRow(page, act, one));
  const aside = h(
    "span",
    { class: "links" },
    h("a", { href: "#/tasks" }, "All tasks"),
    h("a", { href: "#/runs" }, "All runs"),
  );
  return section(
    "Recent",
    { aside },
    all.length > 0
      ? table("Recent", "work", WORK, all.map(row))
      : h("p", { class: "nothing" }, "Nothing has ended yet."),
  );
}

const overview = {
  load: loadOverview,
  show: showOverview,
  isLive: (data) => data.live.length > 0 || data.liveRuns.length > 0,
  name: () => "",
};

// --- Lists ----------------------------------------------------------------------------------------

const TASK_STATUSES = ["queued", "held", "running", "paused", ...OVER];
const RUN_STATUSES = ["running", "paused", "done", "failed", "cancelled"];
const PAGE = 50;

/** A choice and a search: both stand in the address, so that it can be kept and gone back to. */
function filters(page, act, name, statuses, placeholder) {
  const { query } = page.route;
  const change = (field) => (event) => act.filter({ ...query, [field]: event.target.value, cursor: "" });
  const option = (word) =>
    h(
      "option",
      { key: word, value: word, selected: word === (query.status ?? "") },
      word === "" ? "any status" : word.replaceAll("_", " "),
    );
  return h(
    "div",
    { key: `filters ${name}`, class: "filters", role: "search" },
    h(
      "label",
      { class: "field" },
      h("span", { class: "unseen" }, "Status"),
      h("select", { on: { change: change("status") } }, ["", ...statuses].map(option)),
    ),
    h(
      "label",
      { class: "field grow" },
      h("span", { class: "unseen" }, placeholder),
      h("input", {
        type: "search",
        placeholder,
        value: query.search ?? "",
        spellcheck: "false",
        on: { input: (event) => act.filterSoon({ ...query, search: event.target.value, cursor: "" }) },
      }),
    ),
  );
}

const tasks = {
  async load(ask, { query }) {
    const { status, search, cursor } = query;
    return ask("task_list", {
      limit: PAGE,
      ...(status && { status: [status] }),
      ...(search && { search }),
      ...(cursor && { cursor }),
    });
  },
  show: (page, act) => [
    h(
      "div",
      { key: "head", class: "view-head" },
      heading("Tasks"),
      h("span", { class: "faint" }, page.data ? plural(page.data.total, "task") : ""),
    ),
    filters(page, act, "tasks", TASK_STATUSES, "Search in prompts"),
    page.data &&
      (page.data.tasks.length > 0
        ? table(
            "Tasks",
            "work",
            WORK,
            page.data.tasks.map((task) => taskRow(page, act, task)),
          )
        : h("p", { class: "nothing" }, "No task fits.")),
    page.data && pager(page, act),
  ],
  isLive: (data) => data.tasks.some((task) => !isOver(task.status)),
  name: () => "Tasks",
};

function pager(page, act) {
  const { next_cursor: next } = page.data;
  const { query } = page.route;
  if (!next && !query.cursor) return null;
  const newest =
    query.cursor &&
    h(
      "button",
      {
        key: "newest",
        type: "button",
        class: "button plain",
        on: { click: () => act.filter({ ...query, cursor: "" }) },
      },
      "Newest",
    );
  const older =
    next &&
    h(
      "button",
      {
        key: "older",
        type: "button",
        class: "button plain",
        on: { click: () => act.filter({ ...query, cursor: next }) },
      },
      "Older",
    );
  return h("nav", { key: "pager", class: "pager", "aria-label": "Pages" }, newest, older);
}

const runs = {
  async load(ask, { query }) {
    const limit = Math.min(1000, Number(query.limit) || PAGE);
    const { workflows } = await ask("workflow_list", {
      limit: Math.min(1000, limit + 1),
      ...(query.status && { status: query.status }),
    });
    return { workflows: workflows.slice(0, limit), hasMore: workflows.length > limit, limit };
  },
  show(page, act) {
    const { query } = page.route;
    const search = (query.search ?? "").toLowerCase();
    const found = page.data?.workflows.filter((run) => `${run.name} ${run.workflow_id}`.toLowerCase().includes(search));
    const more =
      page.data?.hasMore &&
      h(
        "nav",
        { key: "pager", class: "pager" },
        h(
          "button",
          {
            type: "button",
            class: "button plain",
            on: { click: () => act.filter({ ...query, limit: String(page.data.limit * 2) }) },
          },
          "Older",
        ),
      );
    return [
      h(
        "div",
        { key: "head", class: "view-head" },
        heading("Runs"),
        h(
          "span",
          { class: "faint" },
          found ? `${plural(found.length, "run")}${page.data.hasMore ? " shown" : ""}` : "",
        ),
      ),
      filters(page, act, "runs", RUN_STATUSES, "Search in names"),
      found &&
        (found.length > 0
          ? table(
              "Runs",
              "work",
              RUNS,
              found.map((run) => runOnlyRow(page, act, run)),
            )
          : h("p", { class: "nothing" }, "No run fits.")),
      more,
    ];
  },
  isLive: (data) => data.workflows.some((run) => !isOver(run.status)),
  name: () => "Runs",
};

// --- One run --------------------------------------------------------------------------------------

const STEPS = [
  ["what", "Step"],
  ["status", "Status"],
  ["by", "By"],
  ["now", "Why"],
  ["time", "Time"],
  ["cost", "Cost"],
  ["id", "Task"],
  ["do", h("span", { class: "unseen" }, "Again")],
];

/** The browser leaves rows out that nobody sees where there are more. */
const MOST_QUICK = 150;

async function loadRun(ask, { id }) {
  const { run } = await ask("workflow_status", { workflow_id: id });
  return { run };
}

function showRun(page, act) {
  if (!page.data) return page.failure ? null : heading("Run");
  const { run } = page.data;
  const id = run.workflow_id;
  const steps = stepsInLine(run.steps);
  const family = new Set([id, ...steps.map(({ step }) => step.child_id).filter(Boolean)]);
  const cards = page.cards.filter((card) => family.has(card.item.workflow_id));
  const keys = [
    ...["pause", "resume", "cancel", "retry"].map((name) => `${name} ${id}`),
    ...run.steps.map((step) => `retry ${id} ${step.id}`),
  ];
  return [
    h(
      "div",
      { key: "head", class: "view-head" },
      h("div", { class: "view-title" }, heading(clip(oneLine(run.name), 200)), runLine(page, act, run)),
      h("div", { class: "buttons" }, runButtons(page, act, run)),
    ),
    refusals(page, keys),
    (run.notes ?? []).map((note, at) => h("p", { key: `note ${at}`, class: "is-wait" }, note)),
    cards.length > 0 &&
      section("Waiting for you", { key: "waiting", count: waitingCount(cards) }, questions(page, act, cards)),
    section(
      "Steps",
      { aside: h("span", { class: "faint" }, stepCounts(run)) },
      table(
        "Steps",
        steps.length > MOST_QUICK ? "work steps long" : "work steps",
        STEPS,
        steps.map(({ step, level }) => stepRow(page, act, run, step, level)),
      ),
    ),
    Object.entries(run.outputs ?? {}).map(([name, text]) =>
      section(
        `Output: ${name}`,
        { key: `output ${name}` },
        h("pre", { class: "text prose", tabindex: "0" }, clip(text, MOST_OUTPUT)),
      ),
    ),
    reportOf(page, act, run),
  ];
}

function runLine(page, act, run) {
  const mark = run.waits_for_person && !isOver(run.status) ? status("waits_for_you") : status(run.standing);
  const spent = runCostWords(run);
  const cost = (spent !== "–" || run.budget_usd !== undefined) && [
    spent,
    run.budget_usd !== undefined && ` of ${moneyWords(run.budget_usd)}`,
  ];
  const parent =
    run.parent &&
    h(
      "span",
      {},
      `in step ${run.parent.step} of `,
      h("a", { href: hashOf("run", run.parent.workflow_id) }, run.parent.workflow_id.slice(0, 9)),
    );
  const words = [mark, elapsedNow(page, run), cost, moment(run.created_at, page.now), parent];
  return h(
    "p",
    { class: "facts-line" },
    words.filter(Boolean).map((part) => h("span", {}, part)),
    copyable(page, act, run.workflow_id),
    run.why && h("span", { key: "doing", class: "doing" }, run.why),
  );
}

function stepCounts(run) {
  const counts = new Map();
  // What runs in a race is not what somebody wrote.
  for (const { standing } of run.steps.filter((step) => !step.race))
    counts.set(standing, (counts.get(standing) ?? 0) + 1);
  return [...counts].map(([word, count]) => `${countWords(count)} ${word.replaceAll("_", " ")}`).join(", ");
}

function runButtons(page, act, run) {
  const id = run.workflow_id;
  const simple = (name, label, tool) =>
    press(page, act, { key: `${name} ${id}`, label, run: () => act.ask(tool, { workflow_id: id }) });
  if (["failed", "cancelled"].includes(run.status))
    return simple("retry", "Retry what did not succeed", "workflow_retry");
  if (isOver(run.status)) return null;
  return [
    run.status === "running" && simple("pause", "Pause", "workflow_pause"),
    run.status === "paused" && !run.budget_spent && simple("resume", "Resume", "workflow_resume"),
    press(page, act, {
      key: `cancel ${id}`,
      label: "Cancel",
      confirm: { question: "Steps that run are ended; what is done stays.", yes: "Cancel the run" },
      run: () => act.ask("workflow_cancel", { workflow_id: id }),
    }),
  ];
}

function stepRow(page, act, run, step, level) {
  const key = `${step.id} ${level} ${step.task_id ?? ""} ${step.child_id ?? ""}`;
  const elapsed = step.elapsed_s === undefined ? "" : elapsedNow(page, step, step.standing === "running");
  const { busy, confirming, copied } = page.ui;
  const again = `retry ${run.workflow_id} ${step.id}`;
  // Of a thousand rows few change from one second to the next.
  const of = [
    step,
    level,
    elapsed,
    run.status,
    busy.has(again),
    confirming === again,
    copied === (step.task_id ?? step.child_id),
  ];
  const build = () =>
    h(
      "div",
      { role: "row", class: `row level-${Math.min(level, 4)}` },
      stepCells(page, act, run, step, level, elapsed).map(([kind, content]) =>
        h("div", { key: kind, role: "cell", class: `c-${kind}` }, content),
      ),
    );
  return lazily("div", key, of, build);
}

function stepCells(page, act, run, step, level, elapsed) {
  const target = step.task_id ? hashOf("task", step.task_id) : step.child_id && hashOf("run", step.child_id);
  const name = target ? h("a", { class: "what", href: target }, step.id) : h("span", { class: "what" }, step.id);
  const why = whyOf(step);
  const id = step.task_id ?? step.child_id;
  return [
    ["what", name],
    ["status", status(step.standing)],
    ["by", step.backend ?? step.kind],
    ["now", why && h("span", { title: why.length > 80 ? clip(why, 600) : undefined }, coded(clip(why, 240)))],
    ["time", elapsed],
    ["cost", step.cost_usd === undefined ? costless(run, step) : moneyWords(step.cost_usd)],
    ["id", id && copyable(page, act, id)],
    ["do", isOver(step.status) && level === 0 && !step.race && retryStep(page, act, run, step)],
  ];
}

/** An agent whose cost nobody told is not free; what asks no agent costs nothing. */
function costless(run, step) {
  if (!run.cost_unknown_steps || step.kind !== "agent" || !step.task_id || step.status === "running") return null;
  return h("span", { class: "faint" }, "unknown");
}

function whyOf(step) {
  const turns = step.repeat
    ? `run ${step.repeat.run} of at most ${step.repeat.max}`
    : step.turn > 1 && `${step.turn} turns`;
  const answer = step.approval?.answer;
  const by = answer && (answer.by === "person" ? personWords(answer) : "by the policy");
  const parts = [
    turns,
    step.winner && !step.reason && `won by ${step.winner}`,
    step.repairs > 0 && plural(step.repairs, "repair"),
    step.verification && `checks ${step.verification}`,
    step.reason,
    by,
    !step.reason && step.question,
    step.waiting_on && `waits: ${step.waiting_on}`,
  ];
  return oneLine(parts.filter(Boolean).join(" · "));
}

function personWords({ over, client, user }) {
  const who = [user, client].filter(Boolean).join(", ");
  return `by a person over ${over}${who ? ` (${who})` : ""}`;
}

function retryStep(page, act, run, step) {
  const isBad = step.status !== "done";
  // What is done is best left alone while the run is at work.
  if (step.status === "not_needed" || (!isBad && !isOver(run.status))) return null;
  const confirm = isBad ? undefined : { question: "What builds on it runs again too.", yes: "Run it again" };
  const key = `retry ${run.workflow_id} ${step.id}`;
  return press(page, act, {
    key,
    label: isBad ? "Retry" : "Again",
    kind: isBad ? "quiet" : "quiet soft",
    confirm,
    run: () => act.ask("workflow_retry", { workflow_id: run.workflow_id, step: step.id }),
  });
}

function reportOf(page, act, run) {
  const read = page.reports.get(run.workflow_id);
  const toggle = h(
    "button",
    {
      key: "toggle",
      type: "button",
      class: "button quiet",
      "aria-expanded": String(Boolean(read)),
      on: { click: () => act.toggleReport(run.workflow_id) },
    },
    read ? "Hide" : "Show",
  );
  const again =
    read &&
    h(
      "button",
      { key: "again", type: "button", class: "button quiet", on: { click: () => act.readReport(run.workflow_id) } },
      "Read again",
    );
  const isLong = read?.text?.length > MOST_OUTPUT;
  const rest =
    isLong &&
    h(
      "p",
      { key: "rest", class: "clipped" },
      "Only the beginning is shown; ",
      h("code", {}, `mgr workflow report ${run.workflow_id}`),
      " has all.",
    );
  const text = read?.text !== undefined && [report(clip(read.text, MOST_OUTPUT)), rest];
  return section(
    "Report",
    { aside: h("span", { class: "links" }, again, toggle) },
    read?.error && refusal(read.error),
    text,
  );
}

const run = {
  load: loadRun,
  show: showRun,
  isLive: (data) => !isOver(data.run.status),
  name: (data) => oneLine(clip(data.run.name, 60)),
};

export const VIEWS = { overview, tasks, runs, task, run };
