import { expect } from "chai";
import fc from "fast-check";
import { createChatEndpoint } from "../../../../endpoints/openai/chat.ts";
import { chunk, content, finish, parseText, responseOf, sse } from "./answers.ts";

const json = { contentType: "application/json", isStreaming: false };

describe("chat: an answer that went wrong", () => {
  const streams: readonly (readonly [string, string, string, string])[] = [
    ["has neither finish reason nor [DONE]", sse(content("a")), "truncated", "neither"],
    ["is cut inside an event", sse(content("a"), content("b")).slice(0, -20), "truncated", "neither"],
    ["has no event at all", "", "truncated", "neither"],
    ["has only comments", ": ping\n\n", "truncated", "neither"],
    ["is complete without content", sse(finish, "[DONE]"), "empty", "no content"],
    ["has an event that is no JSON", sse(content("a"), "{oops", finish), "parse", "{oops"],
    ["has an event that is no object", sse(content("a"), "17", finish), "parse", "17"],
    [
      "reports a nested error",
      sse(content("a"), { error: { message: "boom", type: "x", code: 500 } }, "[DONE]"),
      "in_band_error",
      "boom",
    ],
    ["reports an error as text", sse(content("a"), { error: "boom" }), "in_band_error", "boom"],
    ["reports a flat error", sse(content("a"), { object: "error", message: "boom" }), "in_band_error", "boom"],
    [
      "has an error event",
      `${sse(content("a"))}event: error\ndata: {"type":"error","error":{"message":"boom"}}\n\n`,
      "in_band_error",
      "boom",
    ],
    ["has an error event with plain data", `${sse(content("a"))}event: error\ndata: boom\n\n`, "in_band_error", "boom"],
    ["has an error event with its words in a comment", `${sse(content("a"))}event: error\n: boom\n\n`, "in_band_error", "boom"],
    ["has an error event without words", `${sse(content("a"))}event: error\n\n`, "in_band_error", "no reason"],
    [
      "is given up",
      sse(content("a"), { choices: [{ index: 0, delta: {}, finish_reason: "abort" }] }, "[DONE]"),
      "in_band_error",
      "aborted",
    ],
    [
      "ends in an error without words",
      sse(content("a"), { choices: [{ index: 0, delta: {}, finish_reason: "error" }] }, "[DONE]"),
      "in_band_error",
      "ended in an error",
    ],
    [
      "ends in an error with words",
      sse(content("a"), { error: { message: "boom" }, choices: [{ index: 0, delta: {}, finish_reason: "error" }] }),
      "in_band_error",
      "boom",
    ],
    ["runs out of context", sse({ error: { message: "nope", code: "context_length_exceeded" } }), "context_overflow", "nope"],
  ];
  for (const [title, text, code, words] of streams) {
    it(`is ${code} where the stream ${title}`, () => {
      const { error } = parseText(text);
      expect(error?.code).to.equal(code);
      expect(error?.message).to.contain(words);
    });
  }

  it("says what a page of another kind reads where a stream was asked for", () => {
    const { error } = parseText("<html>\n<h1>Sign in</h1></html>", { contentType: "text/html" });
    expect(error).to.include({
      code: "parse",
      message: 'no event in an answer of type "text/html": <html> <h1>Sign in</h1></html>',
    });
  });

  it("keeps what had arrived before the error", () => {
    const parsed = parseText(sse(content("a"), content("b"), { error: "boom" }, content("c")));
    expect(parsed.outputText).to.equal("ab");
    expect(parsed.contentNs).to.have.lengthOf(2);
  });

  it("does not take a null error for one", () => {
    expect(parseText(sse({ ...content("a"), error: null }, { ...finish, error: null })).error).to.equal(undefined);
  });

  const statuses: readonly (readonly [number, string, string, string])[] = [
    [400, '{"error":{"message":"bad field","code":400}}', "http_4xx", "http status 400: bad field"],
    [400, '{"object":"error","message":"bad field","code":400}', "http_4xx", "http status 400: bad field"],
    [404, '{"detail":"Not Found"}', "http_4xx", "http status 404: Not Found"],
    [422, '{"detail":[{"msg":"field required"}]}', "http_4xx", 'http status 422: [{"msg":"field required"}]'],
    [429, "", "http_4xx", "http status 429"],
    [500, '{"error":"CUDA out of memory"}', "http_5xx", "http status 500: CUDA out of memory"],
    [503, "<html>busy</html>", "http_5xx", "http status 503: <html>busy</html>"],
    [302, "", "http_other", "http status 302"],
    [
      400,
      '{"error":{"message":"This model\'s maximum context length is 4096 tokens."}}',
      "context_overflow",
      "http status 400: This model's",
    ],
    [
      400,
      '{"message":"The input (9 tokens) is longer than the model\'s context length (8 tokens)."}',
      "context_overflow",
      "http status 400: The input",
    ],
    [
      400,
      '{"error":{"message":"the request exceeds the available context size"}}',
      "context_overflow",
      "http status 400: the request",
    ],
  ];
  for (const [status, body, code, message] of statuses) {
    it(`is ${code} with status ${status} and body ${body || "none"}`, () => {
      const { error, contentNs } = parseText(body, { status, ...json });
      expect(error?.code).to.equal(code);
      expect(error?.message).to.satisfy((text: string) => text.startsWith(message));
      expect(contentNs).to.have.lengthOf(0);
    });
  }

  it("cuts long words to 1 KiB, between characters", () => {
    for (const letter of ["x", "ü", "🚂"]) {
      const message = parseText(`x${letter.repeat(2000)}`, { status: 500, ...json }).error?.message ?? "";
      expect(Buffer.byteLength(message)).to.be.within(1020, 1024);
      expect(message).to.match(new RegExp(`^http status 500: x(?:${letter})+…$`, "u"));
    }
  });

  for (const [title, text, code] of [
    ["no JSON", "<html></html>", "parse"],
    ["a list", "[]", "parse"],
    ["nothing", "", "empty"],
    ["no choices", '{"choices":[]}', "empty"],
    ["no text", '{"choices":[{"message":{"content":""}}]}', "empty"],
    ["an error after status 200", '{"error":{"message":"boom"}}', "in_band_error"],
  ] as const) {
    it(`is ${code} where a document was asked for and has ${title}`, () => {
      expect(parseText(text, json).error?.code).to.equal(code);
    });
  }

  it("is a parse error where a page comes instead of a stream", () => {
    expect(parseText("<html>welcome</html>", { contentType: "text/html" }).error?.code).to.equal("parse");
  });

  it("is never an exception, whatever bytes come", () => {
    const chat = createChatEndpoint();
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc
        .constantFrom(
          "data: ",
          "event: error\n",
          "\n\n",
          "\r",
          "[DONE]",
          '{"choices":',
          '[{"delta":{"content":"',
          '"}}]}',
          "null",
          "ü",
          "{}",
        )
        .map((text) => Buffer.from(text)),
      fc.json().map((text) => Buffer.from(`data: ${text}\n\n`)),
      fc
        .anything()
        .map((value) =>
          Buffer.from(`data: {"choices":[{"delta":${JSON.stringify(value) ?? "1"}}],"usage":{"prompt_tokens":1}}\n\n`),
        ),
    );
    const contentType = fc.constantFrom("text/event-stream", "application/json", "", "text/html");
    fc.assert(
      fc.property(
        fc.array(piece),
        contentType,
        fc.constantFrom(0, 200, 404, 500),
        fc.boolean(),
        (pieces, type, status, isStreaming) => {
          const parts = pieces.map((text, index) => ({ text, ms: index }));
          const parsed = chat.parse(responseOf(parts, { contentType: type, status, isStreaming }));
          if (parsed.error === undefined) expect(parsed.contentNs.length).to.be.greaterThan(0);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("is told in a field of its own by llama.cpp's server, and in the choice by a gateway", () => {
    const own = parseText(
      `${sse(chunk({ delta: { content: "a" } }))}error: {"code":500,"message":"out of slots","type":"server"}\n\n`,
    );
    expect(own.error).to.deep.include({ code: "in_band_error", message: "out of slots" });
    const inChoice = { error: { code: 502, message: "upstream went away" }, delta: { content: "" }, finish_reason: "error" };
    expect(parseText(sse(chunk(inChoice), "[DONE]")).error).to.deep.include({
      code: "in_band_error",
      message: "upstream went away",
    });
  });

  it("is not one where a chunk has fields of unexpected types", () => {
    const odd = [
      { choices: 5 },
      { choices: [null] },
      { choices: [{ delta: 3 }] },
      { choices: [{ delta: { content: 7, tool_calls: [0, { function: 1 }] } }] },
    ];
    expect(parseText(sse(...odd, chunk({ delta: { content: "a" } }), finish)).outputText).to.equal("a");
  });
});
