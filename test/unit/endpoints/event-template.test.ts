import { expect } from "chai";
import fc from "fast-check";
import type { RawResponse } from "../../../endpoints/endpoint.ts";
import { parseAnswer, type ReadEvent } from "../../../endpoints/event-stream.ts";
import { EventTemplates } from "../../../endpoints/event-template.ts";
import type { JsonObject } from "../../../endpoints/json-body.ts";
import { readChatEvent } from "../../../endpoints/openai/chat-event.ts";

const lists = fc.constantFrom;

/** Texts as models send them, and as they would have to be to deceive a reader that does not parse. */
const text = fc.oneof(
  { weight: 4, arbitrary: lists(" the", "Hello", ",", " 42", "a", "", "stop", '"content":"') },
  {
    weight: 1,
    arbitrary: lists(
      '"',
      "\\",
      "\n",
      "ü",
      "🚂",
      "}]}",
      '"}}]}\n\ndata: ',
      "data:",
      "[DONE]",
      ":7,",
      "\u2028",
      "\ufeff",
      "\u0000",
      "\u007f",
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 6 }) },
);

const delta: fc.Arbitrary<JsonObject> = fc.oneof(
  { weight: 8, arbitrary: text.map((content) => ({ content })) },
  { weight: 2, arbitrary: text.map((reasoning_content) => ({ reasoning_content, content: null })) },
  { weight: 1, arbitrary: text.map((content) => ({ reasoning: "hm", content })) },
  { weight: 1, arbitrary: text.map((name) => ({ tool_calls: [{ index: 0, function: { name, arguments: "{" } }] })) },
  { weight: 1, arbitrary: lists({}, { role: "assistant", content: "" }, { content: null }) },
);

/** What differs from event to event of one server. */
const event: fc.Arbitrary<JsonObject> = fc
  .record({
    delta,
    created: fc.oneof(lists(0, 1760000000, 12.5, -3, 1e21), fc.nat()),
    id: lists("chatcmpl-1", "chatcmpl-2", 'odd"id', "größe"),
    object: lists("chat.completion.chunk", "chat.completion.chunk", "chat.completion.chunk", "error"),
    index: lists(0, 1),
    finish: lists(null, null, null, null, null, "stop"),
    usage: lists(undefined, undefined, undefined, null, { completion_tokens: 3 }, { prompt_tokens: 1, completion_tokens: 4 }),
    extra: lists({}, {}, {}, { error: null }, { error: 0 }, { error: 3 }, { obfuscation: "xyz" }, { obfuscation: "a" }),
  })
  .map(({ delta, created, id, object, index, finish, usage, extra }) => ({
    id,
    object,
    created,
    model: "m:7,b",
    choices: [{ index, delta, logprobs: null, finish_reason: finish }],
    ...(usage === undefined ? {} : { usage }),
    ...extra,
  }));

interface Flavour {
  readonly ending: string;
  readonly prefix: string;
  readonly isSpaced: boolean;
  readonly comment: string;
}

const flavour: fc.Arbitrary<Flavour> = fc.record({
  ending: lists("\n", "\n", "\n", "\r\n", "\r"),
  prefix: lists("data: ", "data:"),
  isSpaced: fc.boolean(),
  comment: lists("", "", ": ping\n\n", "event: message\n"),
});

/** Python's `json.dumps` puts a space behind colons and commas. */
function jsonOf(value: JsonObject, isSpaced: boolean): string {
  const text = JSON.stringify(value);
  if (!isSpaced) return text;
  return text.replaceAll(/"(?:[^"\\]|\\.)*"|[:,]/gs, (part) => (part === ":" || part === "," ? `${part} ` : part));
}

function bodyOf(events: readonly JsonObject[], { ending, prefix, isSpaced, comment }: Flavour): Buffer {
  const blocks = events.map((event) => `${comment}${prefix}${jsonOf(event, isSpaced)}\n\n`);
  return Buffer.from(`${blocks.join("")}${prefix}[DONE]\n\n`.replaceAll("\n", ending));
}

/** The body in reads that end at `cuts` and at its end, a millisecond apart. */
function inReads(payload: Uint8Array, cuts: readonly number[]): RawResponse {
  const ends = [...cuts.map((cut) => cut % (payload.length + 1)), payload.length].sort((one, other) => one - other);
  return {
    status: 200,
    contentType: "text/event-stream",
    payload,
    readEnds: Uint32Array.from(ends),
    readNs: Float64Array.from(ends, (_, index) => (index + 1) * 1e6),
    isStreaming: true,
  };
}

function expectSame(response: RawResponse, templates: EventTemplates): void {
  expect(parseAnswer(response, readChatEvent, templates)).to.deep.equal(parseAnswer(response, readChatEvent));
}

