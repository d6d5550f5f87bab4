import { expect } from "chai";
import fc from "fast-check";
import { createEndpoint } from "../../../../endpoints/catalog.ts";
import type { ParsedResponse, RawResponse, TurnInput } from "../../../../endpoints/endpoint.ts";
import { parseAnswer } from "../../../../endpoints/event-stream.ts";
import { EventTemplates } from "../../../../endpoints/event-template.ts";
import type { BodyOptions } from "../../../../endpoints/openai/body.ts";
import { readChatEvent } from "../../../../endpoints/openai/chat-event.ts";
import { createCompletionsEndpoint } from "../../../../endpoints/openai/completions.ts";
import { readCompletionsEvent } from "../../../../endpoints/openai/completions-event.ts";
import { type ReadPart, responseOf, sse } from "./answers.ts";

/** One chunk of a stream with vLLM's fields; `choice` undefined: no choices. */
function chunk(choice: Record<string, unknown> | undefined, rest: Record<string, unknown> = {}): Record<string, unknown> {
  const choices = choice === undefined ? [] : [{ index: 0, logprobs: null, finish_reason: null, stop_reason: null, ...choice }];
  return { id: "cmpl-1", object: "text_completion", created: 1, model: "m", choices, ...rest };
}

const said = (text: string): Record<string, unknown> => chunk({ text });
const finish = chunk({ text: "", finish_reason: "length" });
const usage = { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 };
const json = { contentType: "application/json", isStreaming: false };

function parse(parts: readonly ReadPart[], changes: Partial<RawResponse> = {}): ParsedResponse {
  return createCompletionsEndpoint().parse(responseOf(parts, changes));
}

const parseText = (text: string, changes?: Partial<RawResponse>): ParsedResponse => parse([{ text, ms: 10 }], changes);

const turn: TurnInput = {
  model: "llama",
  messages: [{ role: "user", content: "grüß dich 🚂" }],
  maxOutputTokens: undefined,
  isStreaming: false,
  extraInputs: {},
};

function bodyText(changes: Partial<TurnInput>, options?: BodyOptions): string {
  return Buffer.from(createCompletionsEndpoint(options).formatBody({ ...turn, ...changes })).toString();
}

const body = (changes: Partial<TurnInput>, options?: BodyOptions): Record<string, unknown> =>
  JSON.parse(bodyText(changes, options));

describe("completions: the body of a request", () => {
  it("has AIPerf's fields in AIPerf's order, as UTF-8", () => {
    expect(bodyText({ isStreaming: true, maxOutputTokens: 16 })).to.equal(
      '{"prompt":"grüß dich 🚂","model":"llama","stream":true,"max_tokens":16,"stream_options":{"include_usage":true}}',
    );
  });

  it("says nothing about length or stream options where neither was asked for", () => {
    expect(Object.keys(body({}))).to.deep.equal(["prompt", "model", "stream"]);
  });

  it("writes max_tokens whatever chat would be told to write", () => {
    for (const useLegacyMaxTokens of [true, false]) {
      const endpoint = createEndpoint("completions", { useLegacyMaxTokens });
      const written = JSON.parse(Buffer.from(endpoint!.formatBody({ ...turn, maxOutputTokens: 16 })).toString());
      expect(written.max_tokens).to.equal(16);
      expect(written).not.to.have.property("max_completion_tokens");
    }
  });

  it("asks no stream for usage when that is switched off", () => {
    expect(body({ isStreaming: true }, { includeUsage: false })).not.to.have.property("stream_options");
  });

  it("is the messages' text, line by line, where there are several", () => {
    const messages = [
      { role: "system", content: "be brief" },
      { role: "user", content: "hi" },
    ] as const;
    expect(body({ messages }).prompt).to.equal("be brief\nhi");
  });

  it("lets extra inputs replace fields, shallowly and last", () => {
    const extraInputs = { max_tokens: 2, prompt: ["a", "b"], ignore_eos: true, stream_options: { a: 1 } };
    const written = body({ isStreaming: true, maxOutputTokens: 16, extraInputs });
    expect(written).to.deep.include({ max_tokens: 2, prompt: ["a", "b"], ignore_eos: true });
    expect(written.stream_options).to.deep.equal({ include_usage: true, a: 1 });
    expect(extraInputs.stream_options).to.deep.equal({ a: 1 });
  });
});

