import { expect } from "chai";
import { createTrtllmEndpoint } from "../../../../endpoints/kserve/trtllm.ts";
import { responseOf } from "../openai/answers.ts";
import { staysUnbroken } from "../unbroken.ts";
import { type Output, requestOf, response, stream, streamed, whole, wholeAnswer } from "./calls.ts";

const endpoint = createTrtllmEndpoint();
const parse = (payload: Uint8Array, changes = streamed) => endpoint.parse(responseOf([{ text: payload, ms: 10 }], changes));
const text = (said: string, ...rest: readonly Output[]): Output[] => [["text_output", "BYTES", [1, 1], [said]], ...rest];

describe("trtllm: the message of a request", () => {
  it("has every tensor with a batch dimension, and asks for the outputs that are read", () => {
    const extraInputs = { temperature: 1, seed: 7, stop_words: ["a", "b"], return_num_output_tokens: true, top_k: 1 };
    expect(requestOf(endpoint, { maxOutputTokens: 16, isStreaming: true, extraInputs })).to.deep.equal({
      model: "llama",
      inputs: {
        "text_input BYTES [1,1]": ["grüß dich 🚂"],
        "stream BOOL [1,1]": [true],
        "exclude_input_in_output BOOL [1,1]": [true],
        "max_tokens INT32 [1,1]": [16],
        "temperature FP32 [1,1]": [1],
        "seed UINT64 [1,1]": [7n],
        "stop_words BYTES [1,2]": ["a", "b"],
        "return_num_output_tokens BOOL [1,1]": [true],
        "top_k INT32 [1,1]": [1],
      },
      parameters: { triton_enable_empty_final_response: true },
      outputs: ["text_output", "num_output_tokens"],
    });
  });

  it("asks for the moments on the server's clock where they are wanted", () => {
    const { outputs } = requestOf(endpoint, { maxOutputTokens: 1, extraInputs: { return_perf_metrics: true } });
    expect(outputs).to.deep.equal(["text_output", "arrival_time_ns", "first_scheduled_time_ns", "first_token_time_ns"]);
  });

  it("needs a length, which an extra input may be, and leaves out what the model does not have", () => {
    expect(() => requestOf(endpoint)).to.throw("trtllm needs an output length: --osl, or --extra-inputs max_tokens:N");
    const { inputs } = requestOf(endpoint, { extraInputs: { max_tokens: 3, ignore_eos: true, min_tokens: 3 } });
    expect(inputs).to.deep.include({ "max_tokens INT32 [1,1]": [3], "min_tokens INT32 [1,1]": [3] });
    expect(Object.keys(inputs).join()).to.not.contain("ignore_eos");
  });
});

describe("trtllm: an answer", () => {
  const count = (tokens: number): Output => ["num_output_tokens", "INT32", [1, 1], [tokens]];

  it("is its texts, its end a response without outputs, its tokens what the last count says", () => {
    const parsed = parse(
      stream(response(text("a b", count(2)), false), response(text(" c", count(3)), false), response([], true)),
    );
    expect(parsed).to.deep.include({ error: undefined, outputText: "a b c" });
    expect(parsed.contentNs).to.have.lengthOf(2);
    expect(parsed.usage?.completionTokens).to.equal(3);
  });

  it("has every piece where two are alike, and one begins with the one before", () => {
    for (const pieces of [
      ["ha", "ha"],
      [" the", " the", " theory"],
      ["a", "ab", "a"],
    ]) {
      const { outputText, contentNs } = parse(stream(...pieces.map((one) => response(text(one), false)), response([], true)));
      expect(outputText).to.equal(pieces.join(""));
      expect(contentNs).to.have.lengthOf(pieces.length);
    }
  });

  it("has what is new in each text where they have all before", () => {
    const said = ["a b", "a b c", "a b c d"].map((one) => response(text(one), false));
    expect(parse(stream(...said, response([], true))).outputText).to.equal("a b c d");
  });

  const moments = (...ns: readonly bigint[]): Output[] =>
    ["arrival_time_ns", "first_scheduled_time_ns", "first_token_time_ns"].map((name, i) => [
      name,
      "INT64",
      [1, 1],
      [ns[i] ?? 0n],
    ]);

  it("has the server's own times from its arrival, the last that are whole and in order", () => {
    const uptime = 30n * 86_400_000_000_000n;
    const known = moments(uptime, uptime + 2_000_000n, uptime + 50_000_000n);
    const parsed = parse(
      stream(
        response(text("a", ...moments(uptime, 0n, 0n)), false),
        response(text(" b", ...known), false),
        response(text(" c", ...moments(uptime, uptime + 9n, uptime + 1n)), false),
        response([], true),
      ),
    );
    expect(parsed.serverTimes).to.deep.equal({ scheduledNs: 2e6, firstTokenNs: 50e6 });
    expect(parse(stream(response(text("a"), false), response([], true)))).to.not.have.property("serverTimes");
  });

  staysUnbroken(endpoint, [
    {
      title: "a stream",
      text: stream(response(text("Kö"), false), response(text("ln 🚂"), false), response([], true)),
      changes: streamed,
    },
    { title: "an answer in one piece", text: wholeAnswer(response(text("Köln 🚂", count(4)))), changes: whole },
  ]);
});
