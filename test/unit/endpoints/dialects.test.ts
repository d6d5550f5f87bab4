/** What servers differ in, held against every parser of text: a table of how each API says things, and what must come of all of them alike. */
import { expect } from "chai";
import { createEndpoint } from "../../../endpoints/catalog.ts";
import type { ParsedResponse, RawResponse } from "../../../endpoints/endpoint.ts";
import { type ReadPart, responseOf } from "./openai/answers.ts";

type Json = Readonly<Record<string, unknown>>;

/** How an API streams. Events are of one answer; `undefined`: the API has no such thing. */
interface Dialect {
  readonly endpoint: string;
  /** Default: server-sent events. */
  readonly isLines?: boolean;
  /** The text `before` has been sent. */
  readonly text: (piece: string, before: string) => Json;
  /** Says why the answer of that text ended, with or behind its last piece. */
  readonly end: (text: string) => readonly Json[];
  /** As the API names it. */
  readonly reason: string | undefined;
  /** Behind the end. Default: nothing. */
  readonly mark?: string;
  /** An event as it is, with so many prompt and completion tokens so far. */
  readonly counted?: (event: Json, prompt: number, completion: number) => Json;
  readonly role?: Json;
  readonly reasoning?: readonly ((piece: string) => Json)[];
  /** A call of `find` with `{"a":1}`, in pieces. */
  readonly call?: readonly Json[];
  readonly refusal?: (piece: string) => Json;
  readonly audio?: Json;
  /** A piece of another answer than the first, and its end. */
  readonly other?: (piece: string, before: string) => Json;
  readonly otherEnd?: (text: string) => Json;
  /** Beside the text of an event. */
  readonly logprobs?: (event: Json) => Json;
  readonly error: Json;
}

const openAi = { id: "1", object: "chunk", created: 1, model: "m" };
const choice = (fields: Json, index = 0): Json => ({ ...openAi, choices: [{ index, finish_reason: null, ...fields }] });
const delta = (fields: Json, index = 0): Json => choice({ delta: fields }, index);
const openAiUsage = (event: Json, prompt: number, completion: number): Json => ({
  ...event,
  usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion },
});
const openAiError: Json = { error: { message: "engine died", type: "server_error", code: 500 } };
const inFirst = (event: Json, fields: Json): Json => ({ ...event, choices: [{ ...(event.choices as Json[])[0], ...fields }] });

const part = { item_id: "msg", output_index: 0, content_index: 0 };
const ollamaUsage = (event: Json, prompt: number, completion: number): Json => ({
  ...event,
  prompt_eval_count: prompt,
  eval_count: completion,
});

