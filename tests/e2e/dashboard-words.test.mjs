// The rules of the dashboard's page that need no document: what text becomes, what a card takes, when is asked again.
//
// usage: node --test dashboard-words.test.mjs
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const source = readFileSync(new URL("../../src/surface/web/page/words.js", import.meta.url), "utf8");
const words = await import(`data:text/javascript;base64,${Buffer.from(source).toString("base64")}`);
const { clean, clip, coalesced, cursorNearEnd, durationWords, eventWords, growingPause, hashOf, keepCards, lookAnew } =
  words;
const {
  marked,
  moneyWords,
  patchReader,
  blocksOf,
  questionsOf,
  roughWords,
  routeOf,
  runCostWords,
  streamReader,
  waitingCount,
} = words;

test("text that others wrote drives nothing and hides nothing", () => {
  const hostile = "a\u001b[2Jb\u001b]0;title\u0007c\u001b]8;;http://x\u001b\\d\u009b31me\rf\u0008g\u202eh\u001b";
  assert.equal(clean(hostile), "abcde\ufffdf\ufffdg‹U+202E›h");
  assert.equal(clean("line\r\nnext\ttab ü 漢"), "line\nnext\ttab ü 漢");
  assert.equal(clean("\u001b[31"), "");
  // A title without an end swallows its line, not what follows.
  assert.equal(clean("x\u001b]0;never ended\nnext"), "x\nnext");
  assert.equal(
    clean("pay\u200bpal \u2066x\u2069 \ufeff\u{e0041}"),
    "pay‹U+200B›pal ‹U+2066›x‹U+2069› ‹U+FEFF›‹U+E0041›",
  );
  assert.equal(clean("👩‍💻 a\u200db"), "👩‍💻 a‹U+200D›b");
  assert.equal(clean("half \ud83d"), "half \ufffd");
  assert.equal(clean("<b>&amp;</b>"), "<b>&amp;</b>");
});

test("a long text is cut between characters", () => {
  assert.equal(clip("short", 5), "short");
  assert.equal(clip("longer", 5), "long…");
  assert.equal(clip("👩👩👩👩", 3), "👩👩…");
});

test("numbers read as those of the command line", () => {
  assert.deepEqual([0.04, 4.29, 59.9, 80, 7200, 200_000].map(durationWords), [
    "0.0s",
    "4.2s",
    "59s",
    "1m 20s",
    "2h 0m",
    "2d 7h",
  ]);
  assert.deepEqual([2, 44, 61, 7300].map(roughWords), ["a moment", "40s", "1m", "2h 1m"]);
  assert.deepEqual([undefined, null, 0, 0.0031, 0.41, 1234.5].map(moneyWords), [
    "unknown",
    "unknown",
    "$0.00",
    "$0.0031",
    "$0.41",
    "$1,234.50",
  ]);
});

test("what a run cost is never a zero that nobody knows", () => {
  const runs = [
    { demo: true },
    { cost_usd: 1.5 },
    { cost_usd: 1.5, cost_unknown_steps: 2 },
    { cost_unknown_steps: 1 },
    {},
  ];
  assert.deepEqual(runs.map(runCostWords), ["demo", "$1.50", "$1.50 + unknown", "unknown", "–"]);
});

test("every status has a word, and one that is new is shown as it is", () => {
  assert.deepEqual(marked("timed_out"), { word: "timed out", shape: "cross", tone: "bad" });
  assert.equal(marked("something_new").word, "something new");
});

test("events that say nothing to people are left out", () => {
  assert.equal(eventWords({ kind: "usage" }), null);
  assert.equal(eventWords({ kind: "tool_finished", ok: true }), null);
  assert.deepEqual(eventWords({ kind: "failed", category: "auth", message: "no" }), {
    who: "end",
    what: "failed (auth): no",
    tone: "bad",
  });
  assert.equal(eventWords({ kind: "not_known_yet" }).who, "not_known_yet");
});

test("a log is read from near its end", () => {
  assert.deepEqual(
    ["1-30", "1-900", "3-30", "3-900", "?"].map((end) => cursorNearEnd(end, 400)),
    [undefined, "1-500", "3-0", "3-500", undefined],
  );
});

test("a line of a file never passes for a line of the patch", () => {
  const patch = [
    "diff --git a/x b/x",
    "--- a/x",
    "+++ b/x",
    "@@ -1,2 +1,3 @@",
    " same",
    "--- gone",
    "+++ came",
    "+@@ -9 +9 @@",
    "diff --git a/y b/y",
    "",
  ].join("\n");
  const read = patchReader();
  assert.deepEqual(
    read(patch).map(({ kind, old, new: now }) => [kind, old, now]),
    [
      ["file", undefined, undefined],
      ["meta", undefined, undefined],
      ["meta", undefined, undefined],
      ["hunk", undefined, undefined],
      ["same", 1, 1],
      ["del", 2, undefined],
      ["add", undefined, 2],
      ["add", undefined, 3],
      ["file", undefined, undefined],
    ],
  );
});

test("a patch goes on where its first part ended", () => {
  const read = patchReader();
  read("@@ -1,3 +1,3 @@\n a\n");
  assert.deepEqual(
    read("-b\n+c\n d\n").map((row) => row.kind),
    ["del", "add", "same"],
  );
});

