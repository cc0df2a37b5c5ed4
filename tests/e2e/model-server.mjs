#!/usr/bin/env node
// Scripted model server: lets the real agent CLIs run with no network, no account and no model.
// It obeys scenario files and is not clever; it listens on loopback only and forwards nothing.
//
// How it works: every vendor's request is reduced to one neutral conversation (who said what). The last
// `[[scenario:NAME key=value]]` in what the user said names the file; the number of model turns since
// then picks the turn in it. So any number of conversations can share a server, a resumed session goes
// on where it was, and the only state is the count of failures already served to one turn.
//
// usage: model-server.mjs [--log FILE.jsonl] [--scenarios DIR] [--port N]
// Prints {"port":N} when ready. README.md describes the scenario files and the log.

import { createHash, randomUUID } from "node:crypto";
import { appendFileSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    log: { type: "string" },
    scenarios: { type: "string", default: fileURLToPath(new URL("scenarios", import.meta.url)) },
    port: { type: "string", default: "0" },
  },
});

const log = (line) => options.log && appendFileSync(options.log, JSON.stringify(line) + "\n");
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const textOf = (content) =>
  typeof content === "string" ? content : (content ?? []).map((part) => part.text ?? "").join("");
const joined = (contents) => contents.map(textOf).filter(Boolean).join("\n");
const words = (text) => text.split(/(?<=\s)/);

// --- Vendors -------------------------------------------------------------------------------------
//
// entries(body)         the neutral conversation: [{who: "user" | "model" | "tool", text}]
// system(body)          everything that instructs the model
// session(request)      what tells two conversations with equal prompts apart, if the vendor sends it
// call(tool)            a neutral tool call in the vendor's words
// frames(answer, body)  the streamed answer: [[event name or null, data]]
// whole(answer, body)   the same answer in one piece
// failure(status)       the body of an HTTP error