const dialects: readonly Dialect[] = [
  {
    endpoint: "chat",
    text: (piece) => delta({ content: piece }),
    end: () => [choice({ delta: {}, finish_reason: "stop" })],
    reason: "stop",
    mark: "[DONE]",
    counted: openAiUsage,
    role: delta({ role: "assistant", content: "" }),
    reasoning: [
      (piece) => delta({ reasoning_content: piece }),
      (piece) => delta({ reasoning: piece }),
      (piece) => delta({ content: [{ type: "thinking", thinking: [{ type: "text", text: piece }] }] }),
      (piece) => delta({ content: [{ type: "thinking", thinking: piece }] }),
    ],
    call: [
      delta({ tool_calls: [{ index: 0, id: "c", type: "function", function: { name: "find", arguments: "" } }] }),
      delta({ tool_calls: [{ index: 0, function: { arguments: '{"a":' } }] }),
      delta({ tool_calls: [{ index: 0, function: { arguments: "1}" } }] }),
    ],
    refusal: (piece) => delta({ refusal: piece }),
    audio: delta({ audio: { id: "a", data: "UklG" } }),
    other: (piece) => delta({ content: piece }, 1),
    otherEnd: () => choice({ delta: {}, finish_reason: "length" }, 1),
    logprobs: (event) =>
      inFirst(event, { logprobs: { content: [{ token: "x", logprob: -0.5, bytes: [120], top_logprobs: [] }] } }),
    error: openAiError,
  },
  {
    endpoint: "completions",
    text: (piece) => choice({ text: piece }),
    end: () => [choice({ text: "", finish_reason: "stop" })],
    reason: "stop",
    mark: "[DONE]",
    counted: openAiUsage,
    reasoning: [(piece) => choice({ text: "", reasoning_content: piece })],
    other: (piece) => choice({ text: piece }, 1),
    otherEnd: () => choice({ text: "", finish_reason: "length" }, 1),
    logprobs: (event) =>
      inFirst(event, { logprobs: { tokens: ["x"], token_logprobs: [-0.5], top_logprobs: [{}], text_offset: [3] } }),
    error: openAiError,
  },
  {
    endpoint: "responses",
    text: (piece) => ({ type: "response.output_text.delta", ...part, delta: piece }),
    end: () => [{ type: "response.completed", response: { status: "completed", output: [] } }],
    reason: "completed",
    counted: (event, prompt, completion) => {
      const { response } = event as { readonly response?: Json };
      const usage = { input_tokens: prompt, output_tokens: completion, total_tokens: prompt + completion };
      return response === undefined ? event : { ...event, response: { ...response, usage } };
    },
    role: { type: "response.output_item.added", output_index: 0, item: { type: "message", role: "assistant", content: [] } },
    reasoning: ["reasoning_text", "reasoning_summary_text"].map((kind) => (piece: string) => ({
      type: `response.${kind}.delta`,
      ...part,
      output_index: 3,
      delta: piece,
    })),
    call: [
      { type: "response.output_item.added", output_index: 1, item: { type: "function_call", call_id: "c", name: "find" } },
      { type: "response.function_call_arguments.delta", output_index: 1, delta: '{"a":' },
      { type: "response.function_call_arguments.delta", output_index: 1, delta: "1}" },
    ],
    refusal: (piece) => ({ type: "response.refusal.delta", ...part, delta: piece }),
    audio: { type: "response.audio.delta", delta: "UklG" },
    logprobs: (event) => ({ ...event, logprobs: [{ token: "x", logprob: -0.5, top_logprobs: [] }] }),
    error: { type: "error", code: "server_error", message: "engine died", param: null },
  },
  {
    endpoint: "messages",
    text: (piece) => ({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: piece } }),
    end: () => [{ type: "message_delta", delta: { stop_reason: "end_turn" } }, { type: "message_stop" }],
    reason: "end_turn",
    counted: (event, prompt, completion) =>
      event.type === "message_delta" ? { ...event, usage: { input_tokens: prompt, output_tokens: completion } } : event,
    role: { type: "message_start", message: { id: "1", type: "message", role: "assistant", content: [] } },
    reasoning: [(piece) => ({ type: "content_block_delta", index: 1, delta: { type: "thinking_delta", thinking: piece } })],
    call: [
      { type: "content_block_start", index: 2, content_block: { type: "tool_use", id: "c", name: "find", input: {} } },
      { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '{"a":' } },
      { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: "1}" } },
    ],
    error: { type: "error", error: { type: "overloaded_error", message: "engine died" } },
  },
  {
    endpoint: "ollama_chat",
    isLines: true,
    text: (piece) => ({ model: "m", message: { role: "assistant", content: piece }, done: false }),
    end: () => [{ model: "m", message: { role: "assistant", content: "" }, done: true, done_reason: "stop" }],
    reason: "stop",
    counted: ollamaUsage,
    reasoning: [(piece) => ({ message: { role: "assistant", content: "", thinking: piece }, done: false })],
    call: [{ message: { content: "", tool_calls: [{ function: { name: "find", arguments: { a: 1 } } }] }, done: false }],
    error: { error: "engine died" },
  },
  {
    endpoint: "ollama_generate",
    isLines: true,
    text: (piece) => ({ model: "m", response: piece, done: false }),
    end: () => [{ model: "m", response: "", done: true, done_reason: "stop" }],
    reason: "stop",
    counted: ollamaUsage,
    reasoning: [(piece) => ({ response: "", thinking: piece, done: false })],
    error: { error: "engine died" },
  },
  {
    endpoint: "sglang_generate",
    text: (piece, before) => ({ text: before + piece, meta_info: { id: "1", finish_reason: null } }),
    end: (text) => [{ text, meta_info: { id: "1", finish_reason: { type: "stop", matched: 2 } } }],
    reason: "stop",
    mark: "[DONE]",
    counted: (event, prompt, completion) => ({
      ...event,
      meta_info: { ...(event.meta_info as Json), prompt_tokens: prompt, completion_tokens: completion },
    }),
    other: (piece, before) => ({ index: 1, text: before + piece, meta_info: { finish_reason: null } }),
    otherEnd: (text) => ({ index: 1, text, meta_info: { finish_reason: { type: "length", length: 2 } } }),
    logprobs: (event) => ({ ...event, meta_info: { ...(event.meta_info as Json), output_token_logprobs: [[-0.5, 12, null]] } }),
    error: openAiError,
  },
  {
    endpoint: "huggingface_generate",
    text: (piece) => ({ index: 1, token: { id: 1, text: piece, logprob: -0.5, special: false }, generated_text: null }),
    end: (text) => [
      {
        index: 2,
        token: { id: 2, text: "</s>", logprob: 0, special: true },
        generated_text: text,
        details: { finish_reason: "eos_token", generated_tokens: 3 },
      },
    ],
    reason: "eos_token",
    logprobs: (event) => ({ ...event, top_tokens: [{ id: 1, text: "x", logprob: -0.5, special: false }] }),
    error: { error: "engine died", error_type: "generation" },
  },
  {
    endpoint: "kserve_generate",
    text: (piece) => ({ model_name: "m", model_version: "1", text_output: piece }),
    end: () => [{ model_name: "m", text_output: "", finish_reason: "stop" }],
    reason: "stop",
    error: { error: "engine died" },
  },
  {
    endpoint: "solido_rag",
    text: (piece) => ({ content: piece }),
    end: () => [],
    reason: undefined,
    error: openAiError,
  },
];

