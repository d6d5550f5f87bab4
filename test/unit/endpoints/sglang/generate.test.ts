import { expect } from "chai";
import { createSglangGenerateEndpoint } from "../../../../endpoints/sglang/generate.ts";
import { responseOf, sse } from "../openai/answers.ts";
import { bodyOf, bodyText } from "../turns.ts";
import { json, staysUnbroken } from "../unbroken.ts";

const endpoint = createSglangGenerateEndpoint();

function event(text: string, tokens: number, reason: unknown = null): Record<string, unknown> {
  const counts = { prompt_tokens: 5, completion_tokens: tokens, cached_tokens: 1 };
  return { text, output_ids: [1], meta_info: { id: "a1", finish_reason: reason, weight_version: "default", ...counts } };
}

const length = { type: "length", length: 3 };
const stream = sse(event("Kö", 1), event("Köln", 2), event("Köln 🚂", 3, length), "[DONE]");

describe("sglang_generate: the body of a request", () => {
  it("names no model and has the length among the sampling parameters", () => {
    expect(bodyText(endpoint, { maxOutputTokens: 16, isStreaming: true })).to.equal(
      '{"text":"grüß dich 🚂","sampling_params":{"max_new_tokens":16},"stream":true}',
    );
    const extraInputs = { return_logprob: true, sampling_params: { temperature: 0 } };
    expect(bodyOf(endpoint, { maxOutputTokens: 16, extraInputs })).to.deep.include({
      return_logprob: true,
      sampling_params: { max_new_tokens: 16, temperature: 0 },
    });
  });
});

describe("sglang_generate: an answer", () => {
  const parse = (text: string, changes = {}) => endpoint.parse(responseOf([{ text, ms: 1 }], changes));

  it("is what each event adds to the text before it", () => {
    const { outputText, contentNs, finishReason, usage, error } = parse(stream);
    expect({ outputText, finishReason, error }).to.deep.equal({
      outputText: "Köln 🚂",
      finishReason: "length",
      error: undefined,
    });
    expect(contentNs.length).to.equal(3);
    expect([usage?.promptTokens, usage?.completionTokens, usage?.cachedPromptTokens]).to.deep.equal([5, 3, 1]);
  });

  it("is read of pieces, too, and of one document", () => {
    expect(parse(sse(event("Kö", 1), event("ln", 2), event("", 2, "stop"), "[DONE]")).outputText).to.equal("Köln");
    expect(parse(JSON.stringify(event("Köln", 2, length)), json)).to.include({ outputText: "Köln", finishReason: "length" });
  });

  it("that was aborted, or reports an error, is none", () => {
    const abort = { type: "abort", message: "Abort in waiting queue", status_code: 503 };
    expect(parse(sse(event("", 0, abort), "[DONE]")).error).to.include({
      code: "in_band_error",
      message: "Abort in waiting queue",
    });
    expect(parse(sse({ error: { message: "boom" } }, "[DONE]")).error?.code).to.equal("in_band_error");
    expect(parse(sse(event("a", 1))).error?.code).to.equal("truncated");
  });

  staysUnbroken(endpoint, [
    { title: "a stream", text: stream },
    { title: "a document", text: JSON.stringify(event("Köln", 2, length)), changes: json },
  ]);
});
