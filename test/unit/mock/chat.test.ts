import { expect } from "chai";
import {
  asciiJson,
  type ChatRequest,
  completionBody,
  copyEvent,
  type EventTemplate,
  isRefusal,
  patchStamp,
  readChatRequest,
  stampText,
  streamTemplates,
  usageEvent,
  vocabulary,
  wordsFrom,
} from "../../../mock/chat.ts";
import { defaultOptions } from "../../../mock/options.ts";

const messages = [{ role: "user", content: "héllo" }];
const identity = { ordinal: 0xab, createdSec: 1_700_000_000, receivedNs: 0 };

function accepted(body: object, options = defaultOptions): ChatRequest {
  const request = readChatRequest(JSON.stringify({ model: "m", messages, ...body }), options);
  if (isRefusal(request)) throw new Error(request.message);
  return request;
}

function refused(body: unknown, options = defaultOptions): unknown[] {
  const request = readChatRequest(typeof body === "string" ? body : JSON.stringify(body), options);
  return isRefusal(request) ? [request.status, request.param, request.code] : ["accepted"];
}

/** The JSON of a copied event, after checking its HTTP chunk's frame. */
function eventOf(template: EventTemplate, sentNs = 0): Record<string, unknown> {
  const target = Buffer.alloc(template.bytes.length + 3);
  copyEvent(template, identity, target, 3);
  if (template.stampAt >= 0) patchStamp(target, 3 + template.stampAt, sentNs);
  const [, size, json] = /^([0-9a-f]+)\r\ndata: ([^\n]*)\n\n\r\n$/.exec(target.toString("latin1", 3)) ?? [];
  expect(Number.parseInt(size ?? "", 16)).to.equal((json ?? "").length + "data: \n\n".length);
  return JSON.parse(json ?? "");
}

describe("mock chat request", () => {
  it("takes the length from max_completion_tokens, then max_tokens, then the server", () => {
    expect(accepted({ max_completion_tokens: 3, max_tokens: 9 })).to.include({ tokens: 3, finishReason: "length" });
    expect(accepted({ max_tokens: 9 })).to.include({ tokens: 9, finishReason: "length" });
    expect(accepted({ max_tokens: null })).to.include({ tokens: 64, finishReason: "stop" });
  });

  it("counts prompt tokens as a quarter of the texts' UTF-8 bytes, rounded up", () => {
    const parts = [
      { type: "text", text: "abcd" },
      { type: "image_url", image_url: { url: "data:" } },
      { type: "text", text: "e" },
    ];
    expect(accepted({}).promptTokens).to.equal(2);
    expect(accepted({ messages: [{ role: "user", content: parts }, messages[0]] }).promptTokens).to.equal(3);
  });

  it("has usage as the mode and the request say", () => {
    const asked = { stream: true, stream_options: { include_usage: true } };
    const rows = (["always", "asked", "never"] as const).map((usage) =>
      [{}, { stream: true }, asked].map((body) => accepted(body, { ...defaultOptions, usage }).hasUsage),
    );
    expect(rows).to.deep.equal([
      [true, true, true],
      [true, false, true],
      [false, false, false],
    ]);
  });

  it("is refused with the parameter that is wrong", () => {
    expect(refused("{")).to.deep.equal([400, null, null]);
    expect(refused("[]")).to.deep.equal([400, null, null]);
    expect(refused({ messages })).to.deep.equal([400, "model", null]);
    expect(refused({ model: "m", messages: [] })).to.deep.equal([400, "messages", null]);
    expect(refused({ model: "m", messages, stream: 1 })).to.deep.equal([400, "stream", null]);
    expect(refused({ model: "m", messages, n: 2 })).to.deep.equal([400, "n", null]);
    expect(refused({ model: "m", messages, max_tokens: 0 })).to.deep.equal([400, "max_tokens", null]);
    expect(refused({ model: "m", messages, max_completion_tokens: 1e7 })).to.deep.equal([400, "max_completion_tokens", null]);
  });

  it("may name any model unless the server is strict", () => {
    const strict = { ...defaultOptions, strictModel: true };
    expect(refused({ model: "other", messages })).to.deep.equal(["accepted"]);
    expect(refused({ model: "other", messages }, strict)).to.deep.equal([404, "model", "model_not_found"]);
    expect(refused({ model: "mock", messages }, strict)).to.deep.equal(["accepted"]);
  });
});

describe("mock chat events", () => {
  it("are JSON in frames of the right size, for any model name", () => {
    for (const model of ["m", 'q"uo\\te', "ünï\u{1f600}", "x".repeat(5000)]) {
      const { words, role } = streamTemplates(model, false);
      expect(eventOf(role)).to.deep.equal({
        id: "chatcmpl-000000ab",
        object: "chat.completion.chunk",
        created: 1_700_000_000,
        model,
        choices: [{ index: 0, delta: { role: "assistant", content: "" }, logprobs: null, finish_reason: null }],
      });
      expect(words).to.have.length(vocabulary.length);
      for (const [i, word] of words.entries())
        expect(eventOf(word).choices).to.have.nested.property("[0].delta.content", vocabulary[i]);
    }
  });

  it("carry the send stamp in 19 digits when asked to", () => {
    const { finish } = streamTemplates("m", true);
    for (const ns of [0, 1, 999_999_999, 1_000_000_000, 86_400_123_456_789, 8_000_000_000_000_001]) {
      expect(eventOf(finish.stop, ns).assay_sent_ns).to.equal(ns.toString().padStart(19, "0")).and.equal(stampText(ns));
    }
  });

  it("end with usage on an event without choices", () => {
    const request = accepted({ stream: true, max_tokens: 5 });
    const usage = { prompt_tokens: 2, completion_tokens: 5, total_tokens: 7 };
    expect(eventOf(usageEvent(asciiJson("m"), true, request, 42))).to.deep.include({
      choices: [],
      usage,
      assay_received_ns: "0000000000000000042",
    });
  });
});

describe("mock whole answer", () => {
  it("holds as many words as tokens, with usage, and its length in characters is its size in bytes", () => {
    const request = { ...accepted({ max_tokens: 2 * vocabulary.length + 3 }), model: "mödel" };
    const body = completionBody(request, identity, 42);
    const json = JSON.parse(body);
    expect(Buffer.byteLength(body)).to.equal(body.length);
    expect(json.choices[0].message.content.trim().split(" ")).to.have.length(request.tokens);
    expect(json).to.deep.include({ model: "mödel", assay_sent_ns: stampText(42), id: "chatcmpl-000000ab" });
    expect(json.usage.completion_tokens).to.equal(request.tokens);
  });

  it("repeats the vocabulary for ever from any word", () => {
    const expected = (first: number, count: number) =>
      Array.from({ length: count }, (_, i) => vocabulary[(first + i) % vocabulary.length]).join("");
    for (const [first, count] of [
      [0, 1],
      [5, vocabulary.length],
      [vocabulary.length - 1, 2],
      [7, 40 * vocabulary.length],
    ] as const) {
      expect(wordsFrom(first, count)).to.equal(expected(first, count));
    }
  });
});
