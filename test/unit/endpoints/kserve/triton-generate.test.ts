import { expect } from "chai";
import { createTritonGenerateEndpoint } from "../../../../endpoints/kserve/triton-generate.ts";
import { type ReadPart, responseOf } from "../openai/answers.ts";
import { staysUnbroken } from "../unbroken.ts";
import { framed, requestOf, response, stream, streamed, text, whole, wholeAnswer } from "./calls.ts";

const endpoint = createTritonGenerateEndpoint();
const parse = (payload: Uint8Array, changes = streamed) => endpoint.parse(responseOf([{ text: payload, ms: 10 }], changes));
const parseParts = (parts: readonly ReadPart[]) => endpoint.parse(responseOf(parts, streamed));

describe("triton_generate: the message of a request", () => {
  it("has vLLM's tensors without a batch dimension, and asks a stream for a mark of its end", () => {
    expect(requestOf(endpoint, { maxOutputTokens: 16, isStreaming: true, extraInputs: { temperature: 0 } })).to.deep.equal({
      model: "llama",
      inputs: {
        "text_input BYTES [1]": ["grüß dich 🚂"],
        "stream BOOL [1]": [true],
        "sampling_parameters BYTES [1]": ['{"max_tokens":16,"temperature":0}'],
        "exclude_input_in_output BOOL [1]": [true],
      },
      parameters: { triton_enable_empty_final_response: true },
      outputs: [],
    });
    expect(requestOf(endpoint).parameters).to.deep.equal({});
  });

  it("has the turn's images in base64, one element each", () => {
    const image = (content: string) => ({ modality: "image" as const, content });
    const parts = [
      { modality: "text" as const, content: "what?" },
      image("data:image/png;base64,AAAA"),
      image("data:;base64,BBBB"),
    ];
    const messages = [{ role: "user" as const, content: "what?", parts }];
    expect(requestOf(endpoint, { messages }).inputs).to.deep.include({
      "text_input BYTES [1]": ["what?"],
      "image BYTES [2]": ["AAAA", "BBBB"],
    });
    const elsewhere = [{ ...messages[0], role: "user" as const, content: "", parts: [image("https://a/b.png")] }];
    expect(() => requestOf(endpoint, { messages: elsewhere })).to.throw(
      "takes images as data: URLs in base64, got https://a/b.png",
    );
  });

  it("has extra inputs of the backend as tensors, and sampling parameters as an object or as its JSON", () => {
    for (const given of [{ seed: 3 }, '{"seed":3}']) {
      const extraInputs = { return_num_output_tokens: true, exclude_input_in_output: false, sampling_parameters: given };
      expect(requestOf(endpoint, { extraInputs }).inputs).to.deep.include({
        "sampling_parameters BYTES [1]": ['{"seed":3}'],
        "return_num_output_tokens BOOL [1]": [true],
        "exclude_input_in_output BOOL [1]": [false],
      });
    }
    const wrong = () => requestOf(endpoint, { extraInputs: { sampling_parameters: "[1]" } });
    expect(wrong).to.throw('sampling_parameters must be a JSON object, got "[1]"');
    const noFlag = () => requestOf(endpoint, { extraInputs: { return_finish_reason: "yes" } });
    expect(noFlag).to.throw('tensor return_finish_reason: element 0 of BOOL must be true or false, got "yes"');
  });
});

