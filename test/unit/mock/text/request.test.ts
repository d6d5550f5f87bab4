import { expect } from "chai";
import type { UsageMode } from "../../../../mock/options.ts";
import { chat } from "../../../../mock/text/chat.ts";
import { completions } from "../../../../mock/text/completions.ts";
import { embeddings } from "../../../../mock/text/embeddings.ts";
import type { MockEndpoint } from "../../../../mock/text/endpoint.ts";
import { isRefusal } from "../../../../mock/text/refusal.ts";
import { type ReadDeps, readJson, readTextRequest, type TextRequest } from "../../../../mock/text/request.ts";

const messages = [{ role: "user", content: "héllo" }];
const deps: ReadDeps = { usage: "asked", models: [], ownLength: () => 64, cachedTokens: undefined };

function read(endpoint: MockEndpoint, body: unknown, other: Partial<ReadDeps> = {}) {
  const json = readJson(typeof body === "string" ? body : JSON.stringify(body));
  return isRefusal(json) ? json : readTextRequest(endpoint, json.json, { ...deps, ...other });
}

function accepted(body: object, other: Partial<ReadDeps> = {}, endpoint = chat): TextRequest {
  const request = read(endpoint, { model: "m", ...(endpoint === chat ? { messages } : { prompt: "héllo" }), ...body }, other);
  if (isRefusal(request)) throw new Error(request.message);
  return request;
}

function refused(body: unknown, endpoint = chat, other: Partial<ReadDeps> = {}): unknown[] {
  const request = read(endpoint, body, other);
  return isRefusal(request) ? [request.status, request.param, request.code] : ["accepted"];
}

describe("a request for text", () => {
  it("takes the length from max_completion_tokens, then max_tokens, then the server", () => {
    expect(accepted({ max_completion_tokens: 3, max_tokens: 9 })).to.include({ tokens: 3, finishReason: "length" });
    expect(accepted({ max_tokens: 9 })).to.include({ tokens: 9, finishReason: "length" });
    expect(accepted({ max_tokens: null })).to.include({ tokens: 64, finishReason: "stop" });
    const completion = accepted({ max_completion_tokens: 3, max_tokens: 9 }, {}, completions);
    expect(completion).to.include({ tokens: 9, finishReason: "length" });
  });

  it("has usage as the mode and the request say", () => {
    const asked = { stream: true, stream_options: { include_usage: true } };
    const rows = (["always", "asked", "never"] satisfies UsageMode[]).map((usage) =>
      [{}, { stream: true }, asked].map((body) => accepted(body, { usage }).hasUsage),
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
    expect(refused({ model: "m", messages, stream: 1 })).to.deep.equal([400, "stream", null]);
    expect(refused({ model: "m", messages, n: 2 })).to.deep.equal([400, "n", null]);
    expect(refused({ model: "m", messages, max_tokens: 0 })).to.deep.equal([400, "max_tokens", null]);
    expect(refused({ model: "m", messages, max_completion_tokens: 1e7 })).to.deep.equal([400, "max_completion_tokens", null]);
  });

  it("may have values of any form where it is wrong", () => {
    const odd = { toString: 1 };
    expect(refused({ model: "m", messages, max_tokens: odd })).to.deep.equal([400, "max_tokens", null]);
    expect(refused({ model: "m", messages, n: odd })).to.deep.equal([400, "n", null]);
    expect(refused({ model: "m", prompt: "x", echo: odd }, completions)).to.deep.equal([400, "echo", null]);
    expect(accepted({ messages: [{ role: odd, content: odd }] })).to.include({ tokens: 64 });
    for (const input of [[odd], [[odd]], [1, odd]])
      expect(refused({ model: "m", input }, embeddings)).to.deep.equal(["accepted"]);
  });

  it("may name any model unless the server has its own", () => {
    const models = ["a", "b"];
    expect(refused({ model: "other", messages })).to.deep.equal(["accepted"]);
    expect(refused({ model: "b", messages }, chat, { models })).to.deep.equal(["accepted"]);
    expect(read(chat, { model: "other", messages }, { models })).to.deep.equal({
      status: 404,
      message: "The model `other` does not exist.",
      type: "NotFoundError",
      param: "model",
      code: 404,
    });
  });

  it("asks the prefix cache only once nothing is wrong with it", () => {
    const seen: (readonly string[])[] = [];
    const cachedTokens = (texts: readonly string[]) => seen.push(texts);
    refused({ model: "m", messages, n: 2 }, chat, { cachedTokens });
    expect(accepted({ messages: [{ role: "system", content: "be" }, ...messages] }, { cachedTokens }).cachedTokens).to.equal(1);
    expect(accepted({ prompt: ["a", [1, 2]] }, { cachedTokens }, completions).cachedTokens).to.equal(2);
    expect(seen).to.deep.equal([["system\nbe\nuser\nhéllo"], ["a", "1,2"]]);
    expect(accepted({}).cachedTokens).to.equal(undefined);
  });
});

describe("a chat prompt", () => {
  it("counts as a quarter of its texts' UTF-8 bytes, rounded up", () => {
    const parts = [
      { type: "text", text: "abcd" },
      { type: "image_url", image_url: { url: "data:" } },
      { type: "text", text: "e" },
    ];
    expect(accepted({}).promptTokens).to.equal(2);
    expect(accepted({ messages: [{ role: "user", content: parts }, messages[0], null, { role: "x" }] }).promptTokens).to.equal(3);
  });

  it("is a list of one message or more", () => {
    for (const wrong of [[], "hello", undefined, {}]) {
      expect(refused({ model: "m", messages: wrong })).to.deep.equal([400, "messages", null]);
    }
  });
});

describe("a completions prompt", () => {
  it("is a text, tokens, or a list of such with a choice for each", () => {
    for (const [prompt, promptTokens, choices] of [
      ["héllo", 2, 1],
      ["", 0, 1],
      [[5, 6, 7], 3, 1],
      [["abcd", "abcde"], 3, 2],
      [["abcd", [1, 2, 3]], 4, 2],
      [[[1], [2, 3]], 3, 2],
    ] as const) {
      expect(accepted({ prompt }, {}, completions), JSON.stringify(prompt)).to.include({ promptTokens, choices });
    }
  });

  it("is refused when it is anything else, or echoed", () => {
    for (const prompt of [undefined, null, [], {}, 5, [[]], ["a", 1.5], [1.5], Array(1025).fill("a")]) {
      expect(refused({ model: "m", prompt }, completions), JSON.stringify(prompt)).to.deep.equal([400, "prompt", null]);
    }
    expect(refused({ model: "m", prompt: "a", echo: true }, completions)).to.deep.equal([400, "echo", null]);
    expect(refused({ model: "m", prompt: "a", echo: false }, completions)).to.deep.equal(["accepted"]);
  });

  it("shares the longest answer among its choices", () => {
    expect(refused({ model: "m", prompt: ["a", "b"], max_tokens: 500_001 }, completions)).to.deep.equal([
      400,
      "max_tokens",
      null,
    ]);
    expect(accepted({ prompt: ["a", "b"] }, { ownLength: () => 1_000_000 }, completions).tokens).to.equal(500_000);
  });
});