const anthropic = {
  name: "anthropic",
  handles: (path) => path === "/v1/messages",
  streams: (body) => body.stream === true,
  session: (request) => request.headers["x-claude-code-session-id"],
  system: ({ system, messages }) =>
    joined([system, ...messages.filter(({ role }) => role === "system").map(({ content }) => content)]),

  entries: ({ messages }) =>
    messages.flatMap(({ role, content }) => {
      if (role === "assistant") return [{ who: "model" }];
      if (role !== "user") return [];
      const blocks = typeof content === "string" ? [{ type: "text", text: content }] : content;
      return blocks.map((block) =>
        block.type === "tool_result"
          ? { who: "tool", text: textOf(block.content) }
          : { who: "user", text: block.text ?? "" },
      );
    }),

  call(tool) {
    switch (tool.kind) {
      case "shell":
        // Above the default of 120 s, so that no scenario's command is moved to the background.
        return { name: "Bash", input: { command: tool.command, description: "Run the script", timeout: 600_000 } };
      case "write":
        return { name: "Write", input: { file_path: tool.path, content: tool.content } };
      case "mcp":
        return { name: tool.name, input: tool.input };
    }
  },

  whole({ text, call }, { model }) {
    const block = call ? { type: "tool_use", id: `toolu_${randomUUID()}`, ...call } : { type: "text", text };
    return {
      id: `msg_${randomUUID()}`,
      type: "message",
      role: "assistant",
      model,
      content: [block],
      stop_reason: call ? "tool_use" : "end_turn",
      stop_sequence: null,
      usage: { input_tokens: 100, output_tokens: 20, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
    };
  },

  frames(answer, body) {
    const message = this.whole(answer, body);
    const [block] = message.content;
    const [empty, deltas] = answer.call
      ? [{ ...block, input: {} }, [{ type: "input_json_delta", partial_json: JSON.stringify(block.input) }]]
      : [{ type: "text", text: "" }, words(block.text).map((text) => ({ type: "text_delta", text }))];
    return [
      { type: "message_start", message: { ...message, content: [], stop_reason: null } },
      { type: "content_block_start", index: 0, content_block: empty },
      ...deltas.map((delta) => ({ type: "content_block_delta", index: 0, delta })),
      { type: "content_block_stop", index: 0 },
      {
        type: "message_delta",
        delta: { stop_reason: message.stop_reason, stop_sequence: null },
        usage: { output_tokens: message.usage.output_tokens },
      },
      { type: "message_stop" },
    ].map((data) => [data.type, data]);
  },

  failure(status) {
    const type = { 401: "authentication_error", 429: "rate_limit_error" }[status] ?? "api_error";
    return { type: "error", error: { type, message: `scripted ${status}` } };
  },
};

// A shell command that outlives one call (30 s at most) goes on in a Codex "session", which the model
// has to ask again; ending the turn would kill it. Polls are our business and no turns of the scenario.
const POLL = "write_stdin";

const openai = {
  name: "openai",
  handles: (path) => path === "/v1/responses",
  streams: (body) => body.stream === true,
  session: (_request, body) => body.prompt_cache_key,
  system: ({ instructions, input }) =>
    joined([
      instructions,
      ...itemsOf(input).filter(({ role }) => ["developer", "system"].includes(role)).map(({ content }) => content),
    ]),

  entries: ({ input, previous_response_id }) => [
    ...(remembered.get(previous_response_id) ?? []),
    ...itemsOf(input).flatMap(({ type, role, name, content, output }) => {
      if (type?.endsWith("_call_output")) return [{ who: "tool", text: textOf(output) }];
      if (name === POLL) return [];
      if (role === "assistant" || type?.endsWith("_call")) return [{ who: "model" }];
      return role === "user" ? [{ who: "user", text: textOf(content) }] : [];
    }),
  ],

  pending(last) {
    const running = last?.who === "tool" && /^Process running with session ID (\d+)/m.exec(last.text);
    return running && { name: POLL, input: { session_id: Number(running[1]), yield_time_ms: 300_000 } };
  },

  call(tool) {
    switch (tool.kind) {
      case "shell":
        return { name: "exec_command", input: { cmd: tool.command, yield_time_ms: 30_000 } };
      case "write":
        return { name: "apply_patch", freeform: addFilePatch(tool) };
      case "mcp": {
        const [, namespace, name] = /^(mcp__.+?)__(.+)$/.exec(tool.name);
        return { namespace, name, input: tool.input };
      }
    }
  },

  whole({ text, call, entries }, { model }) {
    const id = `resp_${randomUUID()}`;
    remembered.set(id, [...entries, { who: "model" }]);
    return {
      id,
      object: "response",
      created_at: Math.floor(Date.now() / 1000),
      status: "completed",
      model,
      output: [call ? callItem(call) : messageItem(text)],
      error: null,
      incomplete_details: null,
      usage: {
        input_tokens: 100,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: 20,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: 120,
      },
    };
  },

  frames(answer, body) {
    const response = this.whole(answer, body);
    const [item] = response.output;
    const begun = { ...response, status: "in_progress", output: [], usage: null };
    const at = { item_id: item.id, output_index: 0 };
    return [
      { type: "response.created", response: begun },
      { type: "response.in_progress", response: begun },
      ...(item.type === "message" ? messageFrames(item, at) : callFrames(item, at)),
      { type: "response.output_item.done", output_index: 0, item },
      { type: "response.completed", response },
    ].map((data, sequence_number) => [data.type, { sequence_number, ...data }]);
  },

  failure(status) {
    const code = { 401: "invalid_api_key", 429: "rate_limit_exceeded" }[status] ?? "server_error";
    return { error: { message: `scripted ${status}`, type: code, param: null, code } };
  },
};

// Conversations by response id, for clients that send `previous_response_id` and not the history.
const remembered = new Map();

const itemsOf = (input) => (typeof input === "string" ? [{ role: "user", content: input }] : input);

const addFilePatch = ({ path, content }) =>
  [
    "*** Begin Patch",
    `*** Add File: ${path}`,
    ...content.replace(/\n$/, "").split("\n").map((line) => `+${line}`),
    "*** End Patch",
  ].join("\n");

const messageItem = (text) => ({
  type: "message",
  id: `msg_${randomUUID()}`,
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text, annotations: [] }],
});

