import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { clone, create, equals, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { expect } from "chai";
import { withOwnEndpoints } from "../../../endpoints/own-endpoints.ts";
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import {
  ArrivalPattern,
  ConcurrencyUnit,
  ConnectionReuse,
  ModelSelection,
  Overload,
  type PhaseSpecSchema,
  type RampSpecSchema,
  type RateLoadSchema,
  type RunSpec,
  RunSpecSchema,
  Sampling,
  TransportKind,
  UrlStrategy,
} from "../../../gen/assay/common/v1/run_spec_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import { maskSecrets } from "../../../services/common/secrets.ts";
import { pacingWarning } from "../../../services/controller/core/run-plan.ts";
import { compileRunSpec } from "../../../services/controller/core/run-spec.ts";

type SpecInit = Exclude<MessageInitShape<typeof RunSpecSchema>, { $typeName: string }>;

const drawSeed = (): bigint => 42n;

/** A spec that compiles: one measured phase of ten requests. */
function specOf(change: SpecInit = {}): RunSpec {
  return create(RunSpecSchema, {
    models: ["m"],
    phases: [phaseOf({})],
    ...change,
  });
}

function compiled(change: SpecInit = {}): RunSpec {
  return compileRunSpec(specOf(change), drawSeed).spec;
}

function refusalOf(spec: RunSpec): AssayError {
  try {
    compileRunSpec(spec, drawSeed);
  } catch (error) {
    expect(error).to.be.instanceOf(AssayError);
    return error as AssayError;
  }
  throw new Error("the spec was accepted");
}

const file = (value: object) => ({ dataset: { source: { case: "file" as const, value } } });

/** What asks for a text of a run of tensors. */
function tensorRows(): [field: string, description: string, change: SpecInit][] {
  const url = { url: "grpc://localhost" };
  const tensor = (change: SpecInit): SpecInit => ({ target: { urls: [url] }, endpoint: { type: "tensor" }, ...change });
  const synthetic = (value: object) => tensor({ dataset: { source: { case: "synthetic", value } } });
  const why = "must not be given: endpoint tensor sends and gets tensors";
  const at = "dataset.synthetic";
  return [
    [`${at}.input_tokens.mean`, why, synthetic({ inputTokens: { mean: 20 } })],
    [`${at}.output_tokens.stddev`, why, synthetic({ outputTokens: { stddev: 20 } })],
    [`${at}.length_mix`, why, synthetic({ lengthMix: [{ inputTokens: { mean: 1 }, outputTokens: { mean: 1 }, weight: 1 }] })],
    [`${at}.corpus`, why, synthetic({ corpus: "code" })],
    [`${at}.prefix_count`, why, synthetic({ prefixCount: 1, prefixTokens: 5 })],
    [`${at}.prefix_tokens`, why, synthetic({ prefixCount: 1, prefixTokens: 5 })],
    [`${at}.shared_system_tokens`, why, synthetic({ sharedSystemTokens: 5 })],
    [`${at}.user_context_tokens`, why, synthetic({ userContextTokens: 5 })],
    ["dataset.file.output_tokens.mean", why, tensor(file({ path: "/f", outputTokens: { mean: 5 } }))],
    ["dataset.cache_bust", why, tensor({ dataset: { cacheBust: "first_turn_prefix" } })],
    ["endpoint.force_output_length", why, tensor({ endpoint: { type: "tensor", forceOutputLength: "auto" } })],
    ["endpoint.reasoning_tags", why, tensor({ endpoint: { type: "tensor", reasoningTags: "off" } })],
    ["tokenizer.apply_chat_template", why, tensor({ tokenizer: { applyChatTemplate: true } })],
  ];
}

const replayOf = (value: object) => ({ dataset: { source: { case: "replay" as const, value } } });
const rateLoad = (ratePerSec: number) => ({ case: "rate" as const, value: { ratePerSec } });
const ramped = (...ramps: Exclude<MessageInitShape<typeof RampSpecSchema>, { $typeName: string }>[]): SpecInit => ({
  phases: [phaseOf({ ramps })],
});
type RateInit = Exclude<MessageInitShape<typeof RateLoadSchema>, { $typeName: string }>;
const rated = (value: RateInit): SpecInit => ({ phases: [phaseOf({ load: { case: "rate", value } })] });
type PhaseInit = Exclude<MessageInitShape<typeof PhaseSpecSchema>, { $typeName: string }>;

const phaseOf = (change: PhaseInit): PhaseInit => ({
  name: "profiling",
  kind: PhaseKind.PROFILING,
  load: { case: "concurrency", value: { limit: 4 } },
  stop: { requestCount: 10n },
  ...change,
});

describe("the defaults of a spec", () => {
  const effective = compiled();
  const phase = effective.phases[0];

  const rows: readonly [string, unknown, unknown][] = [
    ["one local target", effective.target?.urls.map(({ url }) => url), ["http://localhost:8000"]],
    ["its URL as its label", effective.target?.urls[0]?.label, "http://localhost:8000"],
    ["weight 1", effective.target?.urls[0]?.weight, 1],
    ["round robin over targets", effective.target?.urlStrategy, UrlStrategy.ROUND_ROBIN],
    ["the transport by the URL", effective.target?.transport, TransportKind.AUTO],
    ["pooled connections", effective.target?.connectionReuse, ConnectionReuse.POOLED],
    ["six hours for a request", effective.target?.requestTimeoutSec, 21_600],
    ["30 s for a connection", effective.target?.connectTimeoutSec, 30],
    ["no limit for the first byte", effective.target?.firstByteTimeoutSec, undefined],
    ["no limit between reads", effective.target?.idleTimeoutSec, undefined],
    ["the chat endpoint", effective.endpoint?.type, "chat"],
    ["no stream", effective.endpoint?.streaming, false],
    ["Assay's tokenizer", effective.tokenizer?.name, "o200k_base"],
    ["round robin over models", effective.modelSelection, ModelSelection.ROUND_ROBIN],
    ["synthetic data", effective.dataset?.source.case, "synthetic"],
    ["sequential draws", effective.dataset?.sampling, Sampling.SEQUENTIAL],
    ["100 conversations", effective.dataset?.entries, 100n],
    ["Assay's tokenizer for AIPerf's name of it", compiled({ tokenizer: { name: "builtin" } }).tokenizer?.name, "o200k_base"],
    ["sessions as the unit of concurrency", concurrencyOf(phase)?.unit, ConcurrencyUnit.SESSION],
    ["the request's limit as grace of a phase that ends by count", phase?.graceSec, 21_601],
    ["a scrape every second", effective.telemetry?.intervalMs, 1000],
    ["records as export level", effective.output?.exportLevel, "records"],
    ["a drawn seed", effective.randomSeed, 42n],
  ];
  for (const [what, found, expected] of rows) it(`name ${what}`, () => expect(found).to.deep.equal(expected));

  it("name the corpus and the input length of synthetic data", () => {
    const source = effective.dataset?.source;
    expect(source?.case === "synthetic" && source.value.corpus).to.equal("prose");
    expect(source?.case === "synthetic" && source.value.inputTokens?.mean).to.equal(550);
    expect(source?.case === "synthetic" && source.value.outputTokens).to.equal(undefined);
  });

  it("name the metric that a short name means", () => {
    expect(compiled({ slos: [{ metric: "latency", threshold: 9 }] }).slos).to.deep.include({
      $typeName: "assay.common.v1.SloSpec",
      metric: "request_latency",
      threshold: 9,
    });
  });

  it("let synthetic conversations have one turn, and no pause", () => {
    const source = effective.dataset?.source;
    if (source?.case !== "synthetic") expect.fail("no synthetic data");
    expect(source.value.turns).to.include({ mean: 1, stddev: 0 });
    expect(source.value.turnDelayMs).to.include({ mean: 0, stddev: 0 });
    expect(effective.dataset?.turnDelayRatio).to.equal(1);
  });

  it("leave the number of a file's conversations open, and let a bad row fail", () => {
    const { dataset } = compiled(file({ path: "/p.jsonl" }));
    expect([dataset?.entries, dataset?.sampling]).to.deep.equal([undefined, Sampling.SEQUENTIAL]);
    expect(dataset?.source.case === "file" && dataset.source.value).to.include({ format: "", onBadRow: "fail" });
  });

  it("give a phase with a duration 30 seconds of grace", () => {
    expect(compiled({ phases: [phaseOf({ stop: { durationSec: 5 } })] }).phases[0]?.graceSec).to.equal(30);
  });

  it("let a warm-up wait for all its answers", () => {
    const warmup = phaseOf({ name: "warmup", kind: PhaseKind.WARMUP, stop: { durationSec: 5 } });
    expect(compiled({ phases: [warmup, phaseOf({})], target: { requestTimeoutSec: 7 } }).phases[0]?.graceSec).to.equal(8);
  });

  it("let users with a duration wait for every answer, and a schedule end by itself", () => {
    const users = usersOf({ users: 2, ratePerSec: 1 });
    const turns = { dataset: { source: { case: "synthetic" as const, value: { turns: { mean: 2 } } } } };
    expect(compiled({ phases: [{ ...users, stop: { durationSec: 5 } }], ...turns }).phases[0]?.graceSec).to.equal(21_601);
    const { stop: _, ...endless } = scheduled({ concurrencyCeiling: 3 });
    const [phase] = compiled({ phases: [endless], ...file({ path: "/p" }) }).phases;
    expect(phase?.load.value).to.deep.include({ speedup: 1, ceilingUnit: ConcurrencyUnit.SESSION });
  });

  it("let a phase that ends by count wait as long as a request may take", () => {
    expect(compiled({ target: { requestTimeoutSec: 7 } }).phases[0]?.graceSec).to.equal(8);
  });

  it("name Poisson arrivals that queue for a rate", () => {
    const { load } = compiled({ phases: [phaseOf({ load: rateLoad(5) })] }).phases[0] ?? {};
    expect(load?.case === "rate" && [load.value.pattern, load.value.overload]).to.deep.equal([
      ArrivalPattern.POISSON,
      Overload.QUEUE,
    ]);
  });

  it("wait for the model by requests, every five seconds, where there is a wait", () => {
    const wait = (value: object) => compiled({ target: { waitForModel: value } }).target?.waitForModel;
    expect(wait({ timeoutSec: 60 })).to.include({ timeoutSec: 60, intervalSec: 5, mode: "inference" });
    expect(wait({ timeoutSec: 60, intervalSec: 1, mode: "both" })).to.include({ intervalSec: 1, mode: "both" });
    expect(wait({ timeoutSec: 0 })).to.include({ mode: "" });
    expect(effective.target?.noProbe).to.equal(false);
  });

  it("let no connection take longer than its request", () => {
    expect(compiled({ target: { requestTimeoutSec: 3 } }).target?.connectTimeoutSec).to.equal(3);
  });

  it("take http where a URL has no scheme", () => {
    expect(compiled({ target: { urls: [{ url: "10.0.0.1:8000" }] } }).target?.urls[0]?.url).to.equal("http://10.0.0.1:8000");
  });

  it("leave what is given", () => {
    const given = specOf({
      name: "mine",
      randomSeed: 0n,
      target: { urls: [{ url: "https://h", label: "h" }], connectTimeoutSec: 2 },
      dataset: { sampling: Sampling.SHUFFLE, entries: 3n, source: { case: "synthetic", value: { inputTokens: { mean: 9 } } } },
      phases: [phaseOf({ graceSec: 0 })],
      telemetry: { intervalMs: 50 },
      output: { exportLevel: "summary" },
    });
    const { spec } = compileRunSpec(given, drawSeed);
    expect([spec.name, spec.randomSeed, spec.phases[0]?.graceSec, spec.telemetry?.intervalMs]).to.deep.equal(["mine", 0n, 0, 50]);
    expect([spec.dataset?.sampling, spec.dataset?.entries, spec.output?.exportLevel]).to.deep.equal([
      Sampling.SHUFFLE,
      3n,
      "summary",
    ]);
    expect(spec.target?.connectTimeoutSec).to.equal(2);
  });

  const kinds: readonly [string, SpecInit][] = [
    ["a concurrency", {}],
    ["a rate", { phases: [phaseOf({ load: rateLoad(3) })] }],
    ["a file", file({ path: "/p.jsonl", outputTokens: { mean: 5 } })],
    ["several models", { models: ["a", "b"], modelSelection: ModelSelection.WEIGHTED, modelWeights: [0, 1] }],
    ["completions", { endpoint: { type: "completions", useServerTokenCount: true }, tokenizer: { name: "/llama" } }],
  ];
  for (const [what, change] of kinds) {
    it(`make a spec that is itself accepted, and stays what it is: ${what}`, () => {
      const once = compiled(change);
      const twice = compileRunSpec(once, () => 7n).spec;
      expect(equals(RunSpecSchema, once, twice)).to.equal(true);
    });
  }
});

function concurrencyOf(phase: RunSpec["phases"][number] | undefined) {
  return phase?.load.case === "concurrency" ? phase.load.value : undefined;
}

describe("a spec of tensors", () => {
  it("has no lengths of texts by itself, and compiles again as it is stored", () => {
    const first = compiled({ target: { urls: [{ url: "grpc://localhost" }] }, endpoint: { type: "tensor", modelVersion: "2" } });
    expect(first.dataset?.source.value).to.not.have.property("inputTokens");
    expect(compileRunSpec(first, drawSeed).spec).to.deep.equal(first);
  });
});

describe("the name of a run", () => {
  const rows: readonly [string, SpecInit, string][] = [
    ["a concurrency", {}, "m-openai-chat-concurrency4"],
    ["a rate", { phases: [phaseOf({ load: rateLoad(2.5) })] }, "m-openai-chat-request_rate2.5"],
    ["a whole rate, which is a float", { phases: [phaseOf({ load: rateLoad(10) })] }, "m-openai-chat-request_rate10.0"],
    [
      "users",
      {
        phases: [phaseOf({ load: { case: "userCentric", value: { users: 5, ratePerSec: 2 } } })],
        dataset: { source: { case: "synthetic", value: { turns: { mean: 2 } } } },
      },
      "m-openai-chat-user_centric-users5-qps2.0",
    ],
    [
      "a schedule",
      { phases: [phaseOf({ load: { case: "schedule", value: {} } })], ...file({ path: "/p" }) },
      "m-openai-chat-fixed_schedule",
    ],
    ["a model with an owner", { models: ["meta/llama"] }, "meta_llama-openai-chat-concurrency4"],
    ["several models", { models: ["a", "b"] }, "a_multi-openai-chat-concurrency4"],
    ["another endpoint", { endpoint: { type: "completions" } }, "m-openai-completions-concurrency4"],
    [
      "a warm-up before the measured phase",
      { phases: [phaseOf({ name: "warmup", kind: PhaseKind.WARMUP, load: rateLoad(9) }), phaseOf({})] },
      "m-openai-chat-concurrency4",
    ],
  ];
  for (const [what, change, name] of rows) it(`is made from ${what}`, () => expect(compiled(change).name).to.equal(name));

  it("is the client's where it gives one", () => expect(compiled({ name: "x" }).name).to.equal("x"));
});

const scheduled = (value: object): PhaseInit => phaseOf({ load: { case: "schedule", value } });
const usersOf = (value: object): PhaseInit => phaseOf({ load: { case: "userCentric", value } });

describe("a wrong spec", () => {
  const waiting = (value: object) => ({ target: { waitForModel: { timeoutSec: 9, ...value } } });
  const weighed = (...weights: number[]): SpecInit => ({
    target: { urls: weights.map((weight, index) => ({ url: `http://${index}`, weight })), urlStrategy: UrlStrategy.WEIGHTED },
  });
  const called = (target: object, ...more: string[]) => ({
    target: { urls: ["grpc://g", ...more].map((url) => ({ url })), ...target },
    endpoint: { type: "trtllm" },
  });
  const pem = "-----BEGIN CERTIFICATE-----";
  const secured = (tls: object) => ({ target: { urls: [{ url: "https://h" }], tls } });
  const synthetic = (value: object) => ({ dataset: { source: { case: "synthetic" as const, value } } });
  const checked = (kind: string, value: string): SpecInit => ({ dataset: { check: { kind, value } } });
  const slo = (metric: string, threshold = 1): SpecInit => ({ slos: [{ metric, threshold }] });
  const rows: readonly [field: string, description: string, change: SpecInit][] = [
    ["models", "at least one model is needed", { models: [] }],
    ["models[1]", "must not be empty", { models: ["m", "  "] }],
    [
      "target.urls[0].url",
      "must be an http, https, grpc, grpcs or unix URL, got ftp://h",
      { target: { urls: [{ url: "ftp://h" }] } },
    ],
    [
      "target.urls[0].url",
      `the path of a Unix socket has at most 107 bytes, got /${"x".repeat(107)}`,
      { target: { urls: [{ url: `unix:/${"x".repeat(107)}` }] } },
    ],
    ["target.urls[0].url", "got http://", { target: { urls: [{ url: "http://" }] } }],
    [
      "target.urls[0].url",
      "endpoint chat speaks HTTP: the URL must be http or https, got grpc://h",
      { target: { urls: [{ url: "grpc://h" }] } },
    ],
    ["target.urls[1].url", "endpoint trtllm speaks gRPC: the URL must be grpc://HOST:PORT or", called({}, "http://h")],
    ["target.urls[1].url", "a server of gRPC has no path, got grpc://h/v2", called({}, "grpc://h/v2")],
    ["target.transport", "must be auto: trtllm goes by gRPC alone", called({ transport: TransportKind.HTTP2 })],
    ["target.reset_kv_cache_path", "trtllm is reached by gRPC alone", called({ resetKvCachePath: "/reset" })],
    [
      "endpoint.path",
      "must not be given: trtllm calls /inference.",
      { ...called({}), endpoint: { type: "trtllm", path: "/v2" } },
    ],
    ["target.grpc.stream_per", "has no effect: endpoint chat speaks HTTP", { target: { grpc: { streamPer: "slot" } } }],
    ["target.grpc.compression", "has no effect: endpoint chat speaks HTTP", { target: { grpc: { compression: "gzip" } } }],
    ["target.grpc.keepalive_sec", "has no effect: endpoint chat speaks HTTP", { target: { grpc: { keepaliveSec: 10 } } }],
    ["target.grpc.stream_per", "must be request or slot, got thread", called({ grpc: { streamPer: "thread" } })],
    ["target.grpc.compression", "must be none, gzip or deflate, got br", called({ grpc: { compression: "br" } })],
    ["target.grpc.keepalive_sec", "must be at least 0, got -1", called({ grpc: { keepaliveSec: -1 } })],
    ["target.grpc.stream_per", "needs endpoint.streaming", called({ grpc: { streamPer: "slot" } })],
    [
      "target.grpc.stream_per",
      "not with target.connection_reuse never",
      called({ grpc: { streamPer: "slot" }, connectionReuse: ConnectionReuse.NEVER }),
    ],
    ["target.session_header", '"a b" is no header name', { target: { sessionHeader: "a b" } }],
    ["target.reset_kv_cache_path", "below the host", { target: { resetKvCachePath: "http://other/reset" } }],
    ["target.reset_kv_cache_path", "below the host", { target: { resetKvCachePath: "//other/reset" } }],
    ["target.reset_kv_cache_timeout_sec", "has no effect", { target: { resetKvCacheTimeoutSec: 5 } }],
    ["target.reset_kv_cache_timeout_sec", "above 0", { target: { resetKvCachePath: "/reset", resetKvCacheTimeoutSec: 0 } }],
    [
      "endpoint.request_content_type",
      "must be application/json, which chat has",
      { endpoint: { requestContentType: "multipart/form-data" } },
    ],
    [
      "endpoint.request_content_type",
      "must be multipart/form-data, which audio_transcription has",
      { endpoint: { type: "audio_transcription", requestContentType: "application/json" } },
    ],
    ["target.urls[0].url", "must not carry a password", { target: { urls: [{ url: "http://u:p@h" }] } }],
    ["target.headers", '"a b" is no header name', { target: { headers: { "a b": "x" } } }],
    ["target.headers", "Expect is the connection's own, or each request's", { target: { headers: { Expect: "100-continue" } } }],
    ["target.headers", "content-length is the connection's own", { target: { headers: { "content-length": "5" } } }],
    ["target.headers", "the value of x holds characters", { target: { headers: { x: "a\r\nb: c" } } }],
    ["target.api_key", "holds characters", { target: { apiKey: "a\nb" } }],
    ["target.request_timeout_sec", "must be above 0, got 0", { target: { requestTimeoutSec: 0 } }],
    ["target.connect_timeout_sec", "must be above 0, got -1", { target: { connectTimeoutSec: -1 } }],
    ["target.first_byte_timeout_sec", "must be above 0, got NaN", { target: { firstByteTimeoutSec: Number.NaN } }],
    ["target.idle_timeout_sec", "must be above 0, got Infinity", { target: { idleTimeoutSec: Number.POSITIVE_INFINITY } }],
    [
      "slos[0].metric",
      'must be a metric of requests, got "request_latancy", did you mean request_latency?',
      slo("request_latancy"),
    ],
    ["output.slice_sec", "must be above 0, got 0", { output: { sliceSec: 0 } }],
    ["endpoint.reasoning_tags", "must be auto, open, off, got on", { endpoint: { reasoningTags: "on" } }],
    ["output.stall_ms", "must be above 0, got 0", { output: { stallMs: 0 } }],
    ["output.network_latency_ms", "must be at least 0, got -1", { output: { networkLatencyMs: -1 } }],
    [
      "output.measure_network_latency",
      "not together with output.network_latency_ms",
      { output: { networkLatencyMs: 1, measureNetworkLatency: true } },
    ],
    [
      "output.network_latency_ping_interval_sec",
      "must be at least 0.05, got 0.04",
      { output: { measureNetworkLatency: true, networkLatencyPingIntervalSec: 0.04 } },
    ],
    [
      "output.network_latency_ping_interval_sec",
      "needs output.measure_network_latency",
      { output: { networkLatencyPingIntervalSec: 1 } },
    ],
    ["tokenizer.check_usage", "needs a tokenizer to count by", { tokenizer: { name: "none", checkUsage: true } }],
    ["objectives[0]", "time_to_first_token needs streaming", { objectives: ["ttft:p99 < 1s"] }],
    ["objectives[0]", "goodput needs bounds for requests (slos)", { objectives: ["goodput > 1"] }],
    [
      "objectives[0]",
      "network_adjusted_request_latency needs the network's round trip (output.network_latency_ms)",
      { objectives: ["network_adjusted_request_latency:p99 < 1s"] },
    ],
    ["objectives[0]", "adj_time_to_first_token needs streaming", { objectives: ["adj_time_to_first_token:p99 < 1s"] }],
    ["objectives[1]", "unknown metric x\n    x < 1\n    ^", { objectives: ["error_rate < 1", "x < 1"] }],
    ["slos[0].metric", "time_to_first_token needs streaming", slo("time_to_first_token")],
    [
      "slos[0].metric",
      "output_sequence_length is of answers' tokens: answers of embeddings are embeddings, and have none",
      { endpoint: { type: "embeddings" }, ...slo("output_sequence_length") },
    ],
    [
      "slos[0].metric",
      "inter_token_latency is of answers' tokens: answers of nim_rankings are ranking, and have none",
      { endpoint: { type: "nim_rankings" }, ...slo("inter_token_latency") },
    ],
    ["slos[0].metric", "error_isl is of failed requests, which are never good", slo("error_isl")],
    ["slos[0].metric", "must be a metric that each request has one value of, got goodput", slo("goodput")],
    ["slos[0].threshold", "must be at least 0, got NaN", slo("request_latency", Number.NaN)],
    [
      "slos[1].metric",
      "must be of different metrics, got request_latency again",
      { slos: ["request_latency", "latency"].map((metric) => ({ metric, threshold: 1 })) },
    ],
    ["slos[0].metric", "must be a metric that each request has one value of, got request_throughput", slo("rps")],
    ["slos[0].metric", 'must be a metric of requests, got "latencey", did you mean latency?', slo("latencey")],
    ["endpoint.type", "got nonsense", { endpoint: { type: "nonsense" } }],
    ["endpoint.type", "raw sends bodies that a dataset has", { endpoint: { type: "raw" } }],
    ["dataset.synthetic.images", "endpoint image_edit needs images in each turn", { endpoint: { type: "image_edit" } }],
    ["dataset.synthetic.audio", "needs audio in each turn", { endpoint: { type: "audio_transcription" } }],
    [
      "endpoint.extra_inputs",
      "endpoint image_edit takes mask from the turn",
      {
        endpoint: { type: "image_edit", extraInputs: { mask: "x" } },
        ...synthetic({ images: { width: { mean: 9 }, height: { mean: 9 } } }),
      },
    ],
    ["endpoint.template.body", "a template is needed", { endpoint: { type: "template" } }],
    ["endpoint.template.body", "cannot be read", { endpoint: { type: "template", template: { body: "{{" } } }],
    [
      "endpoint.template.body",
      "has more than 1000000 entries",
      { endpoint: { type: "template", extraInputs: { payload_template: "{% for i in range(1000000000) %}{% endfor %}" } } },
    ],
    [
      "endpoint.template.body",
      "it is longer than 131072 characters",
      { endpoint: { type: "template", template: { body: `{}${" ".repeat(4 << 20)}` } } },
    ],
    [
      "endpoint.template.body",
      "more than 200000 steps",
      {
        endpoint: {
          type: "template",
          template: { body: "{% for i in range(1000) %}{% for j in range(1000) %}{{ i }}{% endfor %}{% endfor %}" },
        },
      },
    ],
    [
      "endpoint.template.response_field",
      "must be a text of the expression itself",
      { endpoint: { type: "raw", template: { responseField: "join(a, b)" } } },
    ],
    [
      "endpoint.template.response_field",
      "must be JMESPath, got a[: ",
      { endpoint: { type: "template", extraInputs: { payload_template: "nv-embedqa", response_field: "a[" } } },
    ],
    ["endpoint.template", "is for the endpoints template and raw, got chat", { endpoint: { template: { body: "x" } } }],
    ["target.wait_for_model.timeout_sec", "must be at least 0, got -1", { target: { waitForModel: { timeoutSec: -1 } } }],
    ["target.wait_for_model.timeout_sec", "got NaN", { target: { waitForModel: { timeoutSec: Number.NaN } } }],
    ["target.wait_for_model.interval_sec", "must be above 0, got 0", waiting({ intervalSec: 0 })],
    ["target.wait_for_model.mode", "must be models, inference or both, got list", waiting({ mode: "list" })],
    ["target.wait_for_model.mode", "has no effect without", { target: { waitForModel: { mode: "models" } } }],
    ["target.wait_for_model.interval_sec", "has no effect without", { target: { waitForModel: { intervalSec: 1 } } }],
    [
      "target.transport",
      "http1 speaks no TLS, and https://h needs it",
      { target: { urls: [{ url: "https://h" }], transport: TransportKind.HTTP1 } },
    ],
    ["target.transport", "http1 goes through no proxy", { target: { transport: TransportKind.HTTP1, proxyUrl: "http://p:1" } }],
    [
      "target.proxy_url",
      "a proxy leads to no Unix socket, and unix:/s is one",
      { target: { urls: [{ url: "h" }, { url: "unix:/s" }], proxyUrl: "http://p:1" } },
    ],
    ["target.proxy_url", "must be http://[USER:PASSWORD@]HOST:PORT", { target: { proxyUrl: "socks5://me:s3cret@p:1" } }],
    ["target.proxy_ca_pem", "has no effect without an https proxy", { target: { proxyUrl: "http://p:1", proxyCaPem: "x" } }],
    ["target.proxy_ca_pem", "is no certificate in PEM", { target: { proxyUrl: "https://p:1", proxyCaPem: "x" } }],
    ["target.tls.skip_verify", "has no effect without an https or grpcs URL", { target: { tls: { skipVerify: true } } }],
    ["target.tls.ca_pem", "is no certificate in PEM", secured({ caPem: "ca" })],
    ["target.tls.cert_pem", "is no certificate in PEM", secured({ certPem: "c", keyPem: "k" })],
    ["target.tls.key_pem", "is no private key in PEM", secured({ certPem: "c", keyPem: "k" })],
    ["target.tls.cert_pem", "needs its key", secured({ certPem: "c" })],
    ["target.tls.key_pem", "needs its certificate", secured({ keyPem: "k" })],
    ["target.tls.skip_verify", "not together with authorities", secured({ skipVerify: true, caPem: "ca" })],
    ["target.no_probe", "not together with waiting", { target: { noProbe: true, waitForModel: { timeoutSec: 1 } } }],
    ["endpoint.path", "must begin with /, got v1", { endpoint: { path: "v1" } }],
    [
      "tokenizer.name",
      "a name of the Hugging Face Hub or the absolute path of a tokenizer.json, got gpt2",
      { tokenizer: { name: "gpt2" } },
    ],
    ["tokenizer.name", "got ./llama", { tokenizer: { name: "./llama" } }],
    ["target.urls[1].url", "got ftp://b", { target: { urls: [{ url: "a" }, { url: "ftp://b" }] } }],
    ["target.urls[1].label", "must be unique, got http://a again", { target: { urls: [{ url: "a" }, { url: "a" }] } }],
    ["target.urls[1].label", "must be unique, got x again", { target: { urls: ["a", "b"].map((url) => ({ url, label: "x" })) } }],
    ["target.urls[1].weight", "needs the weighted strategy", { target: { urls: [{ url: "a" }, { url: "b", weight: 2 }] } }],
    ["target.urls[0].weight", "must be at least 0, got -1", weighed(-1, 2)],
    ["target.urls[1].weight", "must be at least 0, got NaN", weighed(1, Number.NaN)],
    ["target.urls", "one of the weights must be above 0", weighed(0, 0)],
    ["model_weights", "needs the weighted selection of models", { models: ["a", "b"], modelWeights: [1, 2] }],
    [
      "model_weights",
      "one for each of the 2 models is needed, got 1",
      { models: ["a", "b"], modelSelection: ModelSelection.WEIGHTED, modelWeights: [1] },
    ],
    [
      "model_weights",
      "one for each of the 2 models is needed, got 0",
      { models: ["a", "b"], modelSelection: ModelSelection.WEIGHTED },
    ],
    [
      "model_weights[1]",
      "must be at least 0, got -1",
      { models: ["a", "b"], modelSelection: ModelSelection.WEIGHTED, modelWeights: [1, -1] },
    ],
    [
      "model_weights",
      "one of them must be above 0",
      { models: ["a", "b"], modelSelection: ModelSelection.WEIGHTED, modelWeights: [0, 0] },
    ],
    ["dataset.file.path", 'must be an absolute path, got "p.jsonl"', file({ path: "p.jsonl" })],
    ["dataset.file.path", 'must be an absolute path, got ""', file({})],
    ["dataset.file.name", "must have at most 255 characters", file({ path: "/p", name: "x".repeat(256) })],
    ["dataset.replay.run_id", "must name a run, or path must name its folder", replayOf({})],
    ["dataset.replay.path", 'must be an absolute path, got "runs/a"', replayOf({ path: "runs/a" })],
    ["dataset.file.image_batch_size", "must be at most 10000, got 10001", file({ path: "/p", imageBatchSize: 10001 })],
    ["dataset.file.on_bad_row", "must be fail or skip, got repair", file({ path: "/p", onBadRow: "repair" })],
    ["dataset.file.output_tokens.mean", "must be from 1 to 10000000, got 0", file({ path: "/p", outputTokens: { mean: 0 } })],
    ["dataset.entries", "must be from 1 to 10000000, got 0", { dataset: { entries: 0n } }],
    ["dataset.entries", "got 10000001", { dataset: { entries: 10_000_001n } }],
    ["dataset.synthetic.text_batch_size", "must be 1: endpoint chat takes one text a request", synthetic({ textBatchSize: 2 })],
    ["dataset.synthetic.text_batch_size", "a turn needs a text or a medium", synthetic({ textBatchSize: 0 })],
    [
      "dataset.synthetic.text_batch_size",
      "must be 1 where text stands in front of prompts",
      synthetic({ textBatchSize: 2, sharedSystemTokens: 9 }),
    ],
    [
      "dataset.synthetic.images",
      "endpoint completions takes no images",
      { ...synthetic({ images: { width: { mean: 9 }, height: { mean: 9 } } }), endpoint: { type: "completions" } },
    ],
    ["dataset.synthetic.rankings", "endpoint chat takes no query with passages", synthetic({ rankings: {} })],
    ["dataset.synthetic.turns", "must be 1 for rankings", synthetic({ rankings: {}, turns: { mean: 2 } })],
    [
      "dataset.synthetic.rankings.passages.mean",
      "must be from 1 to 10000, got 10001",
      synthetic({ rankings: { passages: { mean: 10_001 } } }),
    ],
    ["dataset.synthetic.corpus", "must be prose, code, random, got verse", synthetic({ corpus: "verse" })],
    ["dataset.synthetic.input_tokens.kind", "got gauss", synthetic({ inputTokens: { mean: 5, kind: "gauss" } })],
    ["dataset.synthetic.input_tokens.min", "is needed by a uniform", synthetic({ inputTokens: { kind: "uniform", max: 9 } })],
    ["dataset.synthetic.input_tokens.max", "min of 9, got 3", synthetic({ inputTokens: { kind: "uniform", min: 9, max: 3 } })],
    ["dataset.synthetic.input_tokens.min", "got 0", synthetic({ inputTokens: { kind: "uniform", min: 0, max: 3 } })],
    [
      "dataset.synthetic.input_tokens.median",
      "at most the mean of 5, got 6",
      synthetic({ inputTokens: { kind: "lognormal", mean: 5, median: 6 } }),
    ],
    ["dataset.synthetic.turns.peaks", "are needed", synthetic({ turns: { kind: "multimodal" } })],
    [
      "dataset.synthetic.turns.peaks[0].weight",
      "must be above 0, got 0",
      synthetic({ turns: { kind: "multimodal", peaks: [{ mean: 2 }] } }),
    ],
    ["dataset.synthetic.turns.points", "are needed", synthetic({ turns: { kind: "empirical" } })],
    [
      "dataset.synthetic.turns.points[0].value",
      "must be from 1 to 10000, got 0",
      synthetic({ turns: { kind: "empirical", points: [{ value: 0, weight: 1 }] } }),
    ],
    ["dataset.synthetic.length_mix[0].input_tokens", "is needed", synthetic({ lengthMix: [{ weight: 1 }] })],
    [
      "dataset.synthetic.length_mix[0].weight",
      "must be above 0, got 0",
      synthetic({ lengthMix: [{ inputTokens: { mean: 5 } }] }),
    ],
    ["dataset.synthetic.prefix_tokens", "is needed", synthetic({ prefixCount: 3 })],
    ["dataset.synthetic.prefix_count", "is needed", synthetic({ prefixTokens: 3 })],
    [
      "dataset.synthetic.shared_system_tokens",
      "not together with a pool",
      synthetic({ prefixCount: 3, prefixTokens: 3, sharedSystemTokens: 3 }),
    ],
    ["tokenizer.revision", "must be a branch, a tag or a commit, got ../x", { tokenizer: { name: "a/b", revision: "../x" } }],
    ["tokenizer.revision", "needs the tokenizer of a model", { tokenizer: { name: "none", revision: "v1" } }],
    ["dataset.cache_bust", "got middle", { dataset: { cacheBust: "middle" } }],
    [
      "dataset.cache_bust",
      "has no effect: requests of endpoint embeddings have no system_prefix",
      { dataset: { cacheBust: "system_prefix" }, endpoint: { type: "embeddings" } },
    ],
    [
      "dataset.cache_bust",
      "has no effect: requests of endpoint image_retrieval have no first_turn_suffix",
      { dataset: { cacheBust: "first_turn_suffix" }, endpoint: { type: "image_retrieval" } },
    ],
    [
      "endpoint.force_output_length",
      "has no effect: answers of embeddings are embeddings",
      { endpoint: { type: "embeddings", forceOutputLength: "vllm" } },
    ],
    ["endpoint.download_video_content", "got chat", { endpoint: { type: "chat", downloadVideoContent: true } }],
    [
      "endpoint.force_output_length",
      "has no effect: requests of audio_transcription name no length",
      { endpoint: { type: "audio_transcription", forceOutputLength: "auto" } },
    ],
    ["endpoint.force_output_length", "got tgi", { endpoint: { forceOutputLength: "tgi" } }],
    ["dataset.synthetic.input_tokens.mean", "must be from 1 to 10000000, got 0.5", synthetic({ inputTokens: { mean: 0.5 } })],
    ["dataset.synthetic.input_tokens.stddev", "got -1", synthetic({ inputTokens: { mean: 5, stddev: -1 } })],
    ["dataset.synthetic.output_tokens.mean", "got 100000000", synthetic({ outputTokens: { mean: 1e8 } })],
    ["dataset.synthetic.output_tokens.stddev", "got NaN", synthetic({ outputTokens: { mean: 5, stddev: Number.NaN } })],
    ["dataset.synthetic.turns.mean", "must be from 1 to 10000, got 0.5", synthetic({ turns: { mean: 0.5 } })],
    ["dataset.synthetic.turns.stddev", "must be at least 0, got -1", synthetic({ turns: { mean: 2, stddev: -1 } })],
    ["dataset.synthetic.turn_delay_ms.mean", "must be from 0 to 604800000, got -1", synthetic({ turnDelayMs: { mean: -1 } })],
    ["dataset.check.kind", 'must be exact, contains, regex, json-schema, got "fuzzy"', checked("fuzzy", "a")],
    ["dataset.check.kind", 'must be exact, contains, regex, json-schema, got ""', checked("", "a")],
    ["dataset.check.kind", "needs an answer to check by", checked("exact", "")],
    ["dataset.check.value", "must be a text that is not blank, of at most 65536 characters", checked("exact", " ")],
    [
      "dataset.check.value",
      "must be a text that is not blank, of at most 65536 characters",
      checked("exact", "a".repeat(65_537)),
    ],
    [
      "dataset.check.kind",
      "needs answers that are text: those of embeddings are embeddings",
      { ...checked("exact", "a"), endpoint: { type: "embeddings" } },
    ],
    [
      "objectives[0]",
      "correct_request_rate needs answers that are checked (dataset.check)",
      { objectives: ["correct_rate > 99%"] },
    ],
    ["dataset.turn_delay_ratio", "must be at least 0, got -0.5", { dataset: { turnDelayRatio: -0.5 } }],
    ["phases[0].schedule", "needs the timestamps of a file", { phases: [scheduled({})] }],
    ["phases[0].schedule.start_offset_ms", "must be at least 0, got -1", { phases: [scheduled({ startOffsetMs: -1 })] }],
    [
      "phases[0].schedule.end_offset_ms",
      "must be at least the start offset 5, got 4",
      { phases: [scheduled({ startOffsetMs: 5, endOffsetMs: 4 })] },
    ],
    [
      "phases[0].schedule.auto_offset",
      "not together with a start offset",
      { phases: [scheduled({ startOffsetMs: 5, autoOffset: true })] },
    ],
    ["phases[0].schedule.speedup", "must be above 0, got 0", { phases: [scheduled({ speedup: 0 })] }],
    ["phases[0].schedule.idle_gap_cap_sec", "must be above 0, got 0", { phases: [scheduled({ idleGapCapSec: 0 })] }],
    ["phases[0].schedule.concurrency_ceiling", "must be at least 1, got 0", { phases: [scheduled({ concurrencyCeiling: 0 })] }],
    [
      "dataset.sampling",
      "must be sequential: a schedule sends every conversation once",
      { phases: [scheduled({})], dataset: { ...file({ path: "/p" }).dataset, sampling: Sampling.RANDOM } },
    ],
    ["phases[0].preferred_schedule.speedup", "got -1", { phases: [phaseOf({ preferredSchedule: { speedup: -1 } })] }],
    ["phases[0].user_centric.users", "must be at least 1, got 0", { phases: [usersOf({ ratePerSec: 1 })] }],
    ["phases[0].user_centric.rate_per_sec", "must be above 0, got 0", { phases: [usersOf({ users: 1 })] }],
    [
      "phases[0].user_centric",
      "needs conversations of at least 2 turns in the mean, got 1",
      { phases: [usersOf({ users: 1, ratePerSec: 1 })] },
    ],
    ["phases", "at least one phase is needed", { phases: [] }],
    ["phases[0].name", 'got "Warm up"', { phases: [phaseOf({ name: "Warm up" })] }],
    ["phases[1].name", "must be unique, got profiling again", { phases: [phaseOf({}), phaseOf({})] }],
    ["phases[0].kind", "must be warmup or profiling", { phases: [phaseOf({ kind: PhaseKind.UNSPECIFIED })] }],
    ["phases[0].load", "a load is needed", { phases: [phaseOf({ load: { case: undefined } })] }],
    [
      "phases[0].concurrency.limit",
      "must be at least 1, got 0",
      { phases: [phaseOf({ load: { case: "concurrency", value: { limit: 0 } } })] },
    ],
    ["phases[0].rate.rate_per_sec", "must be above 0, got -2", { phases: [phaseOf({ load: rateLoad(-2) })] }],
    [
      "phases[0].rate.ceiling_unit",
      "needs a concurrency ceiling",
      { phases: [phaseOf({ load: { case: "rate", value: { ratePerSec: 1, ceilingUnit: ConcurrencyUnit.REQUEST } } })] },
    ],
    ["phases[0].rate.rate_per_sec", "got Infinity", { phases: [phaseOf({ load: rateLoad(Number.POSITIVE_INFINITY) })] }],
    ["phases[0].rate.smoothness", "needs the gamma pattern, got 2", rated({ ratePerSec: 1, smoothness: 2 })],
    [
      "phases[0].rate.smoothness",
      "must be above 0, got 0",
      rated({ ratePerSec: 1, pattern: ArrivalPattern.GAMMA, smoothness: 0 }),
    ],
    [
      "phases[0].concurrency.limit",
      "must be at most 1000000, got 4000000000",
      { phases: [phaseOf({ load: { case: "concurrency", value: { limit: 4e9 } } })] },
    ],
    ["phases[0].rate.rate_per_sec", "must be at most 1000000, got 1000000000", rated({ ratePerSec: 1e9 })],
    [
      "phases[0].rate.series[0].rate_per_sec",
      "must be at most 1000000, got 2000000",
      rated({ series: [{ atSec: 0, ratePerSec: 2e6 }] }),
    ],
    ["phases[0].rate.bursts.size", "must be at most 100000, got 200000", rated({ bursts: { size: 2e5, intervalSec: 1 } })],
    [
      "phases[0].rate.bursts",
      "must be at most 1000000 requests a second, got 10000000",
      rated({ bursts: { size: 1e4, intervalSec: 1e-3 } }),
    ],
    [
      "phases[0].rate.smoothness",
      "must be at least 0.001, got 1e-9",
      rated({ ratePerSec: 1, pattern: ArrivalPattern.GAMMA, smoothness: 1e-9 }),
    ],
    [
      "phases[0].user_centric.users",
      "must be at most 1000000, got 4000000000",
      { phases: [usersOf({ users: 4e9, ratePerSec: 1 })] },
    ],
    [
      "phases[0].user_centric.rate_per_sec",
      "must be at most 1000000, got 2000000",
      { phases: [usersOf({ users: 1, ratePerSec: 2e6 })] },
    ],
    ["phases[0].rate.series", "not together with rate_per_sec", rated({ ratePerSec: 1, series: [{ atSec: 0, ratePerSec: 1 }] })],
    ["phases[0].rate.series", "one of its rates must be above 0", rated({ series: [{ atSec: 0, ratePerSec: 0 }] })],
    ["phases[0].rate.series[0].at_sec", "must be at least 0", rated({ series: [{ atSec: -1, ratePerSec: 1 }] })],
    [
      "phases[0].rate.series[1].at_sec",
      "must be at least 5, the point before, got 4",
      rated({
        series: [
          { atSec: 5, ratePerSec: 1 },
          { atSec: 4, ratePerSec: 1 },
        ],
      }),
    ],
    ["phases[0].rate.series[0].rate_per_sec", "got NaN", rated({ series: [{ atSec: 0, ratePerSec: Number.NaN }] })],
    ["phases[0].rate.bursts", "not together with a rate", rated({ ratePerSec: 1, bursts: { size: 1, intervalSec: 1 } })],
    [
      "phases[0].rate.bursts",
      "not together with a pattern",
      rated({ pattern: ArrivalPattern.CONSTANT, bursts: { size: 1, intervalSec: 1 } }),
    ],
    ["phases[0].rate.bursts.size", "must be at least 1, got 0", rated({ bursts: { intervalSec: 1 } })],
    ["phases[0].rate.bursts.interval_sec", "must be above 0, got 0", rated({ bursts: { size: 1 } })],
    ["phases[0].rate.concurrency_ceiling", "must be at least 1, got 0", rated({ ratePerSec: 1, concurrencyCeiling: 0 })],
    ["phases[0].rate.overload", "needs a concurrency ceiling", rated({ ratePerSec: 1, overload: Overload.DROP })],
    [
      "phases[0].rate.concurrency_ceiling",
      "is needed by the pattern concurrency_burst",
      rated({ pattern: ArrivalPattern.CONCURRENCY_BURST }),
    ],
    [
      "phases[0].rate.pattern",
      "there is a rate",
      rated({ ratePerSec: 1, pattern: ArrivalPattern.CONCURRENCY_BURST, concurrencyCeiling: 2 }),
    ],
    ["phases[0].stop", "a request count, a session count or a duration is needed", { phases: [phaseOf({ stop: {} })] }],
    ["phases[0].stop", "is needed", { phases: [phaseOf({ stop: { failedRequestShare: 0.5 } })] }],
    ["phases[0].stop.session_count", "must be from 1 to", { phases: [phaseOf({ stop: { sessionCount: 0n } })] }],
    [
      "phases[0].stop.session_count",
      "not together with a request count",
      { phases: [phaseOf({ stop: { sessionCount: 1n, requestCount: 1n } })] },
    ],
    [
      "phases[0].stop.failed_request_share",
      "must be from 0 to 1, got 1.5",
      { phases: [phaseOf({ stop: { requestCount: 1n, failedRequestShare: 1.5 } })] },
    ],
    [
      "phases[0].stop.failed_request_share",
      "not in a warm-up",
      { phases: [phaseOf({ kind: PhaseKind.WARMUP, stop: { requestCount: 1n, failedRequestShare: 0.5 } })] },
    ],
    [
      "phases[0].ramps[0].quantity",
      'must be concurrency or prefill_concurrency or rate, got "users"',
      ramped({ quantity: "users", durationSec: 1 }),
    ],
    ["phases[0].ramps[0].duration_sec", "must be above 0, got 0", ramped({ quantity: "concurrency" })],
    ["phases[0].ramps[0].from", "must be at least 1, got 0", ramped({ quantity: "concurrency", from: 0, durationSec: 1 })],
    ["phases[0].ramps[0].from", "must be a whole number", ramped({ quantity: "concurrency", from: 1.5, durationSec: 1 })],
    ["phases[0].ramps[0].shape", "got sine", ramped({ quantity: "concurrency", durationSec: 1, shape: "sine" })],
    ["phases[0].ramps[0].steps", "got 0", ramped({ quantity: "concurrency", durationSec: 1, shape: "step" })],
    ["phases[0].ramps[0].steps", "needs the shape step", ramped({ quantity: "concurrency", durationSec: 1, steps: 2 })],
    ["phases[0].ramps[0]", "a rate to ramp to is needed", ramped({ quantity: "rate", durationSec: 1 })],
    [
      "phases[0].ramps[0]",
      "a prefill concurrency to ramp to is needed",
      ramped({ quantity: "prefill_concurrency", durationSec: 1 }),
    ],
    [
      "phases[0].ramps[1].quantity",
      "concurrency has a ramp already",
      ramped({ quantity: "concurrency", durationSec: 1 }, { quantity: "concurrency", durationSec: 1 }),
    ],
    ["phases[0].stop.request_count", "got 0", { phases: [phaseOf({ stop: { requestCount: 0n } })] }],
    ["phases[0].stop.request_count", `got ${2n ** 53n}`, { phases: [phaseOf({ stop: { requestCount: 2n ** 53n } })] }],
    ["phases[0].stop.duration_sec", "must be above 0, got 0", { phases: [phaseOf({ stop: { durationSec: 0 } })] }],
    ["phases[0].grace_sec", "must be at least 0, got -1", { phases: [phaseOf({ graceSec: -1 })] }],
    ["phases[0].grace_sec", "got NaN", { phases: [phaseOf({ graceSec: Number.NaN })] }],
    ["phases[0].is_seamless", "there is no phase after it", { phases: [phaseOf({ isSeamless: true })] }],
    ["phases[0].prefill_concurrency", "must be at least 1, got 0", { phases: [phaseOf({ prefillConcurrency: 0 })] }],
    ["phases[0].prefill_concurrency", "needs streaming", { phases: [phaseOf({ prefillConcurrency: 1 })] }],
    [
      "phases[0].prefill_concurrency",
      "must be at most the concurrency 4, got 5",
      { phases: [phaseOf({ prefillConcurrency: 5 })], endpoint: { streaming: true } },
    ],
    ["phases[0].cancellation.share", "must be above 0 and at most 1, got 0", { phases: [phaseOf({ cancellation: {} })] }],
    ["phases[0].cancellation.share", "got 1.5", { phases: [phaseOf({ cancellation: { share: 1.5 } })] }],
    [
      "phases[0].cancellation.delay_sec",
      "must be at least 0, got -1",
      { phases: [phaseOf({ cancellation: { share: 0.5, delaySec: -1 } })] },
    ],
    [
      "phases[0].cancellation",
      "not in a warm-up",
      { phases: [phaseOf({ kind: PhaseKind.WARMUP, cancellation: { share: 0.5 } })] },
    ],
    ["workers.max_workers", "must be at least 1, got 0", { workers: { maxWorkers: 0 } }],
    ["workers.workers_per_host", "must be at least 1, got 0", { workers: { workersPerHost: 0 } }],
    ["workers.workers_per_host", "does not go with max_workers", { workers: { workersPerHost: 2, maxWorkers: 4 } }],
    ["workers.pacing", "must be normal or precise, got exact", { workers: { pacing: "exact" } }],
    ["record_managers", "must be 1 to 8, got 9", { recordManagers: 9 }],
    ["workers.record_processors", "must be 1 to 64, got 0", { workers: { recordProcessors: 0 } }],
    ["workers.record_processors", "must be 1 to 64, got 65", { workers: { recordProcessors: 65 } }],
    ["record_managers", "must be 1 to 8, got 0", { recordManagers: 0 }],
    ["random_seed", `must be at most ${Number.MAX_SAFE_INTEGER}`, { randomSeed: 2n ** 60n }],
    ["telemetry.interval_ms", "must be at least 50, got 49", { telemetry: { intervalMs: 49 } }],
    [
      "telemetry.server_metrics_formats",
      "must be json, csv, jsonl or parquet, got yaml",
      { telemetry: { serverMetricsFormats: ["yaml"] } },
    ],
    [
      "telemetry.gpu_metrics_csv",
      'line 2: expected the name of a field of DCGM, gauge or counter, and a help text, with commas between them, got "power"',
      { telemetry: { gpuMetricsCsv: "# mine\npower\n" } },
    ],
    [
      "telemetry.tls.ca_pem",
      "has no effect without an https URL among telemetry.dcgm_urls",
      { telemetry: { tls: { caPem: pem } } },
    ],
    ["telemetry.tls.skip_verify", "has no effect", { telemetry: { tls: { skipVerify: true }, dcgmUrls: ["http://g"] } }],
    [
      "telemetry.tls.ca_pem",
      "is no certificate in PEM",
      { telemetry: { tls: { caPem: "ca" }, serverMetricsUrls: ["https://g"] } },
    ],
    [
      "telemetry.tls.skip_verify",
      "not together with authorities",
      { telemetry: { tls: { skipVerify: true, caPem: pem }, dcgmUrls: ["https://g"] } },
    ],
    ["endpoint.model_version", "requests of chat name no version of their model", { endpoint: { modelVersion: "2" } }],
    [
      "endpoint.model_version",
      "requests of raw name no version",
      { endpoint: { type: "raw", modelVersion: "2" }, ...file({ path: "/f" }) },
    ],
    [
      "endpoint.model_version",
      "must not be given beside endpoint.path",
      { endpoint: { type: "kserve_infer", path: "/v2/models/m/infer", modelVersion: "2" } },
    ],
    ...tensorRows(),
    ["output.export_level", "got all", { output: { exportLevel: "all" } }],
    ["output.export_http_trace", "needs the file of records", { output: { exportLevel: "summary", exportHttpTrace: true } }],
    ["output.export_prefix", 'got ".."', { output: { exportPrefix: ".." } }],
    ["output.export_prefix", "another file of the run", { output: { exportPrefix: "inputs.csv" } }],
  ];
  for (const [field, description, change] of rows) {
    it(`is refused by field and value: ${field}, ${description}`, () => {
      const error = refusalOf(specOf(change));
      expect(error).to.include({ code: "invalid_argument", reason: "INVALID_RUN_SPEC" });
      const violation = error.violations.find((each) => each.field === field && each.description.includes(description));
      expect(violation, JSON.stringify(error.violations)).to.not.equal(undefined);
      expect(error.message).to.include(`${field}: `);
    });
  }

  it("is refused with everything that is wrong at once, in words that hold no secret", () => {
    const error = refusalOf(
      specOf({ models: [], telemetry: { intervalMs: 1 }, target: { apiKey: "s3cret\n", headers: { x: "t0ken\n" } } }),
    );
    expect(error.violations.map(({ field }) => field)).to.deep.equal([
      "models",
      "target.headers",
      "target.api_key",
      "telemetry.interval_ms",
    ]);
    expect(JSON.stringify(error.violations) + error.message).to.not.match(/s3cret|t0ken/);
  });
});

/** Fields that this version carries out; everything else that a RunSpec can say must be refused. */
const supported: ReadonlySet<string> = new Set([
  "name",
  "models",
  "model_selection",
  "model_weights",
  "target.urls.url",
  "target.urls.label",
  "target.urls.weight",
  "target.url_strategy",
  "target.headers",
  "target.session_header",
  "target.reset_kv_cache_path",
  "target.reset_kv_cache_timeout_sec",
  "target.api_key",
  "target.request_timeout_sec",
  "target.connect_timeout_sec",
  "target.first_byte_timeout_sec",
  "target.idle_timeout_sec",
  "target.connection_reuse",
  "target.no_probe",
  "target.proxy_url",
  "target.proxy_ca_pem",
  "target.transport",
  "target.wait_for_model.timeout_sec",
  "target.wait_for_model.interval_sec",
  "target.wait_for_model.mode",
  "target.tls.ca_pem",
  "target.tls.cert_pem",
  "target.tls.key_pem",
  "target.tls.server_name",
  "target.tls.skip_verify",
  "target.grpc.stream_per",
  "target.grpc.compression",
  "target.grpc.keepalive_sec",
  "endpoint.type",
  "endpoint.download_video_content",
  "endpoint.template.body",
  "endpoint.template.response_field",
  "endpoint.path",
  "endpoint.streaming",
  "endpoint.use_legacy_max_tokens",
  "endpoint.use_server_token_count",
  "endpoint.extra_inputs",
  "endpoint.request_content_type",
  "endpoint.omit_stream_options",
  "tokenizer.name",
  "tokenizer.revision",
  "tokenizer.apply_chat_template",
  "tokenizer.check_usage",
  "dataset.synthetic.corpus",
  "dataset.synthetic.input_tokens.mean",
  "dataset.synthetic.input_tokens.stddev",
  "dataset.synthetic.input_tokens.kind",
  "dataset.synthetic.input_tokens.min",
  "dataset.synthetic.input_tokens.max",
  "dataset.synthetic.input_tokens.median",
  "dataset.synthetic.input_tokens.peaks.mean",
  "dataset.synthetic.input_tokens.peaks.stddev",
  "dataset.synthetic.input_tokens.peaks.weight",
  "dataset.synthetic.input_tokens.points.value",
  "dataset.synthetic.input_tokens.points.weight",
  "dataset.synthetic.output_tokens.mean",
  "dataset.synthetic.output_tokens.stddev",
  "dataset.synthetic.output_tokens.kind",
  "dataset.synthetic.output_tokens.min",
  "dataset.synthetic.output_tokens.max",
  "dataset.synthetic.output_tokens.median",
  "dataset.synthetic.output_tokens.peaks.mean",
  "dataset.synthetic.output_tokens.peaks.stddev",
  "dataset.synthetic.output_tokens.peaks.weight",
  "dataset.synthetic.output_tokens.points.value",
  "dataset.synthetic.output_tokens.points.weight",
  "dataset.synthetic.turns.mean",
  "dataset.synthetic.turns.stddev",
  "dataset.synthetic.turns.kind",
  "dataset.synthetic.turns.min",
  "dataset.synthetic.turns.max",
  "dataset.synthetic.turns.median",
  "dataset.synthetic.turns.peaks.mean",
  "dataset.synthetic.turns.peaks.stddev",
  "dataset.synthetic.turns.peaks.weight",
  "dataset.synthetic.turns.points.value",
  "dataset.synthetic.turns.points.weight",
  "dataset.synthetic.turn_delay_ms.mean",
  "dataset.synthetic.turn_delay_ms.stddev",
  "dataset.synthetic.turn_delay_ms.kind",
  "dataset.synthetic.turn_delay_ms.min",
  "dataset.synthetic.turn_delay_ms.max",
  "dataset.synthetic.turn_delay_ms.median",
  "dataset.synthetic.turn_delay_ms.peaks.mean",
  "dataset.synthetic.turn_delay_ms.peaks.stddev",
  "dataset.synthetic.turn_delay_ms.peaks.weight",
  "dataset.synthetic.turn_delay_ms.points.value",
  "dataset.synthetic.turn_delay_ms.points.weight",
  "dataset.synthetic.length_mix.input_tokens.mean",
  "dataset.synthetic.length_mix.input_tokens.stddev",
  "dataset.synthetic.length_mix.input_tokens.kind",
  "dataset.synthetic.length_mix.input_tokens.min",
  "dataset.synthetic.length_mix.input_tokens.max",
  "dataset.synthetic.length_mix.input_tokens.median",
  "dataset.synthetic.length_mix.input_tokens.peaks.mean",
  "dataset.synthetic.length_mix.input_tokens.peaks.stddev",
  "dataset.synthetic.length_mix.input_tokens.peaks.weight",
  "dataset.synthetic.length_mix.input_tokens.points.value",
  "dataset.synthetic.length_mix.input_tokens.points.weight",
  "dataset.synthetic.length_mix.output_tokens.mean",
  "dataset.synthetic.length_mix.output_tokens.stddev",
  "dataset.synthetic.length_mix.output_tokens.kind",
  "dataset.synthetic.length_mix.output_tokens.min",
  "dataset.synthetic.length_mix.output_tokens.max",
  "dataset.synthetic.length_mix.output_tokens.median",
  "dataset.synthetic.length_mix.output_tokens.peaks.mean",
  "dataset.synthetic.length_mix.output_tokens.peaks.stddev",
  "dataset.synthetic.length_mix.output_tokens.peaks.weight",
  "dataset.synthetic.length_mix.output_tokens.points.value",
  "dataset.synthetic.length_mix.output_tokens.points.weight",
  "dataset.synthetic.length_mix.weight",
  "dataset.synthetic.prefix_count",
  "dataset.synthetic.prefix_tokens",
  "dataset.synthetic.shared_system_tokens",
  "dataset.synthetic.user_context_tokens",
  "dataset.cache_bust",
  "dataset.check.kind",
  "dataset.check.value",
  "endpoint.force_output_length",
  "dataset.file.path",
  "dataset.file.format",
  "dataset.file.on_bad_row",
  "dataset.file.name",
  "dataset.synthetic.text_batch_size",
  "dataset.synthetic.images.format",
  "dataset.synthetic.images.source",
  "dataset.synthetic.images.source_sampling",
  "dataset.synthetic.images.batch_size",
  "dataset.synthetic.audio.format",
  "dataset.synthetic.audio.sample_rates_khz",
  "dataset.synthetic.audio.depths",
  "dataset.synthetic.audio.channels",
  "dataset.synthetic.audio.batch_size",
  "dataset.synthetic.video.width",
  "dataset.synthetic.video.height",
  "dataset.synthetic.video.duration_sec",
  "dataset.synthetic.video.fps",
  "dataset.synthetic.video.synth_type",
  "dataset.synthetic.video.format",
  "dataset.synthetic.video.codec",
  "dataset.synthetic.video.batch_size",
  "dataset.synthetic.video.audio_channels",
  "dataset.synthetic.video.audio_sample_rate_hz",
  "dataset.synthetic.video.audio_depth",
  "dataset.synthetic.video.audio_codec",
  ...[
    "images.width",
    "images.height",
    "audio.length_sec",
    "rankings.passages",
    "rankings.passage_tokens",
    "rankings.query_tokens",
  ].flatMap((field) =>
    [
      "mean",
      "stddev",
      "kind",
      "min",
      "max",
      "median",
      "peaks.mean",
      "peaks.stddev",
      "peaks.weight",
      "points.value",
      "points.weight",
    ].map((inner) => `dataset.synthetic.${field}.${inner}`),
  ),
  "dataset.file.text_batch_size",
  "dataset.file.image_batch_size",
  "dataset.file.audio_batch_size",
  "dataset.file.video_batch_size",
  "dataset.file.block_tokens",
  "dataset.file.ignores_trace_delays",
  "dataset.file.turn_delay_cap_sec",
  "dataset.file.is_open_loop",
  "dataset.file.is_open_loop_strict",
  "dataset.file.omits_kv_hints",
  "dataset.file.forces_min_tokens",
  "dataset.file.session_share",
  "dataset.file.uses_think_time_only",
  "dataset.file.max_context_tokens",
  "dataset.file.trace_idle_gap_cap_sec",
  "dataset.file.media_folder",
  "dataset.file.synthesis.speedup_ratio",
  "dataset.file.synthesis.prefix_len_multiplier",
  "dataset.file.synthesis.prefix_root_multiplier",
  "dataset.file.synthesis.prompt_len_multiplier",
  "dataset.file.synthesis.output_len_multiplier",
  "dataset.file.synthesis.max_input_tokens",
  "dataset.file.synthesis.max_output_tokens",
  "dataset.file.output_tokens.mean",
  "dataset.file.output_tokens.stddev",
  "dataset.file.output_tokens.kind",
  "dataset.file.output_tokens.min",
  "dataset.file.output_tokens.max",
  "dataset.file.output_tokens.median",
  "dataset.file.output_tokens.peaks.mean",
  "dataset.file.output_tokens.peaks.stddev",
  "dataset.file.output_tokens.peaks.weight",
  "dataset.file.output_tokens.points.value",
  "dataset.file.output_tokens.points.weight",
  "dataset.dataset_id",
  "dataset.replay.run_id",
  "dataset.replay.path",
  "dataset.public.name",
  "dataset.public.subset",
  "dataset.public.filters",
  "dataset.sampling",
  "dataset.entries",
  "dataset.turn_delay_ratio",
  "phases.name",
  "phases.kind",
  "phases.concurrency.limit",
  "phases.concurrency.unit",
  "phases.rate.rate_per_sec",
  "phases.rate.pattern",
  "phases.rate.smoothness",
  "phases.rate.series.at_sec",
  "phases.rate.series.rate_per_sec",
  "phases.rate.bursts.size",
  "phases.rate.bursts.interval_sec",
  "phases.rate.concurrency_ceiling",
  "phases.rate.overload",
  "phases.rate.ceiling_unit",
  "phases.schedule.start_offset_ms",
  "phases.schedule.end_offset_ms",
  "phases.schedule.auto_offset",
  "phases.schedule.speedup",
  "phases.schedule.idle_gap_cap_sec",
  "phases.schedule.concurrency_ceiling",
  "phases.schedule.ceiling_unit",
  "phases.preferred_schedule.start_offset_ms",
  "phases.preferred_schedule.end_offset_ms",
  "phases.preferred_schedule.auto_offset",
  "phases.preferred_schedule.speedup",
  "phases.preferred_schedule.idle_gap_cap_sec",
  "phases.preferred_schedule.concurrency_ceiling",
  "phases.preferred_schedule.ceiling_unit",
  "phases.user_centric.users",
  "phases.user_centric.rate_per_sec",
  "phases.user_centric.concurrency_ceiling",
  "phases.user_centric.ceiling_unit",
  "phases.stop.request_count",
  "phases.stop.session_count",
  "phases.stop.duration_sec",
  "phases.stop.failed_request_share",
  "phases.grace_sec",
  "phases.ramps.quantity",
  "phases.ramps.from",
  "phases.ramps.duration_sec",
  "phases.ramps.shape",
  "phases.ramps.steps",
  "phases.is_seamless",
  "phases.prefill_concurrency",
  "phases.cancellation.share",
  "phases.cancellation.delay_sec",
  "record_managers",
  "workers.max_workers",
  "workers.record_processors",
  "workers.pacing",
  "workers.hosts",
  "workers.host_labels",
  "workers.workers_per_host",
  "telemetry.dcgm_urls",
  "telemetry.disable_gpu",
  "telemetry.server_metrics_urls",
  "telemetry.disable_server_metrics",
  "telemetry.interval_ms",
  "telemetry.server_metrics_formats",
  "telemetry.gpu_metrics_csv",
  "telemetry.headers",
  "telemetry.tls.ca_pem",
  "telemetry.tls.cert_pem",
  "telemetry.tls.key_pem",
  "telemetry.tls.server_name",
  "telemetry.tls.skip_verify",
  "output.artifact_dir",
  "output.export_level",
  "output.export_prefix",
  "output.cli_command",
  "output.export_http_trace",
  "output.export_outputs_json",
  "output.show_trace_timing",
  "output.slice_sec",
  "endpoint.reasoning_tags",
  "endpoint.model_version",
  "endpoint.tensors.shapes",
  "endpoint.tensors.data",
  "endpoint.tensors.batch_size",
  "endpoint.tensors.string_length",
  "endpoint.tensors.string_data",
  "endpoint.tensors.request_parameters",
  "endpoint.tensors.text_input",
  "endpoint.tensors.text_output",
  "endpoint.tensors.length_input",
  "endpoint.tensors.stream_input",
  "endpoint.model_tensors.model",
  "endpoint.model_tensors.max_batch_size",
  "endpoint.model_tensors.has_sequences",
  "endpoint.model_tensors.inputs.name",
  "endpoint.model_tensors.inputs.datatype",
  "endpoint.model_tensors.inputs.shape",
  "endpoint.model_tensors.inputs.is_optional",
  "endpoint.model_tensors.outputs.name",
  "endpoint.model_tensors.outputs.datatype",
  "endpoint.model_tensors.outputs.shape",
  "endpoint.model_tensors.outputs.is_optional",
  "output.stall_ms",
  "output.network_latency_ms",
  "output.measure_network_latency",
  "output.network_latency_ping_interval_sec",
  "objectives",
  "slos.metric",
  "slos.threshold",
  "random_seed",
]);

interface Place {
  readonly path: string;
  /** Fields from the spec down to the one to set. */
  readonly fields: readonly DescField[];
}

function placesOf(message: DescMessage, above: readonly DescField[] = []): Place[] {
  return message.fields.flatMap((field): Place[] => {
    const fields = [...above, field];
    const path = fields.map(({ name }) => name).join(".");
    const inner = field.message;
    const isOurs = inner?.typeName.startsWith("assay.") === true && field.fieldKind !== "map";
    return [
      ...(isOurs ? [] : [{ path, fields }]),
      ...(isOurs && inner !== undefined ? [{ path, fields }, ...placesOf(inner, fields)] : []),
    ];
  });
}

/** Sets the field of that place alone, to something that is no default, in the first element of every list above it. */
function setAlone(spec: RunSpec, { fields }: Place, number?: number): void {
  let message = reflect(RunSpecSchema, spec);
  for (const [depth, field] of fields.entries()) {
    const isLast = depth === fields.length - 1;
    if (field.fieldKind === "message") {
      if (isLast || !message.isSet(field)) message.set(field, reflect(field.message, create(field.message)));
      message = message.get(field);
    } else if (field.fieldKind === "list" && field.listKind === "message") {
      if (message.get(field).size === 0) message.get(field).add(reflect(field.message, create(field.message)));
      message = message.get(field).get(0) as ReflectMessage;
    } else {
      setLeaf(message, field, number);
    }
  }
}

function setLeaf(message: ReflectMessage, field: DescField, number = 2): void {
  const scalar = (kind: unknown): unknown => {
    if (kind === 9) return "x";
    if (kind === 8) return true;
    if (kind === 3 || kind === 4) return 2n;
    return number;
  };
  if (field.fieldKind === "list") message.get(field).add(field.listKind === "enum" ? number : scalar(field.scalar));
  else if (field.fieldKind === "map")
    message.get(field).set("x", field.mapKind === "message" ? reflect(field.message, create(field.message)) : "x");
  else message.set(field, field.fieldKind === "enum" ? number : scalar(field.scalar));
}

describe("an upload and a public dataset", () => {
  it("are files from the spec's defaults on, at paths of their own", () => {
    const sourceOf = (dataset: Parameters<typeof specOf>[0]) => compileRunSpec(specOf(dataset), () => 1n).spec.dataset?.source;
    const upload = sourceOf({ dataset: { source: { case: "datasetId", value: "upload-1" } } });
    expect(upload).to.deep.include({ case: "file" });
    expect(upload?.value).to.deep.include({ path: "upload:upload-1", onBadRow: "fail" });
    const filters = { lang: "de & at" };
    const set = sourceOf({ dataset: { source: { case: "public", value: { name: "sharegpt", subset: "x", filters } } } });
    expect(set?.value).to.deep.include({ path: "public:sharegpt?lang=de+%26+at&subset=x" });
  });
});

describe("a field that this version does not carry out", () => {
  const places = placesOf(RunSpecSchema);
  const isAbove = (path: string): boolean => [...supported].some((field) => field.startsWith(`${path}.`));
  const refused = places.filter(({ path }) => !supported.has(path) && !isAbove(path));

  it("is every field of the descriptor that is not listed here", () => {
    const paths = new Set(places.map(({ path }) => path));
    expect([...supported].filter((path) => !paths.has(path))).to.deep.equal([]);
    expect(refused.length).to.be.greaterThan(15);
  });

  for (const place of refused) {
    it(`is refused by its path, set alone: ${place.path}`, () => {
      const spec = specOf();
      setAlone(spec, place);
      const error = refusalOf(spec);
      expect(error).to.include({ code: "unimplemented", reason: "FIELD_NOT_SUPPORTED" });
      const named = error.violations.map(({ field }) => field.replaceAll(/\[\d+\]/g, ""));
      // A message of which nothing is carried out is refused as a whole.
      expect(
        named.some((path) => place.path === path || place.path.startsWith(`${path}.`)),
        named.join(),
      ).to.equal(true);
      for (const path of named) expect(error.message).to.include(path.split(".").at(-1));
    });
  }

  it("does not include the others: set alone, none of them is refused as unsupported", () => {
    for (const place of places.filter(({ path }) => supported.has(path))) {
      const spec = specOf();
      setAlone(spec, place, 1);
      try {
        compileRunSpec(spec, drawSeed);
      } catch (error) {
        expect(error, place.path).to.include({ code: "invalid_argument" });
      }
    }
  });

  it("is named with its index", () => {
    const error = refusalOf(specOf({ phases: [phaseOf({}), phaseOf({ name: "b", kind: 9 as PhaseKind })] }));
    expect(error.violations.map(({ field }) => field)).to.deep.equal(["phases[1].kind"]);
  });

  const values: readonly [string, SpecInit][] = [
    ["model_selection", { modelSelection: 9 as ModelSelection }],
    ["target.url_strategy", { target: { urlStrategy: 9 as UrlStrategy } }],
    ["target.connection_reuse", { target: { connectionReuse: 9 as ConnectionReuse } }],
    ["phases[0].kind", { phases: [phaseOf({ kind: 9 as PhaseKind })] }],
    ["dataset.sampling", { dataset: { sampling: 9 as Sampling } }],
  ];
  for (const [field, change] of values) {
    it(`is also a value that is not carried out: ${field}`, () => {
      const error = refusalOf(specOf(change));
      expect(error.code).to.equal("unimplemented");
      expect(error.violations.map((violation) => violation.field)).to.deep.equal([field]);
    });
  }

  it("is also one of a later version, which has no name here", () => {
    const bytes = Uint8Array.of(...toBinary(RunSpecSchema, specOf()), 0xf8, 0x06, 1);
    const error = refusalOf(fromBinary(RunSpecSchema, bytes));
    expect(error.violations.map(({ field }) => field)).to.deep.equal(["field 111"]);
  });
});

describe("compiling a spec", () => {
  it("never changes what it was given", () => {
    for (const change of [{}, { models: [] }, { target: { urls: [{ url: "h:1" }] } }] as SpecInit[]) {
      const given = specOf(change);
      const before = clone(RunSpecSchema, given);
      try {
        compileRunSpec(given, drawSeed);
      } catch (error) {
        expect(error).to.be.instanceOf(AssayError);
      }
      expect(equals(RunSpecSchema, given, before)).to.equal(true);
    }
  });

  it("warns of a concurrency that cannot be reached, and of a run without a measured phase", () => {
    const few = phaseOf({ kind: PhaseKind.WARMUP, stop: { requestCount: 2n } });
    expect(compileRunSpec(specOf({ phases: [few] }), drawSeed).warnings).to.deep.equal([
      "phase profiling: concurrency 4 is above its 2 requests and will not be reached",
      "no phase is measured: all are warm-up",
    ]);
    expect(compileRunSpec(specOf(), drawSeed).warnings).to.deep.equal([]);
  });

  describe("of an output length that has no effect", () => {
    const warningsOf = (type: string, dataset: object): readonly string[] =>
      compileRunSpec(specOf({ endpoint: { type }, dataset } as SpecInit), drawSeed).warnings;
    const synthetic = (value: object): object => ({ source: { case: "synthetic", value } });
    const osl = synthetic({ outputTokens: { mean: 20 } });
    const rows: readonly [endpoint: string, reason: string][] = [
      ["embeddings", "answers of embeddings are embeddings, and have no length in tokens"],
      ["chat_embeddings", "answers of chat_embeddings are embeddings, and have no length in tokens"],
      ["nim_rankings", "answers of nim_rankings are ranking, and have no length in tokens"],
      ["cohere_rankings", "answers of cohere_rankings are ranking, and have no length in tokens"],
      ["hf_tei_rankings", "answers of hf_tei_rankings are ranking, and have no length in tokens"],
      ["image_generation", "answers of image_generation are images, and have no length in tokens"],
      ["video_generation", "answers of video_generation are video, and have no length in tokens"],
      ["audio_speech", "answers of audio_speech are audio, and have no length in tokens"],
      ["audio_transcription", "requests of audio_transcription name no length"],
      ["solido_rag", "requests of solido_rag name no length"],
    ];
    for (const [endpoint, reason] of rows) {
      it(`says so for ${endpoint}`, () => {
        const file = { source: { case: "file", value: { path: "/p.jsonl", outputTokens: { mean: 20 } } } };
        expect(warningsOf(endpoint, file)).to.deep.equal([`the output length (--osl) has no effect: ${reason}`]);
        const none = { source: { case: "file", value: { path: "/p.jsonl" } } };
        expect(warningsOf(endpoint, none)).to.deep.equal([]);
      });
    }

    it("names what asks for it, and says nothing where it is asked for", () => {
      const mix = synthetic({ lengthMix: [{ inputTokens: { mean: 9 }, outputTokens: { mean: 5 }, weight: 1 }] });
      const why = "has no effect: answers of embeddings are embeddings, and have no length in tokens";
      expect(warningsOf("embeddings", osl)).to.deep.equal([`the output length (--osl) ${why}`]);
      expect(warningsOf("embeddings", mix)).to.deep.equal([`the output length of --seq-dist ${why}`]);
      for (const endpoint of ["chat", "completions", "messages"]) expect(warningsOf(endpoint, osl)).to.deep.equal([]);
    });
  });

  it("has pauses between turns that there are not", () => {
    const warningsOf = (value: object) =>
      compileRunSpec(specOf({ dataset: { source: { case: "synthetic", value } } }), drawSeed).warnings;
    const warning = "pauses between turns have no effect: every conversation has one turn";
    expect(warningsOf({ turnDelayMs: { mean: 5 } })).to.deep.equal([warning]);
    expect(warningsOf({ turnDelayMs: { mean: 5 }, turns: { mean: 2 } })).to.deep.equal([]);
    expect(warningsOf({ turnDelayMs: { mean: 5 }, turns: { mean: 1, stddev: 1 } })).to.deep.equal([]);
  });

  it("warns of precise pacing where nothing is sent by the clock", () => {
    const workers = { pacing: "precise" };
    expect(compileRunSpec(specOf({ workers }), drawSeed).warnings).to.deep.equal([
      "precise pacing changes nothing: no phase sends by the clock alone",
    ]);
    const byTheClock = phaseOf({ load: { case: "rate", value: { ratePerSec: 5 } } });
    expect(compileRunSpec(specOf({ workers, phases: [byTheClock] }), drawSeed).warnings).to.deep.equal([]);
    const held = phaseOf({ load: { case: "rate", value: { ratePerSec: 5, concurrencyCeiling: 2 } } });
    expect(compileRunSpec(specOf({ workers, phases: [held] }), drawSeed).warnings).to.have.lengthOf(1);
  });

  it("warns of more precise workers than the cores can keep awake, once the hosts are known", () => {
    const warn = (maxWorkers: number, pacing: string, ...cores: number[]) =>
      pacingWarning(
        specOf({ workers: { maxWorkers, pacing }, phases: [phaseOf({ load: { case: "rate", value: { ratePerSec: 5 } } })] }),
        cores.map((count) => ({ name: "h", labels: {}, cores: count, maxFds: 0, localPorts: 0 })),
      );
    expect(warn(4, "precise", 2, 3)).to.equal(
      "4 workers with precise pacing are more than the 3 that the cores can keep awake: requests may be late",
    );
    expect([warn(3, "precise", 2, 3), warn(4, "normal", 2, 3), warn(4, "precise")]).to.deep.equal(Array(3).fill(undefined));
  });

  it("warns of streams that are not asked for the usage that alone counts", () => {
    const endpoint = { streaming: true, useServerTokenCount: true, omitStreamOptions: true };
    expect(compileRunSpec(specOf({ endpoint }), drawSeed).warnings).to.deep.equal([
      "lengths come from the server's usage alone, and streams are not asked for it",
    ]);
    expect(compileRunSpec(specOf({ endpoint: { ...endpoint, omitStreamOptions: false } }), drawSeed).warnings).to.deep.equal([]);
  });
});

describe("masking", () => {
  it("hides user and password of a proxy, and leaves its place", () => {
    const given = specOf({ target: { proxyUrl: "http://me:s3cret@p:3128" } });
    expect(maskSecrets(given).target?.proxyUrl).to.equal("http://***@p:3128");
    expect(maskSecrets(specOf({ target: { proxyUrl: "p:3128" } })).target?.proxyUrl).to.equal("p:3128");
  });

  it("hides key, header values and TLS key, in a copy", () => {
    const given = specOf({
      target: { apiKey: "k3y", headers: { authorization: "b", "x-a": "" }, tls: { keyPem: "p3m", caPem: "ca" } },
    });
    const { target } = maskSecrets(given);
    expect(target).to.deep.include({ apiKey: "***", headers: { authorization: "***", "x-a": "***" } });
    expect(target?.tls).to.include({ keyPem: "***", caPem: "ca" });
    expect(given.target?.apiKey).to.equal("k3y");
  });

  it("hides headers of scrapes, and users of their pages", () => {
    const dcgmUrls = ["http://u:p@g:9400/metrics", "nvidia-smi", "g:9401"];
    const { telemetry } = maskSecrets(
      specOf({ telemetry: { headers: { authorization: "b" }, dcgmUrls, serverMetricsUrls: ["https://u@h/metrics"] } }),
    );
    expect(telemetry?.headers).to.deep.equal({ authorization: "***" });
    const tls = { keyPem: "p3m", caPem: "ca" };
    expect(maskSecrets(specOf({ telemetry: { tls } })).telemetry?.tls).to.include({ keyPem: "***", caPem: "ca" });
    expect(telemetry?.dcgmUrls).to.deep.equal(["http://***@g:9400/metrics", "nvidia-smi", "g:9401"]);
    expect(telemetry?.serverMetricsUrls).to.deep.equal(["https://***@h/metrics"]);
  });

  it("hides keys in the queries of URLs, and nothing else of them", () => {
    const given = compiled({ target: { urls: [{ url: "http://h/v1?api-version=2&api-key=k3y" }] } });
    const shown = "http://h/v1?api-version=2&api-key=***";
    expect(maskSecrets(given).target?.urls[0]).to.include({ url: shown, label: shown });
  });

  it("leaves unset what was unset", () => {
    expect(equals(RunSpecSchema, maskSecrets(specOf()), specOf())).to.equal(true);
    expect(maskSecrets(specOf({ target: { tls: {} } })).target).to.deep.include({ apiKey: "" });
  });
});

describe("a spec of an endpoint of the user's own", () => {
  const own = { path: "/generate", canStream: false, formatBody: () => new Uint8Array(1), parse: () => undefined };
  const endpoints = withOwnEndpoints({ endpoints: { mine: () => own } });

  it("is taken, says the endpoint's path, and names its folder after it", () => {
    const { spec } = compileRunSpec(specOf({ endpoint: { type: "mine" } }), drawSeed, endpoints);
    expect(spec.endpoint).to.include({ type: "mine", path: "/generate" });
    expect(spec.name).to.match(/^m-mine-/);
    const given = compileRunSpec(specOf({ endpoint: { type: "mine", path: "/other" } }), drawSeed, endpoints);
    expect(given.spec.endpoint?.path).to.equal("/other");
  });

  it("is refused where the endpoint cannot stream and a stream is asked for", () => {
    const asked = specOf({ endpoint: { type: "mine", streaming: true } });
    expect(() => compileRunSpec(asked, drawSeed, endpoints)).to.throw("endpoint.streaming: must be off: mine does not stream");
  });

  it("is refused where nobody gave that endpoint", () => {
    expect(refusalOf(specOf({ endpoint: { type: "mine" } })).message).to.match(
      /^endpoint.type: must be one of chat, .*, got mine$/,
    );
  });
});

describe("a load by rate", () => {
  const loadOf = (value: RateInit) => compiled(rated(value)).phases[0]?.load.value;

  it("of gamma arrivals is as Poisson where no smoothness is given", () => {
    expect(loadOf({ ratePerSec: 1, pattern: ArrivalPattern.GAMMA })).to.include({ smoothness: 1 });
  });

  it("of bursts has no pattern", () => {
    expect(loadOf({ bursts: { size: 3, intervalSec: 1 } })).to.include({ pattern: ArrivalPattern.UNSPECIFIED });
  });

  it("that is all a ceiling lets through at once is a closed loop", () => {
    const value = { pattern: ArrivalPattern.CONCURRENCY_BURST, concurrencyCeiling: 7 };
    expect(loadOf(value)).to.include({ limit: 7, unit: ConcurrencyUnit.SESSION });
    expect(compiled(rated(value)).name).to.equal("m-openai-chat-concurrency7");
  });

  it("names the run by rate and ceiling", () => {
    expect(compiled(rated({ ratePerSec: 5, concurrencyCeiling: 2 })).name).to.equal("m-openai-chat-concurrency2-request_rate5.0");
    expect(compiled(rated({ bursts: { size: 3, intervalSec: 1 } })).name).to.equal("m-openai-chat-bursts3");
    expect(compiled(rated({ series: [{ atSec: 0, ratePerSec: 1 }] })).name).to.equal("m-openai-chat-request_rate_series");
  });
});

describe("ramps", () => {
  it("begin where AIPerf's do, in a straight line", () => {
    const load = { case: "rate" as const, value: { ratePerSec: 50, concurrencyCeiling: 9 } };
    const ramps = [
      { quantity: "concurrency", durationSec: 5 },
      { quantity: "rate", durationSec: 10 },
    ];
    const { phases } = compiled({ phases: [phaseOf({ load, ramps })] });
    expect(phases[0]?.ramps.map(({ from, shape }) => [from, shape])).to.deep.equal([
      [1, "linear"],
      [0.5, "linear"],
    ]);
  });
});
