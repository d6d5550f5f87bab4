import { expect } from "chai";
import type { ParsedResponse, RawResponse, TurnInput } from "../../../endpoints/endpoint.ts";
import { withOwnEndpoints } from "../../../endpoints/own-endpoints.ts";

const turn: TurnInput = {
  model: "m",
  messages: [{ role: "user", content: "hello" }],
  maxOutputTokens: 4,
  isStreaming: false,
  extraInputs: {},
};
const response: RawResponse = {
  status: 200,
  contentType: "application/json",
  payload: new TextEncoder().encode('{"text":"hi"}'),
  readEnds: Uint32Array.of(13),
  readNs: Float64Array.of(7),
  isStreaming: false,
};
const answer: ParsedResponse = {
  error: undefined,
  contentNs: Float64Array.of(1, 2),
  firstOutputNs: 1,
  coalescedChunks: 0,
  outputText: "hi",
  reasoningText: "",
  usage: undefined,
  finishReason: "stop",
  isStreamIgnored: false,
};
const good = { path: "/x", canStream: true, formatBody: () => new Uint8Array(1), parse: () => answer };
const throwing = (): never => {
  throw new Error("no luck");
};

/** The one endpoint of a module that has these parts in the place of good ones. */
function made(parts: Record<string, unknown>) {
  const endpoint = withOwnEndpoints({ endpoints: { mine: () => ({ ...good, ...parts }) } }).create("mine");
  if (endpoint === undefined) expect.fail("the endpoint is not there");
  return endpoint;
}