const callItem = ({ name, namespace, input, freeform }) => ({
  id: `call_item_${randomUUID()}`,
  call_id: `call_${randomUUID()}`,
  status: "completed",
  name,
  ...(freeform === undefined
    ? { type: "function_call", arguments: JSON.stringify(input), namespace }
    : { type: "custom_tool_call", input: freeform }),
});

const messageFrames = (item, at) => {
  const [part] = item.content;
  const place = { ...at, content_index: 0 };
  return [
    { type: "response.output_item.added", output_index: 0, item: { ...item, status: "in_progress", content: [] } },
    { type: "response.content_part.added", ...place, part: { ...part, text: "" } },
    ...words(part.text).map((delta) => ({ type: "response.output_text.delta", ...place, delta })),
    { type: "response.output_text.done", ...place, text: part.text },
    { type: "response.content_part.done", ...place, part },
  ];
};

const callFrames = (item, at) => {
  const field = item.type === "function_call" ? "arguments" : "input";
  const event = item.type === "function_call" ? "function_call_arguments" : "custom_tool_call_input";
  return [
    { type: "response.output_item.added", output_index: 0, item: { ...item, status: "in_progress", [field]: "" } },
    { type: `response.${event}.delta`, ...at, delta: item[field] },
    { type: `response.${event}.done`, ...at, [field]: item[field] },
  ];
};

const gemini = {
  name: "gemini",
  handles: (path) => /^\/v1beta\/models\/[^/]+:(streamGenerateContent|generateContent)$/.test(path),
  streams: (_body, path) => path.endsWith(":streamGenerateContent"),
  session: () => undefined,
  system: ({ systemInstruction }) => textOf(systemInstruction?.parts),

  entries: ({ contents }) =>
    contents.flatMap(({ role, parts }) =>
      role === "model"
        ? [{ who: "model" }]
        : parts.map(({ functionResponse, text }) =>
            functionResponse
              ? { who: "tool", text: functionResponse.response.output ?? JSON.stringify(functionResponse.response) }
              : { who: "user", text: text ?? "" },
          ),
    ),

  call(tool) {
    switch (tool.kind) {
      case "shell":
        return { name: "run_shell_command", args: { command: tool.command, description: "Run the script" } };
      case "write":
        return { name: "write_file", args: { file_path: tool.path, content: tool.content } };
      case "mcp":
        return { name: tool.name.replace(/^mcp__(.+?)__/, "mcp_$1_"), args: tool.input };
    }
  },

  chunk: (part, { model }, finishReason) => ({
    candidates: [{ index: 0, content: { role: "model", parts: [part] }, finishReason }],
    modelVersion: model,
    usageMetadata: { promptTokenCount: 100, candidatesTokenCount: 20, totalTokenCount: 120 },
  }),

  whole({ text, call }, body) {
    return this.chunk(call ? { functionCall: call } : { text }, body, "STOP");
  },

  frames({ text, call }, body) {
    const parts = call ? [{ functionCall: call }] : words(text).map((text) => ({ text }));
    return [...parts.map((part) => this.chunk(part, body)), this.chunk({ text: "" }, body, "STOP")].map((data) => [null, data]);
  },

  failure(status) {
    const name = { 401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED" }[status] ?? "INTERNAL";
    return { error: { code: status, message: `scripted ${status}`, status: name } };
  },
};

const vendors = [anthropic, openai, gemini];

// Gemini CLI asks small questions of its own (which model to use, who speaks next) and wants JSON back.
const HELPER_ANSWER = {
  reasoning: "scripted",
  model_choice: "pro",
  complexity_reasoning: "scripted",
  complexity_score: 50,
  next_speaker: "user",
};
const isHelper = (body) => body.generationConfig?.responseMimeType === "application/json";

// --- Scenarios -----------------------------------------------------------------------------------

const MARKER = /\[\[scenario:([a-z0-9-]+)((?: [a-z_]+=[^\s\]]+)*)\]\]/g;