describe("completions: a streamed answer", () => {
  it("is read whole: text, finish reason, usage, a stamp for every chunk with text", () => {
    const parsed = parse([
      { text: sse(said("Hel")), ms: 20 },
      { text: sse(said("lo")), ms: 30 },
      { text: sse(finish), ms: 40 },
      { text: sse(chunk(undefined, { usage }), "[DONE]"), ms: 50 },
    ]);
    expect(parsed).to.deep.equal({
      error: undefined,
      contentNs: Float64Array.of(20e6, 30e6),
      firstOutputNs: 20e6,
      firsts: { eventNs: 20e6, roleNs: undefined, reasoningNs: undefined, textNs: 20e6, callNs: undefined },
      coalescedChunks: 0,
      outputText: "Hello",
      reasoningText: "",
      usage: { promptTokens: 5, completionTokens: 3, totalTokens: 8, reasoningTokens: undefined, cachedPromptTokens: undefined },
      finishReason: "length",
      isStreamIgnored: false,
    });
  });

  it("says the same at every split point, with the stamp of the read that completes each chunk", () => {
    const ends: number[] = [];
    const events = ["ü", "\n\n", ' "data: "', "🚂", "[DONE]"].map(said);
    const rest = [finish, chunk(undefined, { usage })];
    let text = "";
    for (const event of events) {
      text += sse(event);
      ends.push(Buffer.byteLength(text));
    }
    const payload = Buffer.from(text + sse(...rest, "[DONE]"));
    const whole = parse([{ text: payload, ms: 10 }]);
    expect(whole.outputText).to.equal('ü\n\n "data: "🚂[DONE]');
    for (let cut = 0; cut <= payload.length; cut++) {
      const parsed = parse([
        { text: payload.subarray(0, cut), ms: 10 },
        { text: payload.subarray(cut), ms: 20 },
      ]);
      expect([...parsed.contentNs], `cut at ${cut}`).to.deep.equal(ends.map((end) => (end <= cut ? 10e6 : 20e6)));
      const { outputText, usage: counts, finishReason, error } = parsed;
      expect({ outputText, counts, finishReason, error }, `cut at ${cut}`).to.deep.equal({
        outputText: whole.outputText,
        counts: whole.usage,
        finishReason: "length",
        error: undefined,
      });
    }
  });

  it("says the same with templates as without, whatever they have learned", () => {
    const templates = new EventTemplates();
    const piece = fc.constantFrom(" the", "Hello", ",", '"text":"', "", "ü", "\\", "stop", "[DONE]");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.boolean(), (pieces, isFinished) => {
        const text = sse(...pieces.map(said), ...(isFinished ? [finish] : []), "[DONE]");
        const response = responseOf([{ text, ms: 10 }]);
        expect(parseAnswer(response, readCompletionsEvent, templates)).to.deep.equal(parseAnswer(response, readCompletionsEvent));
      }),
    );
  });

  it("is truncated where it is cut off at any byte before its finish reason", () => {
    const payload = Buffer.from(sse(said("a"), said("b")));
    for (let length = 0; length < payload.length; length++) {
      expect(parse([{ text: payload.subarray(0, length), ms: 1 }]).error?.code, `${length} bytes`).to.equal("truncated");
    }
  });

  it("counts the first choice alone, and needs no known object name", () => {
    const event = { object: "completion", choices: [{ text: "a" }, { text: "b" }] };
    expect(parseText(sse(event, finish)).outputText).to.equal("a");
  });
});

describe("completions: an answer in one document", () => {
  it("is read whole, with one content stamp: its last read", () => {
    const answer = JSON.stringify(chunk({ text: "grün", finish_reason: "stop" }, { usage }));
    const parts = [
      { text: answer.slice(0, 40), ms: 10 },
      { text: answer.slice(40), ms: 20 },
    ];
    const parsed = parse(parts, json);
    expect([parsed.outputText, parsed.finishReason, parsed.usage?.promptTokens]).to.deep.equal(["grün", "stop", 5]);
    expect([...parsed.contentNs]).to.deep.equal([20e6]);
    expect(parse(parts, { ...json, isStreaming: true }).isStreamIgnored).to.equal(true);
  });
});

describe("completions: an answer that went wrong", () => {
  const rows: readonly (readonly [string, string, Partial<RawResponse>, string])[] = [
    ["reports an error in its stream", sse(said("a"), { error: { message: "boom" } }, "[DONE]"), {}, "in_band_error"],
    ["reports an error in a document", '{"error":{"message":"boom"}}', json, "in_band_error"],
    ["runs out of context", sse({ error: { message: "no", code: "context_length_exceeded" } }), {}, "context_overflow"],
    ["has no text", sse(finish, "[DONE]"), {}, "empty"],
    [
      "has choices of an unexpected kind",
      sse({ choices: 5 }, { choices: [null] }, { choices: [{ text: 7 }] }, finish),
      {},
      "empty",
    ],
    ["is no JSON", "<html></html>", json, "parse"],
    ["has a status of its own", '{"detail":"Not Found"}', { ...json, status: 404 }, "http_4xx"],
  ];
  for (const [title, text, changes, code] of rows) {
    it(`is ${code} where it ${title}`, () => expect(parseText(text, changes).error?.code).to.equal(code));
  }

  it("is never an exception, whatever bytes come", () => {
    const endpoint = createCompletionsEndpoint();
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.constantFrom("data: ", "\n\n", '{"choices":[{"text":"', '"}]}', "[DONE]", "null").map((text) => Buffer.from(text)),
      fc.anything().map((value) => Buffer.from(`data: {"choices":[{"text":${JSON.stringify(value) ?? "1"}}]}\n\n`)),
    );
    fc.assert(
      fc.property(fc.array(piece), fc.constantFrom("text/event-stream", "application/json", ""), (pieces, contentType) => {
        const parts = pieces.map((text, index) => ({ text, ms: index }));
        const parsed = endpoint.parse(responseOf(parts, { contentType }));
        if (parsed.error === undefined) expect(parsed.contentNs.length).to.be.greaterThan(0);
      }),
      { numRuns: 300 },
    );
  });
});

describe("speculative decoding of a choice", () => {
  const stats = { num_spec_steps: 43, num_accepted_draft_tokens: 10, num_draft_tokens: 129, num_spec_tokens: 3 };

  it("is taken from chat and completions, where all three counts are there", () => {
    const choice = (value: unknown) => ({
      choices: [{ text: "x", message: { content: "x" }, speculative_decoding_stats: value }],
    });
    for (const read of [readChatEvent, readCompletionsEvent]) {
      expect(read(choice(stats)).specDecode).to.deep.equal({ steps: 43, accepted: 10, drafted: 129 });
      for (const wrong of [null, undefined, {}, { ...stats, num_spec_steps: "43" }, { ...stats, num_draft_tokens: -1 }]) {
        expect(read(choice(wrong))).not.to.have.property("specDecode");
      }
    }
  });
});