describe("triton_generate: an answer", () => {
  const pieces = [response(text("Kö"), false), response(text("ln"), false), response(text(" 🚂"), true)];

  it("has a chunk for each response with text, stamped by the read that completed it", () => {
    const [first, second, third] = pieces.map((piece) => stream(piece)) as [Buffer, Buffer, Buffer];
    const parsed = parseParts([
      { text: first.subarray(0, 7), ms: 1 },
      { text: Buffer.concat([first.subarray(7), second]), ms: 2 },
      { text: third.subarray(0, 4), ms: 3 },
      { text: third.subarray(4), ms: 4 },
    ]);
    expect(parsed).to.deep.include({ error: undefined, outputText: "Köln 🚂", coalescedChunks: 1, firstOutputNs: 2e6 });
    expect([...parsed.contentNs]).to.deep.equal([2e6, 2e6, 4e6]);
    expect(parsed.firsts).to.deep.include({ eventNs: 2e6, textNs: 2e6 });
  });

  it("ends with an empty last response, which is no chunk, and has nothing of what comes behind it", () => {
    const parsed = parse(stream(response(text("a"), false), response([], true), response(text("b"), false)));
    expect(parsed).to.deep.include({ error: undefined, outputText: "a" });
    expect(parsed.contentNs).to.have.lengthOf(1);
  });

  it("is truncated where no response says to be the last and others say not to be, and complete where none has the parameter", () => {
    const parsed = parse(stream(response(text("a"), false), response(text("b"), false)));
    expect(parsed.error).to.deep.equal({
      code: "truncated",
      phase: "stream",
      message: "the stream ended with no response that says to be the last",
    });
    expect(parsed.outputText).to.equal("ab");
    const unmarked = stream(response(text("a")), response(text("b")));
    expect(parse(unmarked).error).to.equal(undefined);
    expect(parse(unmarked.subarray(0, -1)).error?.message).to.equal("the answer ended inside a message");
  });

  it("is an error where a message is one, with what came before it", () => {
    const parsed = parse(stream(response(text("a"), false), "the backend fell over", response(text("b"), true)));
    expect(parsed.error).to.deep.equal({ code: "in_band_error", phase: "stream", message: "the backend fell over" });
    expect(parsed.outputText).to.equal("a");
    expect(parse(stream("maximum context length is 8")).error?.code).to.equal("context_overflow");
  });

  it("adds up the tokens of its responses, and has the reason of its end", () => {
    const counted = (said: string, tokens: number, reason: string, isFinal: boolean) =>
      response(
        text(
          said,
          ["num_output_tokens", "UINT32", [1], [tokens]],
          ["num_input_tokens", "UINT32", [1], [7]],
          ["finish_reason", "BYTES", [1], [reason]],
        ),
        isFinal,
      );
    const { usage, finishReason } = parse(stream(counted("a b", 2, "None", false), counted(" c", 1, "stop", true)));
    expect(usage).to.deep.include({ promptTokens: 7, completionTokens: 3, totalTokens: 10 });
    expect(finishReason).to.equal("stop");
  });

  it("has further answers where several were asked for", () => {
    const parsed = parse(stream(response([["text_output", "BYTES", [2], ["one", "two"]]], true)));
    expect(parsed.outputText).to.equal("one");
    expect(parsed.others).to.deep.include({ count: 2, outputText: "two" });
  });

  it("is empty without text, and cannot be read where a message is compressed, none, or of tensors that do not fit", () => {
    expect(parse(stream(response([], true))).error?.code).to.equal("empty");
    expect(parse(Buffer.alloc(0)).error?.code).to.equal("empty");
    expect(parse(Buffer.from([1, 0, 0, 0, 1, 0])).error?.message).to.contain("compressed");
    expect(parse(framed(Buffer.from([0x0a, 0xff]))).error?.code).to.equal("parse");
    const short = { ...response(text("a"), true), rawOutputContents: [Buffer.from([9, 0, 0, 0, 1])] };
    expect(parse(stream(short)).error?.message).to.contain("tensor text_output: contents of BYTES end inside an element");
  });

  it("is what HTTP says where something else answers", () => {
    const page = Buffer.from("<html>no</html>");
    expect(parse(page, { contentType: "text/html", isStreaming: true }).error).to.deep.include({
      code: "parse",
      message: 'answer of type "text/html" is not gRPC\'s',
    });
    expect(parse(page, { status: 502, contentType: "text/html" }).error?.code).to.equal("http_5xx");
  });

  staysUnbroken(endpoint, [
    { title: "a stream whose last response has text", text: stream(...pieces), changes: streamed },
    { title: "a stream with an empty end", text: stream(pieces[0] ?? "", response([], true)), changes: streamed },
    { title: "an answer in one piece", text: wholeAnswer(response(text("Köln 🚂"))), changes: whole },
  ]);
});