// The CLIs put words of their own into the user's mouth: context wrapped in a tag such as <system-reminder>
// or <environment_context>, and Claude Code a note that the last turn was interrupted.
const isInjected = (text) => /^\s*<[a-z_-]+>|^\[Request interrupted by user/.test(text);

/** Reads a neutral conversation: which scenario it plays, which turn is due and what templates may quote. */
function read(entries) {
  const spoken = entries.filter(({ who, text }) => who !== "user" || !isInjected(text));
  const userTurns = spoken.filter(({ who }) => who === "user");
  const start = spoken.findLastIndex(({ who, text }) => who === "user" && text.match(MARKER));
  const [, scenario, pairs] = start < 0 ? [, "plain", ""] : [...spoken[start].text.matchAll(MARKER)].at(-1);
  const prompt = userTurns.at(-1)?.text ?? "";
  return {
    scenario,
    prompt,
    // An answer may be recorded as several items in a row: they are one turn.
    turn: spoken.slice(start + 1).filter(({ who }, i, all) => who === "model" && all[i - 1]?.who !== "model").length,
    facts: {
      args: Object.fromEntries(pairs.trim().split(" ").map((pair) => pair.split("="))),
      last: jsonIn(spoken.findLast(({ who }) => who === "tool")?.text ?? ""),
      prompt: { bytes: Buffer.byteLength(prompt), sha256: sha256(prompt) },
      user_turns: userTurns.length,
    },
  };
}

/** Returns the JSON object in a tool's answer (vendors put words around it), else the answer itself. */
function jsonIn(text) {
  try {
    return JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1));
  } catch {
    return text;
  }
}

const isFault = (reply) => reply.status !== undefined || reply.cut === true;
const served = new Map();

/**
 * Returns the reply that is due. Faults stand before the reply of a turn and are each served `times`
 * (once if not said) before it; whatever is last in the list is repeated for ever.
 */
function due(replies, turn, conversation) {
  const turns = [[]];
  for (const reply of replies) {
    turns.at(-1).push(reply);
    if (!isFault(reply)) turns.push([]);
  }
  if (turns.at(-1).length === 0) turns.pop();
  const steps = turns[Math.min(turn, turns.length - 1)].flatMap((reply) => Array(reply.times ?? 1).fill(reply));
  const attempt = served.get(conversation) ?? 0;
  served.set(conversation, attempt + 1);
  return steps[Math.min(attempt, steps.length - 1)];
}

/** Fills `{{a.b}}` from the facts, in every string of a reply. An unknown name is an error in the scenario. */
function fill(value, facts) {
  if (Array.isArray(value)) return value.map((one) => fill(one, facts));
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, fill(one, facts)]));
  }
  if (typeof value !== "string") return value;
  return value.replace(/\{\{([\w.]+)\}\}/g, (_, name) => {
    const fact = name.split(".").reduce((object, key) => object?.[key], facts);
    if (fact === undefined) throw new Error(`nothing to fill {{${name}}} with`);
    return typeof fact === "string" ? fact : JSON.stringify(fact);
  });
}

// --- Server --------------------------------------------------------------------------------------

const CREDENTIALS = ["authorization", "x-api-key", "x-goog-api-key"];
const CUT_TEXT = "This answer is cut off in the middle, so nobody ever reads how the sentence ends.";
let requests = 0;

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString() || "{}");
}

function sendJson(response, status, data, headers = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(data));
}

/** Sends the first half of what was to be said and drops the connection. */
function cutShort(response, pieces) {
  response.write(pieces.slice(0, Math.floor(pieces.length / 2)).join(""), () => response.socket?.destroy());
}