test("a report is read by its blocks, and a fence keeps what is in it", () => {
  const text =
    "# name\n\ntwo\nlines\n\n- a\n- b\n\n| x | y |\n|---|---|\n| 1 | a \\| b |\n\n````text\n# no heading\n```\n````\n## end";
  assert.deepEqual(blocksOf(text), [
    { kind: "heading", level: 1, text: "name" },
    { kind: "text", text: "two\nlines" },
    { kind: "list", items: ["a", "b"] },
    {
      kind: "table",
      items: [
        ["x", "y"],
        ["1", "a | b"],
      ],
    },
    { kind: "fence", text: "# no heading\n```" },
    { kind: "heading", level: 2, text: "end" },
  ]);
});

test("an address comes back as it was written", () => {
  const routes = [
    routeOf(""),
    routeOf("#/"),
    routeOf(hashOf("task", "a/b c", { search: "x&y=1", status: "" })),
    routeOf("#/run/%zz"),
  ];
  assert.deepEqual(
    routes.map(({ name, id }) => [name, id]),
    [
      ["overview", ""],
      ["overview", ""],
      ["task", "a/b c"],
      ["run", "%zz"],
    ],
  );
  assert.deepEqual(routes[2].query, { search: "x&y=1" });
});

// --- Cards ----------------------------------------------------------------------------------------

const item = (id, digest, since = "1") => ({ id, kind: "approval", question: "ship?", digest, since });
const states = (cards) => cards.map((card) => `${card.id} ${card.state} ${card.item.digest}`);
const far = { isHeld: false };

test("what has changed is shown as it was until the person looks anew", () => {
  const first = keepCards([], [item("a", "1")], { now: 0, ...far });
  const second = keepCards(first, [item("a", "2")], { now: 10, ...far });
  assert.deepEqual(states(second), ["a changed 1"]);
  assert.equal(waitingCount(second), 1);
  const third = [lookAnew(second[0], 20)];
  assert.deepEqual([states(third), third[0].steady], [["a open 2"], 620]);
  assert.deepEqual(states(keepCards(third, [item("a", "2")], { now: 30, ...far })), ["a open 2"]);
});

test("a card that nobody waits for stays a while, longer under a hand, and nothing before it moves", () => {
  const both = keepCards([], [item("a", "1"), item("b", "1")], { now: 0, ...far });
  const gone = keepCards(both, [item("b", "1"), item("c", "1")], { now: 1000, ...far });
  assert.deepEqual(states(gone), ["a gone 1", "b open 1", "c open 1"]);
  assert.equal(gone[1].steady, 1600);
  assert.equal(keepCards(gone, [item("b", "1")], { now: 7000, isHeld: true })[0].state, "gone");
  const moved = keepCards(gone, [item("b", "1"), item("c", "1")], { now: 7000, ...far });
  assert.deepEqual(states(moved), ["b open 1", "c open 1"]);
  // What has just moved under the pointer takes no press for a moment.
  assert.equal(moved[0].steady, 7600);
  assert.equal(
    keepCards(gone, [], { now: 60_000, isHeld: true }).some((card) => card.id === "a"),
    false,
  );
});

test("a question that is asked again is a new one; the list that is late is not", () => {
  const answered = [{ id: "a", item: item("a", "1"), state: "answered", until: 6000, steady: 0 }];
  assert.deepEqual(states(keepCards(answered, [item("a", "1")], { now: 10, ...far })), ["a answered 1"]);
  assert.deepEqual(states(keepCards(answered, [item("a", "1", "2")], { now: 10, ...far })), ["a open 1"]);
  assert.deepEqual(states(keepCards(answered, [item("a", "2", "2")], { now: 10, ...far })), ["a changed 1"]);
});

test("tasks that ask are questions like the others", () => {
  const tasks = [
    { task_id: "t", prompt: "p", failure: { message: "which?" }, finished_at: "2" },
    { task_id: "u", prompt: "q", created_at: "3" },
  ];
  assert.deepEqual(
    questionsOf({ items: [item("a", "1")], tasks }).map((one) => [one.id, one.kind, one.question, one.since]),
    [
      ["a", "approval", "ship?", "1"],
      ["t", "task", "which?", "2"],
      ["u", "rebuilt", "q", "3"],
    ],
  );
});

// --- Order ----------------------------------------------------------------------------------------

test("one look is at work and one waits, however often is asked", async () => {
  let [clock, atWork, most, runs] = [0, 0, 0, 0];
  const pauses = [];
  const pause = async (ms) => {
    pauses.push(ms);
    clock += ms;
  };
  const run = async () => {
    runs += 1;
    atWork += 1;
    most = Math.max(most, atWork);
    clock += 40;
    await null;
    atWork -= 1;
    if (runs === 1) throw new Error("the first one fails");
  };
  const ask = coalesced(run, (took) => Math.max(250, 2 * took), { now: () => clock, pause });
  const first = ask();
  assert.equal(ask(), first);
  await assert.rejects(first);
  const [second, third] = [ask(), ask()];
  assert.equal(second, third);
  await second;
  await ask();
  assert.deepEqual([runs, most, pauses], [3, 1, [210, 210]]);
});

test("pauses grow up to a limit and begin anew", () => {
  const pause = growingPause(2000, 15_000);
  const [first, second, ...rest] = Array.from({ length: 8 }, () => pause.next());
  assert.deepEqual([first, second, rest.at(-1)], [2000, 3400, 15_000]);
  pause.reset();
  assert.equal(pause.next(), 2000);
});

test("messages of a stream are counted wherever it is cut", () => {
  const read = streamReader();
  assert.deepEqual(["data: 1\n", "\n: still here\n\nda", "ta: 2\n\ndata: 3\n\n"].map(read), [0, 1, 2]);
});
