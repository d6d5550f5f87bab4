import { expect } from "chai";
import fc from "fast-check";
import type { RawResponse } from "../../../../endpoints/endpoint.ts";
import { createChatEndpoint } from "../../../../endpoints/openai/chat.ts";
import { recordMetrics } from "../../../../metrics/catalog.ts";
import { decodeStamps, maxReadBytes, writeRead } from "../../../../services/common/chunk-stamps.ts";
import type { MetricRecord } from "../../../../services/common/metric-record.ts";
import type { RawRecord } from "../../../../services/common/raw-record.ts";
import { Measurer, type MeasurerOptions } from "../../../../services/record-processor/core/measurer.ts";
import { chunk, content, finish, sse } from "../../endpoints/openai/answers.ts";

const usage = { prompt_tokens: 40, completion_tokens: 5, total_tokens: 45, completion_tokens_details: { reasoning_tokens: 2 } };

/** A streamed answer in five reads, one every 10 ms, sent 1 ms after it was due. */
const reads: readonly string[] = [
  sse(chunk({ delta: { role: "assistant", content: "" } })),
  sse(content("Hel")),
  sse(content("lo")),
  sse(finish),
  sse(chunk(undefined, { usage }), "[DONE]"),
];

function received(texts: readonly string[]): Pick<RawRecord, "stamps" | "payload"> {
  const stamps = new Uint8Array(texts.length * maxReadBytes);
  let offset = 0;
  texts.forEach((text, index) => {
    offset = writeRead(stamps, offset, Buffer.byteLength(text), index * 10e6, (index + 1) * 10e6);
  });
  return { stamps: stamps.subarray(0, offset), payload: Buffer.from(texts.join("")) };
}

function rawRecord(changes: Partial<RawRecord> = {}, texts: readonly string[] = reads): RawRecord {
  return {
    creditId: 7,
    phase: 1,
    conversation: 3,
    turn: 2,
    sessionId: 4,
    sessionNum: 5,
    parentSession: undefined,
    rootSession: undefined,
    agentDepth: 0,
    requestId: "request",
    correlationId: "session",
    workerId: "worker",
    targetIndex: 6,
    model: "m",
    dueNs: 1_000e6,
    issuedNs: 900e6,
    receivedNs: 950e6,
    sentNs: 1_001e6,
    wallOffsetNs: 1.7e18,
    firstByteNs: 9e6,
    endNs: 51e6,
    connectNs: 2e6,
    blockedNs: 0.5e6,
    dnsNs: 0.25e6,
    tcpNs: undefined,
    tlsNs: undefined,
    writtenNs: 1e6,
    localAddress: "",
    remoteAddress: "",
    rowGroup: "",
    isConnectionReused: false,
    isStreaming: true,
    isCancelled: false,
    cancelledNs: undefined,
    requestBytes: 2048,
    responseBytes: 4096,
    requestedOutputTokens: 10,
    status: 200,
    contentType: "text/event-stream",
    error: undefined,
    inputTokens: 30,
    inputText: undefined,
    images: undefined,
    audioSeconds: undefined,
    expectation: undefined,
    ...received(texts),
    ...changes,
  };
}

const endpoint = createChatEndpoint();
/** A token a character. */
const countTokens = (text: string): number => text.length;

function measure(record: RawRecord, options: Partial<MeasurerOptions> = {}): MetricRecord {
  return new Measurer({ endpoint, countTokens, ...options }).measure(record);
}

/** The values that apply, by tag. */
function valuesOf(record: MetricRecord): Record<string, number> {
  const entries = recordMetrics.map(({ tag }, index) => [tag, record.values[index] ?? Number.NaN] as const);
  return Object.fromEntries(entries.filter(([, value]) => !Number.isNaN(value)));
}

const ofFailures = ["requested_osl", "lateness", "http_req_data_sent", "http_req_data_received", "error_isl"];