describe("endpoints of a user's own", () => {
  it("stand beside the built-in ones, which stay as they are", () => {
    const catalog = withOwnEndpoints({ endpoints: { mine: () => good, "mine-2": () => good } });
    expect(catalog.names).to.include.members(["chat", "mine", "mine-2"]);
    expect(catalog.create("mine")).to.include({ name: "mine", path: "/x", canStream: true });
    expect(catalog.create("chat")).to.include({ name: "chat", path: "/v1/chat/completions" });
    expect(catalog.create("theirs")).to.equal(undefined);
    expect(catalog.create("toString")).to.equal(undefined);
  });

  it("say of their requests and answers what built-in ones can say, and take everything where they say nothing", () => {
    const parts = {
      streamPath: "/x/stream",
      contentType: "application/x-ndjson",
      headers: { "x-version": "2" },
      keyHeader: "x-api-key",
      takes: ["texts"],
      produces: "embeddings",
    };
    expect(made(parts)).to.deep.include(parts);
    expect(made({})).to.deep.include({ takes: ["text", "texts", "ranking", "image", "audio", "video"], produces: "text" });
    expect(made({})).to.not.have.any.keys("streamPath", "contentType", "headers", "keyHeader");
  });

  it("are made with the options of the run and the tools", () => {
    const seen: unknown[] = [];
    const catalog = withOwnEndpoints({
      endpoints: {
        mine: (options: unknown, { encodeJson, parseAnswer, textOf }: any) => {
          seen.push(options);
          const read = ({ text }: any) => ({ outputText: textOf(text) ?? "", reasoningText: "" });
          return { ...good, formatBody: () => encodeJson({ a: 1 }), parse: (raw: RawResponse) => parseAnswer(raw, read) };
        },
      },
    });
    const endpoint = catalog.create("mine", { includeUsage: false });
    expect(seen.at(-1)).to.deep.equal({ includeUsage: false });
    expect(new TextDecoder().decode(endpoint?.formatBody(turn))).to.equal('{"a":1}');
    expect(endpoint?.parse(response)).to.deep.include({ error: undefined, outputText: "hi", contentNs: Float64Array.of(7) });
  });

  const refused: readonly (readonly [title: string, exported: unknown, reason: RegExp])[] = [
    ["nothing", {}, /^must export endpoints, as /],
    ["a list", { endpoints: [() => good] }, /^must export endpoints/],
    ["no endpoint", { endpoints: {} }, /^must export endpoints/],
    ["a name that is taken", { endpoints: { chat: () => good } }, /there is an endpoint chat already/],
    [
      "a name that is no part of a path",
      { endpoints: { "../x": () => good } },
      /lower case letters, digits, - or _, got "..\/x"/,
    ],
    ["an endpoint instead of a function", { endpoints: { mine: good } }, /mine must be a function that makes it, got object/],
    ["a function that throws", { endpoints: { mine: throwing } }, /^endpoint mine cannot be made: no luck$/],
    ["a function that returns nothing", { endpoints: { mine: () => undefined } }, /must return an object, got undefined/],
    ["an endpoint without a path", { endpoints: { mine: () => ({ ...good, path: "x" }) } }, /path must .*, got "x"$/],
    ["an unsaid canStream", { endpoints: { mine: () => ({ ...good, canStream: 1 }) } }, /canStream must be true or false, got 1/],
    [
      "a path of streams that is none",
      { endpoints: { mine: () => ({ ...good, streamPath: "x" }) } },
      /streamPath must .*, got "x"$/,
    ],
    [
      "headers that are none",
      { endpoints: { mine: () => ({ ...good, headers: { "X-A": "1" } }) } },
      /headers must be names in lower case/,
    ],
    [
      "a value of two lines",
      { endpoints: { mine: () => ({ ...good, contentType: "a\nb" }) } },
      /contentType must be the value of a header/,
    ],
    ["a key in the query", { endpoints: { mine: () => ({ ...good, keyHeader: "?key" }) } }, /keyHeader must be .*, got "\?key"$/],
    [
      "an ingredient that there is not",
      { endpoints: { mine: () => ({ ...good, takes: ["smell"] }) } },
      /takes must .*, got \["smell"\]$/,
    ],
    [
      "a product that there is not",
      { endpoints: { mine: () => ({ ...good, produces: "heat" }) } },
      /produces must .*, got "heat"$/,
    ],
    ["no formatBody", { endpoints: { mine: () => ({ ...good, formatBody: 1 }) } }, /formatBody must be a function, got number/],
    ["no parse", { endpoints: { mine: () => ({ ...good, parse: undefined }) } }, /parse must be a function, got undefined/],
  ];
  for (const [title, exported, reason] of refused) {
    it(`are refused where the module exports ${title}`, () => {
      expect(() => withOwnEndpoints(exported))
        .to.throw(reason)
        .with.property("code", "invalid_argument");
    });
  }

  it("pass on what their functions give", () => {
    const { formatBody, parse } = made({});
    expect(formatBody(turn)).to.deep.equal(new Uint8Array(1));
    expect(parse(response)).to.equal(answer);
  });

  it("keep an error of a known code", () => {
    const error = { code: "in_band_error", phase: "stream", message: "busy" };
    expect(made({ parse: () => ({ ...answer, error }) }).parse(response).error).to.deep.equal(error);
  });

  const badBodies: readonly (readonly [title: string, formatBody: () => unknown, reason: RegExp])[] = [
    ["throws", throwing, /^formatBody of endpoint mine threw: no luck$/],
    ["returns a text", () => "{}", /must return a Uint8Array, got string$/],
    ["is async", async () => new Uint8Array(1), /must return a Uint8Array, got a promise$/],
  ];
  for (const [title, formatBody, reason] of badBodies) {
    it(`say why no body is made when formatBody ${title}`, () => {
      expect(() => made({ formatBody }).formatBody(turn))
        .to.throw(reason)
        .with.property("name", "AssayError");
    });
  }

  const badAnswers: readonly (readonly [title: string, parse: () => unknown, reason: RegExp])[] = [
    ["throws", throwing, /^parse of endpoint mine threw: no luck$/],
    ["returns nothing", () => undefined, /must return an object, got undefined$/],
    ["is async", async () => answer, /must return an object, got a promise$/],
    ["rejects", async () => throwing(), /got a promise$/],
    ["gives stamps as a list", () => ({ ...answer, contentNs: [1] }), /contentNs must be a Float64Array of ascending numbers/],
    ["gives stamps that go back", () => ({ ...answer, contentNs: Float64Array.of(2, 1) }), /ascending/],
    ["gives a stamp that is no number", () => ({ ...answer, contentNs: Float64Array.of(Number.NaN) }), /ascending/],
    ["gives no text", () => ({ ...answer, outputText: undefined }), /outputText must be a text, got undefined/],
    ["gives counts that are none", () => ({ ...answer, usage: { promptTokens: "7" } }), /usage must be an object of counts/],
    ["makes up a code", () => ({ ...answer, error: { code: "mine", phase: "parse", message: "" } }), /of the known codes/],
  ];
  for (const [title, parse, reason] of badAnswers) {
    it(`make the record an error when parse ${title}`, () => {
      const { error, contentNs } = made({ parse }).parse(response);
      expect(error).to.include({ code: "endpoint_module", phase: "parse" });
      expect(error?.message).to.match(reason);
      expect(contentNs).to.have.lengthOf(0);
    });
  }
});
