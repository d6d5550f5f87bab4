import { expect } from "chai";
import { chat } from "../../../../mock/text/chat.ts";
import { completions } from "../../../../mock/text/completions.ts";
import type { MockEndpoint } from "../../../../mock/text/endpoint.ts";
import {
  copyEvent,
  type EventTemplate,
  filledIn,
  httpChunk,
  patchStamp,
  stampText,
} from "../../../../mock/text/event-template.ts";
import { garbageEvent, type StreamEvents } from "../../../../mock/text/events.ts";
import { injectedInBand } from "../../../../mock/text/refusal.ts";
import type { TextRequest } from "../../../../mock/text/request.ts";
import { vocabulary, wordsFrom } from "../../../../mock/text/words.ts";

const identity = { ordinal: 0xab, createdSec: 1_700_000_000, receivedNs: 0 };
const request: TextRequest = {
  endpoint: chat,
  model: "m",
  isStreaming: true,
  choices: 1,
  tokens: 5,
  finishReason: "length",
  hasUsage: true,
  promptTokens: 2,
  cachedTokens: undefined,
};

/** What is in an event's HTTP chunk, after checking the frame. */
function dataOf(bytes: Buffer): string {
  const [, size, data] = /^([0-9a-f]+)\r\ndata: ([^\n]*)\n\n\r\n$/.exec(bytes.toString("latin1")) ?? [];
  expect(Number.parseInt(size ?? "", 16)).to.equal((data ?? "").length + "data: \n\n".length);
  return data ?? "";
}

function streamEvents(endpoint: MockEndpoint, model: string, hasStamps: boolean): StreamEvents {
  return endpoint.streamEvents?.(model, hasStamps) ?? expect.fail(`${endpoint.name} does not stream`);
}

function wholeBody(of: TextRequest, sentNs: number | undefined): string {
  return filledIn(of.endpoint.wholeBody(of, sentNs !== undefined), identity, sentNs);
}

/** The JSON of a copied event. */
function eventOf(template: EventTemplate | undefined, sentNs = 0): Record<string, any> {
  const target = Buffer.alloc((template?.bytes.length ?? 0) + 3);
  if (template !== undefined) copyEvent(template, identity, target, 3);
  for (const at of template?.stampsAt ?? []) patchStamp(target, 3 + at, sentNs);
  return JSON.parse(dataOf(target.subarray(3)));
}

describe("the mock's chat events", () => {
  it("are JSON in frames of the right size, for any model name", () => {
    for (const model of ["m", 'q"uo\\te', "ünï\u{1f600}", "x".repeat(5000)]) {
      const events = streamEvents(chat, model, false);
      expect(eventOf(events.opening(request))).to.deep.equal({
        id: "chatcmpl-000000ab",
        object: "chat.completion.chunk",
        created: 1_700_000_000,
        model,
        choices: [{ index: 0, delta: { role: "assistant", content: "" }, logprobs: null, finish_reason: null }],
      });
      for (const [i, word] of vocabulary.entries())
        expect(eventOf(events.content(0, i, 1, 0)).choices[0].delta.content).to.equal(word);
      expect(eventOf(events.content(0, 95, 4, 0)).choices[0].delta.content).to.equal(wordsFrom(95, 4));
      expect(eventOf(events.finish(0, "stop")).choices[0]).to.deep.include({ delta: {}, finish_reason: "stop" });
    }
  });

  it("carry the send stamp in 19 digits when asked to", () => {
    const { finish } = streamEvents(chat, "m", true);
    for (const ns of [0, 1, 999_999_999, 1_000_000_000, 86_400_123_456_789, 8_000_000_000_000_001]) {
      expect(eventOf(finish(0, "stop"), ns).assay_sent_ns)
        .to.equal(ns.toString().padStart(19, "0"))
        .and.equal(stampText(ns));
    }
  });

  it("end with usage on an event without choices", () => {
    const usage = { prompt_tokens: 2, completion_tokens: 5, total_tokens: 7 };
    expect(eventOf(streamEvents(chat, "m", true).ending(request, 42))).to.deep.include({
      choices: [],
      usage,
      assay_received_ns: "0000000000000000042",
    });
    const cached = eventOf(streamEvents(chat, "m", false).ending({ ...request, cachedTokens: 1 }, 0));
    expect(cached.usage).to.deep.equal({ ...usage, prompt_tokens_details: { cached_tokens: 1 } });
  });
});

describe("the mock's completions events", () => {
  it("carry text and index, and have no opening", () => {
    const events = streamEvents(completions, "m", false);
    expect(events.opening(request)).to.equal(undefined);
    for (const choice of [0, 3]) {
      expect(eventOf(events.content(choice, 1, 1, 0))).to.deep.include({
        id: "cmpl-000000ab",
        object: "text_completion",
        choices: [{ index: choice, text: vocabulary[1], logprobs: null, finish_reason: null }],
      });
      expect(eventOf(events.finish(choice, "length")).choices[0]).to.include({
        index: choice,
        text: "",
        finish_reason: "length",
      });
    }
  });
});

describe("the mock's events of failures", () => {
  it("are an error object, and something that is not JSON, in right frames", () => {
    expect(JSON.parse(dataOf(httpChunk(chat.errorEvents(injectedInBand()))))).to.have.nested.property(
      "error.type",
      "server_error",
    );
    expect(() => JSON.parse(dataOf(garbageEvent))).to.throw(SyntaxError);
  });
});

describe("the mock's whole answer", () => {
  it("holds as many words as tokens, with usage, and its length in characters is its size in bytes", () => {
    const tokens = 2 * vocabulary.length + 3;
    const body = wholeBody({ ...request, model: "mödel", tokens }, 42);
    const json = JSON.parse(body);
    expect(Buffer.byteLength(body)).to.equal(body.length);
    expect(json.choices[0].message.content.trim().split(" ")).to.have.length(tokens);
    expect(json).to.deep.include({
      model: "mödel",
      assay_sent_ns: stampText(42),
      id: "chatcmpl-000000ab",
      object: "chat.completion",
    });
    expect(json.usage.completion_tokens).to.equal(tokens);
  });

  it("has a choice for each prompt of a completion, and counts them all", () => {
    const { choices, usage, object } = JSON.parse(wholeBody({ ...request, endpoint: completions, choices: 3 }, undefined));
    expect(choices.map(({ index }: { index: number }) => index)).to.deep.equal([0, 1, 2]);
    expect(new Set(choices.map(({ text }: { text: string }) => text)).size).to.equal(3);
    expect([usage.completion_tokens, object]).to.deep.equal([15, "text_completion"]);
  });
});

describe("the mock's words", () => {
  it("repeat the vocabulary for ever from any of them", () => {
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