const pieces = ["Grüß ", "dich, ", "世界 🌍"];
const answer = pieces.join("");

/** Ends of lines, and what stands between events. */
interface Framing {
  readonly newline?: string;
  readonly between?: string;
  /** JSON over several data lines. */
  readonly isSpread?: boolean;
}

function framed({ isLines }: Dialect, event: Json | string, { newline = "\n", between = "", isSpread = false }: Framing): string {
  if (isLines) return `${JSON.stringify(event)}${newline}${between === "" ? "" : newline}`;
  const data = typeof event === "string" ? event : JSON.stringify(event, null, isSpread ? 1 : 0);
  const lines = data.split("\n").map((line) => `data: ${line}${newline}`);
  return `${lines.join("")}${newline}${between}`;
}

function textEvents(dialect: Dialect, of: readonly string[] = pieces): Json[] {
  let before = "";
  return of.map((piece) => {
    const event = dialect.text(piece, before);
    before += piece;
    return event;
  });
}

function wholeAnswer(dialect: Dialect, events: readonly Json[], text = answer): (Json | string)[] {
  return [...events, ...dialect.end(text), ...(dialect.mark === undefined ? [] : [dialect.mark])];
}

function bodyOf(dialect: Dialect, events: readonly (Json | string)[], framing: Framing = {}): string {
  return events.map((event) => framed(dialect, event, framing)).join("");
}

function parse({ endpoint, isLines = false }: Dialect, parts: readonly ReadPart[]): ParsedResponse {
  const made = createEndpoint(endpoint) ?? expect.fail(`there is no endpoint ${endpoint}`);
  const changes: Partial<RawResponse> = isLines ? { contentType: "application/x-ndjson" } : {};
  return made.parse(responseOf(parts, changes));
}

function parseBody(dialect: Dialect, body: string): ParsedResponse {
  return parse(dialect, [{ text: body, ms: 10 }]);
}

function said({ error, outputText, reasoningText, finishReason, contentNs }: ParsedResponse) {
  return { error, outputText, reasoningText, finishReason, chunks: contentNs.length };
}

