import { expect } from "chai";
import { createHuggingFaceGenerateEndpoint } from "../../../../endpoints/huggingface/generate.ts";
import { responseOf, sse } from "../openai/answers.ts";
import { bodyOf, bodyText } from "../turns.ts";
import { json, staysUnbroken } from "../unbroken.ts";

const endpoint = createHuggingFaceGenerateEndpoint();

/** An event of TGI 3. */
function token(index: number, text: string, rest: Record<string, unknown> = {}): Record<string, unknown> {
  const special = text.startsWith("<|");
  return { index, token: { id: 300 + index, text, logprob: -0.25, special }, generated_text: null, details: null, ...rest };
}

const details = { finish_reason: "eos_token", generated_tokens: 3, seed: null, input_length: 7 };
const last = token(3, "<|eot|>", { generated_text: "Grüß dich", details });
const stream = sse(token(1, "Grüß"), token(2, " dich"), last);
const whole = JSON.stringify({
  generated_text: "Grüß dich",
  details: { finish_reason: "length", generated_tokens: 3, seed: 1, prefill: [], tokens: [] },
});

describe("huggingface_generate: the body of a request", () => {
  it("has AIPerf's fields, and goes to another path where a stream is asked for", () => {
    expect(bodyText(endpoint, { maxOutputTokens: 16 })).to.equal('{"inputs":"grüß dich 🚂","parameters":{"max_new_tokens":16}}');
    expect([endpoint.path, endpoint.streamPath]).to.deep.equal(["/generate", "/generate_stream"]);
  });

  it("takes extra inputs as parameters", () => {
    const extraInputs = { temperature: 0.5, parameters: { seed: 3 }, max_new_tokens: 2 };
    expect(bodyOf(endpoint, { maxOutputTokens: 16, extraInputs }).parameters).to.deep.equal({
      max_new_tokens: 2,
      temperature: 0.5,
      seed: 3,
    });
  });
});

describe("huggingface_generate: an answer", () => {
  it("is read whole of a stream, without its special tokens", () => {
    const parts = [
      { text: sse(token(1, "Grüß")), ms: 20 },
      { text: sse(token(2, " dich")), ms: 30 },
      { text: sse(last), ms: 40 },
    ];
    const { outputText, contentNs, finishReason, usage, error } = endpoint.parse(responseOf(parts));
    expect({ outputText, finishReason, error }).to.deep.equal({
      outputText: "Grüß dich",
      finishReason: "eos_token",
      error: undefined,
    });
    expect([...contentNs]).to.deep.equal([20e6, 30e6]);
    expect([usage?.promptTokens, usage?.completionTokens]).to.deep.equal([7, 3]);
  });

  it("is complete where its last event has the whole text and no details, and truncated without that event", () => {
    const parse = (text: string) => endpoint.parse(responseOf([{ text, ms: 1 }]));
    expect(parse(sse(token(1, "a", { generated_text: "a" }))).error).to.equal(undefined);
    expect(parse(sse(token(1, "a"), token(2, "b"))).error?.code).to.equal("truncated");
  });

  it("is read of one document, of a list of one, and of TGI's error", () => {
    const parse = (text: string) => endpoint.parse(responseOf([{ text, ms: 1 }], json));
    expect(parse(whole)).to.include({ outputText: "Grüß dich", finishReason: "length" });
    expect(parse('[{"generated_text":"a"}]').outputText).to.equal("a");
    expect(parse('{"error":"Request failed during generation","error_type":"generation"}').error?.code).to.equal("in_band_error");
    expect(parse("[]").error?.code).to.equal("parse");
    expect(parse('{"generated_text":""}').error?.code).to.equal("empty");
  });

  it("that reports an error in its stream is none", () => {
    const text = sse(token(1, "a"), { error: "boom", error_type: "generation" });
    expect(endpoint.parse(responseOf([{ text, ms: 1 }])).error).to.include({ code: "in_band_error", message: "boom" });
  });

  staysUnbroken(endpoint, [
    { title: "a stream", text: stream },
    { title: "a document", text: whole, changes: json },
    { title: "a list", text: '[{"generated_text":"ü"}]', changes: json },
  ]);
});