const streams = fc.tuple(fc.array(event, { maxLength: 8 }), flavour).map(([events, flavour]) => bodyOf(events, flavour));

describe("EventTemplates", () => {
  it("change no result, in any read partition, whatever they have learned before", () => {
    const templates = new EventTemplates({ isStateless: true });
    fc.assert(
      fc.property(streams, fc.array(fc.nat(), { maxLength: 6 }), (payload, cuts) => {
        expectSame(inReads(payload, cuts), templates);
        expectSame(inReads(payload, cuts), new EventTemplates({ isStateless: true }));
      }),
      { numRuns: 400 },
    );
  });

  it("change no result at any split point of a stream in two reads", () => {
    fc.assert(
      fc.property(streams, (payload) => {
        const templates = new EventTemplates({ isStateless: true });
        for (let cut = 0; cut <= payload.length; cut++) expectSame(inReads(payload, [cut]), templates);
      }),
      { numRuns: 8 },
    );
  });

  it("change no result of a stream cut off at any byte", () => {
    fc.assert(
      fc.property(streams, (payload) => {
        const templates = new EventTemplates({ isStateless: true });
        for (let length = 0; length < payload.length; length++) expectSame(inReads(payload.subarray(0, length), []), templates);
      }),
      { numRuns: 8 },
    );
  });

  it("change no result of a stream with any byte changed", () => {
    fc.assert(
      fc.property(streams, fc.nat(255), (payload, byte) => {
        const templates = new EventTemplates({ isStateless: true });
        expectSame(inReads(payload, []), templates);
        for (let at = 0; at < payload.length; at += 3) {
          const changed = Uint8Array.from(payload);
          changed[at] = byte;
          expectSame(inReads(changed, []), templates);
        }
      }),
      { numRuns: 8 },
    );
  });

  it("change no result of a stream whose events differ in their text alone, whole, cut, or with any byte changed", () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 3, maxLength: 5 }), flavour, fc.nat(255), (texts, flavour, byte) => {
        const templates = new EventTemplates({ isStateless: true });
        const payload = bodyOf(
          [...["a", "b"], ...texts].map((content) => plain("c-1", 1, content)),
          flavour,
        );
        for (let at = 0; at < payload.length; at += 3) {
          expectSame(inReads(payload.subarray(0, at), [at >> 1]), templates);
          const changed = Uint8Array.from(payload);
          changed[at] = byte;
          expectSame(inReads(changed, []), templates);
        }
      }),
      { numRuns: 4 },
    );
  });

  const plain = (id: string, created: number, content: string): JsonObject => ({
    id,
    object: "chat.completion.chunk",
    created,
    model: "m:7,b",
    choices: [{ index: 0, delta: { content }, finish_reason: null }],
  });

  /** How many events of the stream were parsed as JSON with templates that have seen `before`. */
  function parsedEvents(before: readonly JsonObject[], events: readonly JsonObject[]): number {
    const templates = new EventTemplates({ isStateless: true });
    const plainFlavour = { ending: "\n", prefix: "data: ", isSpaced: false, comment: "" };
    parseAnswer(inReads(bodyOf(before, plainFlavour), []), readChatEvent, templates);
    const read = new Set<string>();
    const counting: ReadEvent = (event) => {
      // Of lessons, in which values are changed to see whether they mean anything.
      const json = JSON.stringify(event);
      if (!/~other text~|"created":0\b|123456789\.5/.test(json)) read.add(json);
      return readChatEvent(event);
    };
    parseAnswer(inReads(bodyOf(events, plainFlavour), []), counting, templates);
    return read.size;
  }

  const lesson = JSON.stringify(plain("c-1", 12, "Hello"));
  const deceptive: readonly (readonly [string, string, string])[] = [
    ["a control character in the text", lesson, lesson.replace("Hello", "He\tlo")],
    ["a number with a leading zero", lesson, lesson.replace("12", "012")],
    ["a number without fraction behind its point", lesson, lesson.replace("12", "12.")],
    ["something behind the object", lesson, `${lesson}}`],
    ["an object that is not finished", lesson, lesson.slice(0, -1)],
    ["a number that makes it an error", lesson.replace("}]}", '}],"error":0}'), lesson.replace("}]}", '}],"error":3}')],
    [
      "the text where it stood elsewhere too",
      lesson.replace("m:7,b", "Hello"),
      lesson.replace("m:7,b", "Hello").replace("Hello", "x"),
    ],
    ["the text twice, of which the last counts", lesson.replace("}}]", '},"delta":{"content":"Hello"}}]'), lesson],
  ];
  for (const [title, learned, event] of deceptive) {
    it(`are not deceived by an event with ${title}`, () => {
      const templates = new EventTemplates({ isStateless: true });
      for (const data of [learned, event]) expectSame(inReads(Buffer.from(`data: ${data}\n\ndata: [DONE]\n\n`), []), templates);
    });
  }

  it("learn nothing from events that they could not recognise", () => {
    const before = Array.from({ length: 20 }, () => plain("größe", 1, "a"));
    expect(parsedEvents([...before, plain("c-1", 1, "a")], [plain("c-1", 2, "b")])).to.equal(0);
  });

  it("spare the parsing of events that differ in text, time and id from one seen before", () => {
    const events = [plain("c-2", 1760000001, " world"), plain("c-2", 1760000002.5, "!"), plain("c-3", 5, "~")];
    expect(parsedEvents([plain("c-1", 1760000000, "Hello")], events)).to.equal(0);
  });

  it("spare the parsing of events with the built-in server's stamp", () => {
    const stamped = (at: string, content: string) => ({ assay_sent_ns: at, ...plain("c-1", 1, content) });
    expect(parsedEvents([stamped("0001", "a")], [stamped("0002", "b"), stamped("0003", "c")])).to.equal(0);
  });

  /** An event of the same answer without a text. */
  const wordless = (created: number, delta: JsonObject, finish: string | null): JsonObject => ({
    ...plain("c-2", created, ""),
    choices: [{ index: 0, delta, finish_reason: finish }],
  });

  it("spare the parsing of events without a text that differ in time and id from one seen before", () => {
    const before = [wordless(1, { role: "assistant" }, null), plain("c-1", 1, "a"), wordless(2, {}, "stop")];
    const events = [wordless(5, { role: "assistant" }, null), plain("c-1", 1, "b"), wordless(6, {}, "stop")];
    expect(parsedEvents(before, events)).to.equal(0);
    expect(parsedEvents(before, [...events.slice(0, 2), wordless(6, {}, "length")])).to.equal(1);
  });

  it("ask a reader with a memory about every event without a text", () => {
    const events = [wordless(1, { role: "assistant" }, null), plain("c-2", 1, "a"), wordless(1, {}, "stop")];
    const payload = bodyOf(events, { ending: "\n", prefix: "data: ", isSpaced: false, comment: "" });
    const templates = new EventTemplates();
    let wordlessReads = 0;
    for (let round = 0; round < 3; round++) {
      wordlessReads = 0;
      parseAnswer(
        inReads(payload, []),
        (event) => {
          const meaning = readChatEvent(event);
          if (meaning.outputText === "") wordlessReads++;
          return meaning;
        },
        templates,
      );
    }
    expect(wordlessReads).to.equal(2);
  });

  it("leave events to the parser whose text needs decoding", () => {
    const events = [plain("c-1", 1, "ü"), plain("c-1", 1, '"'), plain("c-1", 1, "\n"), plain("c-1", 1, "")];
    expect(parsedEvents([plain("c-1", 1, "Hello")], events)).to.equal(4);
  });

  it("give up learning from a server whose every event is new", () => {
    const templates = new EventTemplates({ isStateless: true });
    let reads = 0;
    const counting: ReadEvent = (event) => {
      reads++;
      return readChatEvent(event);
    };
    const events = Array.from({ length: 300 }, (_, index) => ({ ...plain("c", 1, "a"), [`key${index}`]: null }));
    const payload = bodyOf(events, { ending: "\n", prefix: "data: ", isSpaced: false, comment: "" });
    parseAnswer(inReads(payload, []), counting, templates);
    expect(reads).to.be.below(400);
  });
});

describe("parseAnswer", () => {
  it("finds every text at the read that completed its event, by an account kept while the stream was written", () => {
    const contents = fc.array(fc.oneof(lists("a", " b", "cc"), fc.string({ unit: "binary", minLength: 1, maxLength: 5 })), {
      minLength: 1,
    });
    fc.assert(
      fc.property(contents, fc.array(fc.nat(), { maxLength: 12 }), (texts, cuts) => {
        const events = texts.map((content) => Buffer.from(`data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`));
        const response = inReads(Buffer.concat([...events, Buffer.from("data: [DONE]\n\n")]), cuts);
        let end = 0;
        const expectedNs = events.map((event) => {
          end += event.length;
          return response.readNs[response.readEnds.findIndex((readEnd) => readEnd >= end)];
        });
        const parsed = parseAnswer(response, readChatEvent, new EventTemplates({ isStateless: true }));
        expect([...parsed.contentNs]).to.deep.equal(expectedNs);
        // A lone surrogate escaped in JSON comes through as it is.
        expect(parsed.outputText).to.equal(texts.join(""));
        expect(parsed.coalescedChunks).to.equal(expectedNs.length - new Set(expectedNs).size);
      }),
      { numRuns: 200 },
    );
  });
});