function sendAnswer(response, vendor, answer, { body, path, cut }) {
  const streams = vendor.streams(body, path);
  const pieces = streams
    ? vendor.frames(answer, body).map(([event, data]) => `${event ? `event: ${event}\n` : ""}data: ${JSON.stringify(data)}\n\n`)
    : [...JSON.stringify(vendor.whole(answer, body))];
  response.writeHead(200, { "content-type": streams ? "text/event-stream" : "application/json" });
  if (cut) cutShort(response, pieces);
  else response.end(pieces.join(""));
}

/** Answers what is no question to the model. */
function serveOther(response, path, about) {
  const counts = path === "/v1/messages/count_tokens";
  log({ ...about, reply: counts ? "count" : "not found" });
  if (counts) sendJson(response, 200, { input_tokens: 100 });
  else sendJson(response, 404, { error: { message: "not found" } });
}

async function serveModel(request, response, { vendor, path, about }) {
  const body = await bodyOf(request);
  body.model ??= /models\/([^:]+):/.exec(path)?.[1];
  const entries = vendor.entries(body);
  const { scenario, turn, prompt, facts } = read(entries);
  const session = vendor.session(request, body);
  const system = vendor.system(body);
  const logReply = (more) =>
    log({
      ...about,
      vendor: vendor.name,
      model: body.model,
      session,
      system_head: system.slice(0, 200),
      system_bytes: Buffer.byteLength(system),
      prompt_bytes: facts.prompt.bytes,
      prompt_sha256: facts.prompt.sha256,
      prompt_head: prompt.slice(0, 4000),
      user_turns: facts.user_turns,
      ...more,
    });

  if (isHelper(body)) {
    logReply({ reply: "helper" });
    return sendAnswer(response, vendor, { text: JSON.stringify(HELPER_ANSWER) }, { body, path });
  }
  const poll = vendor.pending?.(entries.at(-1));
  if (poll) {
    logReply({ scenario, reply: "poll" });
    return sendAnswer(response, vendor, { call: poll, entries }, { body, path });
  }

  const replies = JSON.parse(readFileSync(join(options.scenarios, `${scenario}.json`), "utf8"));
  const conversation = JSON.stringify([vendor.name, session, facts.prompt.sha256, facts.user_turns, turn]);
  const reply = fill(due(replies, turn, conversation), facts);
  logReply({ scenario, turn, reply: reply.status ?? (reply.cut ? "cut" : (reply.tool?.kind ?? "text")) });

  if (reply.delay_ms) await sleep(reply.delay_ms);
  if (response.destroyed) return;
  if (reply.status) return sendJson(response, reply.status, vendor.failure(reply.status), reply.headers);
  const call = reply.tool && vendor.call(reply.tool);
  sendAnswer(response, vendor, { text: reply.text ?? CUT_TEXT, call, entries }, { body, path, cut: reply.cut });
}

async function serve(request, response, seq) {
  const path = request.url.split("?")[0];
  const auth = CREDENTIALS.filter((name) => request.headers[name]);
  const about = { seq, event: "request", at: new Date().toISOString(), method: request.method, path, auth };
  const vendor = request.method === "POST" && vendors.find((one) => one.handles(path));
  if (vendor) await serveModel(request, response, { vendor, path, about });
  else serveOther(response, path, about);
}

// Tests name this server as the proxy for everything but loopback: whatever calls out is seen and turned away.
const logOutbound = (request) => log({ seq: ++requests, event: "outbound", to: request.url });

const server = createServer((request, response) => {
  if (!request.url.startsWith("/")) {
    logOutbound(request);
    return sendJson(response, 403, { error: { message: "no way out" } });
  }
  const seq = ++requests;
  // A client that hung up before the end: cancelled or killed (or cut off by us).
  response.on("close", () => response.writableFinished || log({ seq, event: "closed early" }));
  serve(request, response, seq).catch((error) => {
    log({ seq, event: "error", message: error.message });
    // 400 is what no client retries, so a mistake in a scenario shows at once.
    if (!response.headersSent) sendJson(response, 400, { error: { message: `model-server: ${error.message}` } });
  });
});

server.on("connect", (request, socket) => {
  logOutbound(request);
  socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
});

server.listen(Number(options.port), "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