for (const dialect of dialects) {
  describe(`${dialect.endpoint}: a stream`, () => {
    const good = { error: undefined, outputText: answer, reasoningText: "", finishReason: dialect.reason, chunks: 3 };
    const events = wholeAnswer(dialect, textEvents(dialect));
    const body = bodyOf(dialect, events);

    it("has its text, why it ended, and a chunk for each piece", () => {
      expect(said(parseBody(dialect, body))).to.deep.equal(good);
    });

    it("is the same without [DONE], with CR LF, with keep-alives, with data over several lines, with unknown fields", () => {
      expect(
        said(
          parseBody(
            dialect,
            bodyOf(
              dialect,
              events.filter((event) => event !== "[DONE]"),
            ),
          ),
        ),
      ).to.deep.equal(good);
      expect(said(parseBody(dialect, bodyOf(dialect, events, { newline: "\r\n" })))).to.deep.equal(good);
      expect(said(parseBody(dialect, bodyOf(dialect, events, { between: ": ping\n\n" })))).to.deep.equal(good);
      expect(said(parseBody(dialect, bodyOf(dialect, events, { isSpread: true })))).to.deep.equal(good);
      const unknown = { nvext: { worker_id: 1 }, obfuscation: "x", deep: [[{ a: null }]] };
      const richer = events.map((event) => (typeof event === "string" ? event : { ...event, ...unknown }));
      expect(said(parseBody(dialect, bodyOf(dialect, richer)))).to.deep.equal(good);
    });

    it("is the same in reads of one byte, each chunk at the moment of the read that completed it", () => {
      const bytes = Buffer.from(body);
      const parsed = parse(
        dialect,
        Array.from(bytes, (byte, index) => ({ text: Uint8Array.of(byte), ms: index })),
      );
      expect(said(parsed)).to.deep.equal(good);
      expect(parsed.coalescedChunks).to.equal(0);
      const sizes = events.map((event) => Buffer.byteLength(framed(dialect, event, {})));
      const ends = [0, 1, 2].map((index) => sizes.slice(0, index + 1).reduce((sum, size) => sum + size, -1));
      expect([...parsed.contentNs].map((ns) => ns / 1e6)).to.deep.equal(ends);
    });

    it("marks the chunks that came together with the one before", () => {
      const [first = "", ...rest] = events.map((event) => framed(dialect, event, {}));
      const parsed = parse(dialect, [
        { text: first, ms: 5 },
        { text: rest.join(""), ms: 9 },
      ]);
      expect([...parsed.contentNs]).to.deep.equal([5e6, 9e6, 9e6]);
      expect(parsed.coalescedChunks).to.equal(1);
    });

    it("of 50,000 tokens is read whole", () => {
      const many = Array.from({ length: 50_000 }, (_, index) => ` ${index % 10}`);
      // Of a server that says all of the text again in each event a fifth of a thousandth is long enough.
      const some = dialect.endpoint === "sglang_generate" ? many.slice(0, 2000) : many;
      const parsed = parseBody(dialect, bodyOf(dialect, wholeAnswer(dialect, textEvents(dialect, some), some.join(""))));
      expect(said(parsed)).to.deep.include({ error: undefined, chunks: some.length });
      expect(parsed.outputText).to.equal(some.join(""));
    });

    it("that reports an error in its midst has failed, with the server's words and what had come", () => {
      const [first] = textEvents(dialect);
      const parsed = parseBody(dialect, bodyOf(dialect, [first as Json, dialect.error]));
      expect(parsed.error).to.include({ code: "in_band_error" });
      expect(parsed.error?.message).to.contain("engine died");
      expect(parsed.contentNs).to.have.lengthOf(1);
    });

    it("that breaks off is truncated", () => {
      const cut = bodyOf(dialect, textEvents(dialect)).trimEnd().slice(0, -3);
      expect(parseBody(dialect, cut).error?.code).to.equal("truncated");
    });

    it("has reasoning between tags apart", () => {
      const tagged = ["<th", "ink>", "hm", "</thi", "nk>", answer];
      const parsed = parseBody(dialect, bodyOf(dialect, wholeAnswer(dialect, textEvents(dialect, tagged), tagged.join(""))));
      expect(said(parsed)).to.deep.equal({ ...good, reasoningText: "hm", chunks: 6 });
    });

    const { counted, role, reasoning = [], call, refusal, audio, other, otherEnd, logprobs } = dialect;

    if (counted !== undefined) {
      it("has the last usage, whether it comes at the end or in every chunk", () => {
        const usage = { promptTokens: 7, completionTokens: 5 };
        const atEnd = events.map((event) =>
          typeof event === "string" || dialect.end(answer).every((one) => JSON.stringify(one) !== JSON.stringify(event))
            ? event
            : counted(event, 7, 5),
        );
        expect(parseBody(dialect, bodyOf(dialect, atEnd)).usage).to.deep.include(usage);
        const inAll = events.map((event, index) =>
          typeof event === "string" ? event : counted(event, 7, Math.min(5, index + 2)),
        );
        const parsed = parseBody(dialect, bodyOf(dialect, inAll));
        expect(said(parsed)).to.deep.equal(good);
        expect(parsed.usage).to.deep.include(usage);
      });
    }

    if (role !== undefined) {
      it("that begins with nothing but a role has its first token later", () => {
        const parsed = parse(dialect, [
          { text: framed(dialect, role, {}), ms: 5 },
          { text: body, ms: 9 },
        ]);
        expect(said(parsed)).to.deep.equal(good);
        expect(parsed.firsts).to.include({ eventNs: 5e6, roleNs: 5e6, textNs: 9e6 });
      });
    }

    for (const [index, reason] of reasoning.entries()) {
      it(`has reasoning as the API has it apart (${index + 1})`, () => {
        const parsed = parseBody(dialect, bodyOf(dialect, [reason("h"), reason("m"), ...events]));
        expect(said(parsed)).to.deep.equal({ ...good, reasoningText: "hm", chunks: 5 });
      });
    }

    if (call !== undefined) {
      it("has a call of a tool, which is content", () => {
        const parsed = parseBody(dialect, bodyOf(dialect, [...textEvents(dialect), ...call, ...wholeAnswer(dialect, [])]));
        expect(parsed.calling).to.deep.include({ text: answer });
        expect(parsed.calling?.calls).to.have.lengthOf(1);
        expect(parsed.calling?.calls[0]).to.deep.include({ name: "find", argumentsText: '{"a":1}' });
        expect(said(parsed)).to.deep.equal({ ...good, outputText: `${answer}find{"a":1}`, chunks: 3 + call.length });
        expect(parsed.firsts?.callNs).to.equal(10e6);
      });
    }

    if (refusal !== undefined) {
      it("has a refusal as its text", () => {
        const parsed = parseBody(dialect, bodyOf(dialect, wholeAnswer(dialect, [refusal("I "), refusal("won't")])));
        expect(said(parsed)).to.deep.equal({ ...good, outputText: "I won't", chunks: 2 });
      });
    }

    if (audio !== undefined) {
      it("has audio as content that is no text", () => {
        const parsed = parseBody(dialect, bodyOf(dialect, wholeAnswer(dialect, [audio, audio])));
        expect(said(parsed)).to.deep.equal({ ...good, outputText: "", chunks: 2 });
        expect(parsed.firsts?.textNs).to.equal(undefined);
      });
    }

    if (logprobs !== undefined) {
      it("does not mind probabilities beside its text", () => {
        const richer = wholeAnswer(dialect, textEvents(dialect).map(logprobs));
        expect(said(parseBody(dialect, bodyOf(dialect, richer)))).to.deep.equal(good);
      });
    }

    if (other !== undefined && otherEnd !== undefined) {
      const [one, two, three] = textEvents(dialect) as [Json, Json, Json];
      const first = [other("A", ""), one, other("B", "A"), two, three, ...dialect.end(answer)];

      it("of several answers has the first one's text, and the chunks and texts of all", () => {
        const parsed = parseBody(dialect, bodyOf(dialect, [...first, otherEnd("AB")]));
        expect(said(parsed)).to.deep.equal({ ...good, chunks: 5 });
        expect(parsed.others).to.deep.equal({ count: 2, ended: 1, outputText: "AB", reasoningText: "" });
      });

      it("of several answers is truncated where one of them has no end, unless [DONE] says so", () => {
        expect(parseBody(dialect, bodyOf(dialect, first)).error?.code).to.equal("truncated");
        expect(parseBody(dialect, bodyOf(dialect, [...first, "[DONE]"])).error).to.equal(undefined);
      });
    }
  });
}