describe("Measurer", () => {
  it("takes the run's secrets out of what a target says back", () => {
    const said = Buffer.from('{"error":{"message":"no such key: sk-canary"}}');
    const stamps = new Uint8Array(maxReadBytes);
    const refused = { status: 401, contentType: "application/json", payload: said };
    const raw = rawRecord({ ...refused, stamps: stamps.subarray(0, writeRead(stamps, 0, said.length, 0, 1e6)) });
    const mask = (message: string): string => message.replaceAll("sk-canary", "***");
    expect(measure(raw, { mask }).error?.message).to.equal("http status 401: no such key: ***");
  });

  it("measures a streamed answer", () => {
    expect(valuesOf(measure(rawRecord()))).to.deep.equal({
      time_to_first_token: 20,
      time_to_second_token: 10,
      time_to_first_output_token: 20,
      request_latency: 30,
      response_time: 31,
      decode_duration: 10,
      inter_token_latency: 2.5,
      output_token_throughput_per_user: 400,
      e2e_output_token_throughput: 5000 / 30,
      prefill_throughput_per_user: 2000,
      output_sequence_length: 5,
      input_sequence_length: 40,
      output_token_count: 3,
      reasoning_token_count: 2,
      requested_osl: 10,
      osl_mismatch_diff_pct: -50,
      usage_prompt_tokens: 40,
      usage_completion_tokens: 5,
      usage_total_tokens: 45,
      usage_reasoning_tokens: 2,
      lateness: 1,
      stream_setup_latency: 9,
      time_to_first_event: 10,
      time_to_first_role: 10,
      time_to_first_text: 20,
      tokens_per_chunk: 2.5,
      longest_inter_chunk_latency: 10,
      time_to_first_token_from_due: 21,
      http_req_data_sent: 2,
      http_req_data_received: 4,
      http_req_blocked: 0.5,
      http_req_dns_lookup: 0.25,
      http_req_connecting: 1.75,
      http_req_sending: 1,
      http_req_waiting: 9,
      http_req_receiving: 40,
      http_req_connection_reused: 0,
      http_req_chunks_sent: 1,
      http_req_chunks_received: 5,
      http_req_connection_overhead: 2.5,
      http_req_duration: 51,
      http_req_total: 52.5,
      stream_prefill_latency: 11,
      thinking_efficiency: 2 / 3,
      credit_to_start_latency: 1,
      effective_latency: 52,
    });
  });

  it("carries identity and times unchanged, and says what it found", () => {
    const raw = rawRecord();
    const { values, contentStamps, ...rest } = measure(raw);
    const { stamps, payload, contentType, inputTokens, inputText, images, audioSeconds, expectation, ...carried } = raw;
    expect(rest).to.deep.equal({
      ...carried,
      check: undefined,
      finishReason: "stop",
      coalescedChunks: 0,
      tokenSource: "usage",
      hasUsageMismatch: false,
      isStreamIgnored: false,
    });
    expect([...decodeStamps(contentStamps)]).to.deep.equal([20e6, 30e6]);
    expect(values).to.have.lengthOf(recordMetrics.length);
  });

  it("has neither lateness nor another response time where nothing was due", () => {
    const values = valuesOf(measure(rawRecord({ dueNs: 0 })));
    expect(values).not.to.have.property("lateness");
    expect(values.response_time).to.equal(values.request_latency);
  });

  describe("counts tokens", () => {
    const silent = [sse(chunk({ delta: { reasoning: "hmm" } })), sse(content("Hello")), sse(finish, "[DONE]")];

    it("beside the target's usage where the two are to be compared, and of no failure", () => {
      const options = { countTokens: (text: string) => text.length, checksUsage: true };
      const diffs = (changes: Partial<RawRecord>) => {
        const { values } = measure(rawRecord({ inputTokens: 50, inputText: undefined, ...changes }), options);
        const at = (tag: string) => values[recordMetrics.findIndex((metric) => metric.tag === `usage_${tag}_tokens_diff_pct`)];
        return [at("prompt"), at("completion"), at("reasoning")];
      };
      expect(diffs({})).to.deep.equal([20, 0, Number.NaN]);
      expect(diffs({ status: 500 })).to.deep.equal([Number.NaN, Number.NaN, Number.NaN]);
    });

    it("by the target's usage, without ever asking the tokenizer", () => {
      const refuse = (): number => {
        throw new Error("asked");
      };
      const record = measure(rawRecord(), { countTokens: refuse });
      expect([record.error, record.tokenSource]).to.deep.equal([undefined, "usage"]);
    });

    it("itself where the target sends no usage, text and reasoning apart", () => {
      const record = measure(rawRecord({}, silent));
      const { output_token_count, reasoning_token_count, output_sequence_length, input_sequence_length } = valuesOf(record);
      expect([output_token_count, reasoning_token_count, output_sequence_length]).to.deep.equal([5, 3, 8]);
      expect(input_sequence_length).to.equal(30);
      expect(record.tokenSource).to.equal("counted");
    });

    it("itself where the target's usage is of zeros, which it is marked for", () => {
      const zeros = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
      const record = measure(rawRecord({}, [...reads.slice(0, 4), sse(chunk(undefined, { usage: zeros }), "[DONE]")]));
      expect(valuesOf(record)).to.include({
        input_sequence_length: 30,
        output_sequence_length: 5,
        usage_prompt_tokens: 0,
        usage_completion_tokens: 0,
      });
      expect(record).to.include({ tokenSource: "counted", hasUsageMismatch: true });
      const uncounted = measure(rawRecord({}, [...reads.slice(0, 4), sse(chunk(undefined, { usage: zeros }), "[DONE]")]), {
        countTokens: undefined,
      });
      expect(valuesOf(uncounted)).to.include({ input_sequence_length: 0, output_sequence_length: 0 });
      expect(uncounted.tokenSource).to.equal("usage");
    });

    it("of the prompt where neither target nor dataset did", () => {
      const record = measure(rawRecord({ inputTokens: undefined, inputText: "what is it" }, silent));
      expect(valuesOf(record).input_sequence_length).to.equal(10);
    });

    it("counts what was sent by a counter of its own, and the answer by the other", () => {
      const counted: string[] = [];
      const countInput = (text: string): number => {
        counted.push(text);
        return 77;
      };
      const silent = reads.slice(0, 4).concat(sse("[DONE]"));
      const record = measure(rawRecord({ inputText: "sent", inputTokens: undefined }, silent), { countInput });
      expect(counted).to.deep.equal(["sent"]);
      expect(record.values[recordMetrics.findIndex(({ tag }) => tag === "input_sequence_length")]).to.equal(77);
      expect(record.values[recordMetrics.findIndex(({ tag }) => tag === "output_sequence_length")]).to.equal("Hello".length);
    });

    it("not at all without a tokenizer, neither of what it sent nor of what came", () => {
      const record = measure(rawRecord({}, silent), { countTokens: undefined });
      expect(record.tokenSource).to.equal("none");
      for (const tag of ["input_sequence_length", "output_sequence_length", "output_token_count", "reasoning_token_count"]) {
        expect(valuesOf(record), tag).not.to.have.property(tag);
      }
      expect(record.error).to.equal(undefined);
    });

    it("by the target's usage alone without a tokenizer, reasoning included", () => {
      const record = measure(rawRecord(), { countTokens: undefined });
      expect(record.tokenSource).to.equal("usage");
      expect(valuesOf(record)).to.include({
        input_sequence_length: 40,
        output_token_count: 3,
        reasoning_token_count: 2,
        output_sequence_length: 5,
      });
    });

    const thinking = (reasoning: string, text: string, completion: number) => [
      sse(chunk({ delta: { reasoning } })),
      sse(content(text), finish),
      sse(
        chunk(undefined, { usage: { prompt_tokens: 40, completion_tokens: completion, total_tokens: 40 + completion } }),
        "[DONE]",
      ),
    ];
    for (const [title, reasoning, text, expected] of [
      [
        "a short reasoning",
        "hm",
        "long answer",
        { reasoning_token_count: 2, output_token_count: 18, output_sequence_length: 20 },
      ],
      ["a short answer", "long thoughts", "so", { reasoning_token_count: 18, output_token_count: 2, output_sequence_length: 20 }],
    ] as const) {
      it(`tells ${title} apart in the target's count where the target does not, by counting the shorter text`, () => {
        const counted: string[] = [];
        const countTokens = (given: string): number => {
          counted.push(given);
          return given.length;
        };
        const record = measure(rawRecord({}, thinking(reasoning, text, 20)), { countTokens });
        expect(valuesOf(record)).to.include(expected);
        expect([record.tokenSource, counted]).to.deep.equal(["usage", [reasoning.length < text.length ? reasoning : text]]);
      });
    }

    it("never tells more apart than the target counts, and nothing without a tokenizer", () => {
      const few = valuesOf(measure(rawRecord({}, thinking("thoughts", "long answer", 3))));
      expect(few).to.include({ reasoning_token_count: 3, output_token_count: 0, output_sequence_length: 3 });
      const plain = valuesOf(measure(rawRecord({}, thinking("hm", "so", 9)), { countTokens: undefined }));
      expect(plain).to.include({ output_token_count: 9, output_sequence_length: 9 });
      expect(plain).to.not.have.property("reasoning_token_count");
    });

    it("of all choices, each of them as fast as the mean one, and each asked for as long", () => {
      const other = (text: string) => chunk({ index: 1, delta: { content: text } });
      const end = chunk({ index: 1, delta: {}, finish_reason: "stop" });
      const texts = [sse(content("a")), sse(other("b")), sse(content("c")), sse(other("d")), sse(finish, end)];
      const counts = { prompt_tokens: 40, completion_tokens: 8, total_tokens: 48 };
      const values = valuesOf(measure(rawRecord({}, [...texts, sse(chunk(undefined, { usage: counts }), "[DONE]")])));
      // Four tokens each from 10 to 40 ms.
      expect(values).to.include({
        time_to_first_token: 10,
        request_latency: 40,
        inter_token_latency: 10,
        output_sequence_length: 8,
        requested_osl: 20,
        output_count: 2,
        tokens_per_chunk: 2,
      });
      const uncounted = valuesOf(measure(rawRecord({}, [...texts, sse("[DONE]")])));
      expect(uncounted).to.include({ output_sequence_length: 4 });
    });

    for (const [title, counts, isMismatch] of [
      ["fewer tokens than chunks with content", { prompt_tokens: 40, completion_tokens: 1, total_tokens: 41 }, true],
      ["a total that is not the sum", { prompt_tokens: 40, completion_tokens: 5, total_tokens: 50 }, true],
      ["as many tokens as chunks", { prompt_tokens: 40, completion_tokens: 2, total_tokens: 42 }, false],
      ["no total", { prompt_tokens: 40, completion_tokens: 2 }, false],
      ["no completion tokens", { prompt_tokens: 40 }, false],
    ] as const) {
      it(`and ${isMismatch ? "marks" : "accepts"} usage with ${title}`, () => {
        const texts = [...reads.slice(0, 4), sse(chunk(undefined, { usage: counts }), "[DONE]")];
        expect(measure(rawRecord({}, texts)).hasUsageMismatch).to.equal(isMismatch);
      });
    }
  });

  it("keeps the worker's error and the stamps of what had arrived", () => {
    const error = { code: "reset", phase: "stream", message: "connection reset" } as const;
    const record = measure(rawRecord({ error }, reads.slice(0, 3)));
    expect(record.error).to.equal(error);
    expect([...decodeStamps(record.contentStamps)]).to.deep.equal([20e6, 30e6]);
    expect(Object.keys(valuesOf(record))).to.deep.equal(ofFailures);
  });

  it("gives an answer that is wrong in itself the endpoint's error, and counts no token of it", () => {
    const record = measure(rawRecord({}, reads.slice(0, 3)));
    expect(record.error?.code).to.equal("truncated");
    expect(record.tokenSource).to.equal("none");
    expect(Object.keys(valuesOf(record))).to.deep.equal(ofFailures);
    // As the dataset counted: what a failing server says of its usage is not asked.
    expect(valuesOf(record).error_isl).to.equal(rawRecord().inputTokens);
  });

  it("takes a request without response as it is", () => {
    const error = { code: "connect_refused", phase: "connect", message: "refused" } as const;
    const measurer = new Measurer({ endpoint, countTokens });
    const record = measurer.measure(rawRecord({ error, status: 0, firstByteNs: undefined }, []));
    expect(record.error).to.equal(error);
    expect(record.contentStamps).to.have.lengthOf(0);
    expect(measurer.faults).to.equal(0);
  });

  describe("of an endpoint whose answers are not text", () => {
    const usageOf = (promptTokens: number | undefined) => ({
      promptTokens,
      completionTokens: 0,
      totalTokens: undefined,
      reasoningTokens: undefined,
      cachedPromptTokens: undefined,
    });
    const pictures = (promptTokens: number | undefined) => ({
      ...endpoint,
      produces: "images" as const,
      parse: (response: RawResponse) => ({ ...endpoint.parse(response), outputText: "", usage: usageOf(promptTokens) }),
    });

    it("measures when it was whole and how long the input was, and nothing of tokens that there are none of", () => {
      const record = measure(rawRecord(), { endpoint: pictures(12) });
      const values = valuesOf(record);
      expect(values).to.include({ request_latency: 30, input_sequence_length: 12, lateness: 1 });
      expect(values).to.not.have.any.keys(
        ...["time_to_first_token", "time_to_second_token", "time_to_first_output_token", "decode_duration"],
        ...["inter_token_latency", "output_sequence_length", "output_token_count", "requested_osl", "osl_mismatch_diff_pct"],
        ...["prefill_throughput_per_user", "e2e_output_token_throughput", "output_token_throughput_per_user"],
      );
      expect([...decodeStamps(record.contentStamps)]).to.deep.equal([30e6]);
      expect(record).to.include({ tokenSource: "usage", hasUsageMismatch: false, coalescedChunks: 0 });
    });

    it("counts the input itself where the target does not, and has no count without a tokenizer", () => {
      for (const said of [undefined, 0]) {
        const counted = measure(rawRecord(), { endpoint: pictures(said) });
        expect(valuesOf(counted)).to.include({ input_sequence_length: 30 });
        expect(counted.tokenSource).to.equal("counted");
      }
      const uncounted = measure(rawRecord(), { endpoint: pictures(undefined), countTokens: undefined });
      expect(valuesOf(uncounted)).to.not.have.property("input_sequence_length");
      expect(uncounted.tokenSource).to.equal("none");
    });
  });

  it("gives metrics of streams no value where the target ignored that a stream was asked for", () => {
    const answer = JSON.stringify({ choices: [{ message: { content: "Hello" }, finish_reason: "stop" }], usage });
    const record = measure(rawRecord({ contentType: "application/json" }, [answer]));
    expect(record.error).to.equal(undefined);
    expect(record.isStreamIgnored).to.equal(true);
    expect(valuesOf(record)).not.to.have.property("time_to_first_token");
    expect(valuesOf(record).request_latency).to.equal(10);
  });

  const faults: readonly (readonly [string, RawRecord, Partial<MeasurerOptions>])[] = [
    ["stamps that do not cover the payload", rawRecord({ payload: Buffer.from("x") }), {}],
    ["stamps that end early", rawRecord({ stamps: Uint8Array.of(0x80) }), {}],
    ["neither response nor error", rawRecord({ status: 0 }, []), {}],
    [
      "a parser that throws",
      rawRecord(),
      {
        endpoint: {
          ...endpoint,
          parse: () => {
            throw new TypeError("bug");
          },
        },
      },
    ],
    [
      "a tokenizer that throws",
      rawRecord({}, [sse(content("a"), finish)]),
      {
        countTokens: () => {
          throw new TypeError("bug");
        },
      },
    ],
  ];
  for (const [title, record, options] of faults) {
    it(`makes a record with a parse error of ${title}, and counts it`, () => {
      const measurer = new Measurer({ endpoint, countTokens, ...options });
      const measured = measurer.measure(record);
      expect(measured.error?.code).to.equal("parse");
      expect(measured.creditId).to.equal(7);
      expect(valuesOf(measured)).to.deep.equal({});
      expect(measurer.faults).to.equal(1);
    });
  }

  it("never throws, whatever bytes it is given", () => {
    const measurer = new Measurer({ endpoint, countTokens });
    const bytes = fc.uint8Array({ maxLength: 40 });
    fc.assert(
      fc.property(
        bytes,
        bytes,
        fc.constantFrom(0, 200, 500),
        fc.constantFrom("text/event-stream", "application/json"),
        (stamps, payload, status, contentType) => {
          expect(measurer.measure(rawRecord({ stamps, payload, status, contentType })).error).not.to.equal(undefined);
        },
      ),
    );
  });
});
