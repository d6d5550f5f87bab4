import { fromJson } from "@bufbuild/protobuf";
import { expect } from "chai";
import { withAbsolutePaths } from "../../../../clients/cli/spec/input-files.ts";
import { readSpecText } from "../../../../clients/cli/spec/spec-reader.ts";
import { RunSpecSchema } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { compileRunSpec } from "../../../../services/controller/core/run-spec.ts";

interface Context {
  readonly env?: Readonly<Record<string, string>>;
}

const read = (text: string, { env = {} }: Context = {}) => readSpecText(text, { env });

/** The RunSpec of a file that is right, which the controller takes. */
function specOf(text: string, context?: Context) {
  const { spec, problems } = read(text, context);
  expect(problems).to.deep.equal([]);
  const message = fromJson(RunSpecSchema, withAbsolutePaths(spec, "/data"));
  // What is in the file takes the place of its path before.
  if (message.telemetry !== undefined) message.telemetry.gpuMetricsCsv = "";
  compileRunSpec(message, () => 1n);
  return spec;
}

/** A benchmark with these lines, and a load where they name none. */
function benchmark(lines: string): string {
  const load = /^(phases|profiling):/m.test(lines) ? "" : "\nphases: {type: concurrency, requests: 5}";
  const endpoint = /^endpoint:/m.test(lines) ? "" : "\nendpoint: {url: localhost:8000}";
  return `benchmark:\n  model: m${`\n${lines}${endpoint}${load}`.replaceAll("\n", "\n  ")}\n`;
}

/** A variable of the environment as a file names it. */
const variable = (name: string): string => `$\{${name}}`;

const dataset = (lines: string) => specOf(benchmark(`dataset:\n${lines.replaceAll(/^/gm, "  ")}`)).dataset;
const phase = (fields: string) => specOf(benchmark(`phases: {type: ${fields}}\ndataset: {turns: 3}`)).phases;
const problemsOf = (lines: string) => read(benchmark(lines)).problems;

describe("a file of AIPerf's as --config", () => {
  it("becomes a RunSpec", () => {
    const text = `
schemaVersion: "2.0"
randomSeed: 7
benchmark:
  models: [a, b]
  endpoint:
    urls: [http://one:8000, two:8000]
    urlStrategy: round_robin
    type: chat
    path: /v2/chat
    apiKey: sk-1
    timeout: 10m
    streaming: true
    transport: http
    connectionReuse: sticky-user-sessions
    useLegacyMaxTokens: true
    useServerTokenCount: true
    headers: {X-Team: red}
    extra: {temperature: 0.5, stop: [a, b], nested: {deep: 1}}
    sessionHeader: X-Session
    waitForModelTimeout: 60
    waitForModelInterval: 2
    waitForModelMode: both
    resetKvCache: {path: /flush_cache, timeoutSeconds: 3}
  tokenizer: {name: cl100k_base, revision: main, trustRemoteCode: false}
  dataset: {type: synthetic, entries: 50, isl: 100, osl: {mean: 20, stddev: 2}, sampling: shuffle}
  profiling: {type: concurrency, concurrency: 4, requests: 8}
  artifacts: {dir: out, prefix: mine, raw: true, trace: true, sliceDuration: 1m, showTraceTiming: true, summary: [json], records: [jsonl]}
  slos: {time_to_first_token: 200, request_latency: 1000.5}
  gpuTelemetry: {enabled: true, urls: [http://gpu:9400/metrics], collector: dcgm}
  networkLatency: {enabled: true, meanMs: 1.5}
  runtime: {workers: 3, ui: none}
  logging: {level: DEBUG}
multiRun: {numRuns: 1, cooldownSeconds: 5}
`;
    expect(specOf(text)).to.deep.equal({
      random_seed: "7",
      models: ["a", "b"],
      target: {
        urls: [{ url: "http://one:8000" }, { url: "two:8000" }],
        url_strategy: "URL_STRATEGY_ROUND_ROBIN",
        api_key: "sk-1",
        request_timeout_sec: 600,
        connection_reuse: "CONNECTION_REUSE_STICKY_USER_SESSIONS",
        headers: { "X-Team": "red" },
        session_header: "X-Session",
        wait_for_model: { timeout_sec: 60, interval_sec: 2, mode: "both" },
        reset_kv_cache_path: "/flush_cache",
        reset_kv_cache_timeout_sec: 3,
      },
      endpoint: {
        type: "chat",
        path: "/v2/chat",
        streaming: true,
        use_legacy_max_tokens: true,
        use_server_token_count: true,
        extra_inputs: { temperature: 0.5, stop: ["a", "b"], nested: { deep: 1 } },
      },
      tokenizer: { name: "cl100k_base" },
      dataset: {
        entries: "50",
        sampling: "SAMPLING_SHUFFLE",
        synthetic: { input_tokens: { mean: 100 }, output_tokens: { mean: 20, stddev: 2 } },
      },
      phases: [{ name: "profiling", kind: "PHASE_KIND_PROFILING", concurrency: { limit: 4 }, stop: { request_count: "8" } }],
      output: {
        artifact_dir: "out",
        export_prefix: "mine",
        export_level: "raw",
        export_http_trace: true,
        slice_sec: 60,
        show_trace_timing: true,
        network_latency_ms: 1.5,
      },
      slos: [
        { metric: "time_to_first_token", threshold: 200 },
        { metric: "request_latency", threshold: 1000.5 },
      ],
      telemetry: { dcgm_urls: ["http://gpu:9400/metrics"] },
      workers: { max_workers: 3 },
    });
    expect(read(text).options).to.deep.equal({ ui: "none", logLevel: "debug" });
  });

  it("may spell its fields with underscores", () => {
    const text = "schema_version: '2.0'\nrandom_seed: 1\nmulti_run: {num_runs: 1}\n";
    const { target } = specOf(`${text}${benchmark("endpoint: {url: h, use_legacy_max_tokens: true, reset_kv_cache: true}")}`);
    expect(target).to.deep.include({ reset_kv_cache_path: "/reset_prefix_cache" });
  });

  it("is known by its first words, and a RunSpec is read as one", () => {
    expect(readSpecText("models: [m]\nendpoint: {streaming: true}").spec).to.deep.equal({
      models: ["m"],
      endpoint: { streaming: true },
    });
    expect(readSpecText("models: [m]\nendpoint: {apiKey: x}").problems[0]).to.include("endpoint.apiKey: unknown field");
  });

  for (const [given, expected] of [
    ["128", { mean: 128 }],
    ["{value: 128}", { mean: 128 }],
    ["{mean: 128, stddev: 10, min: 1, max: 200}", { mean: 128, stddev: 10, min: 1, max: 200 }],
    ["{type: lognormal, mean: 128, median: 100}", { kind: "lognormal", mean: 128, median: 100 }],
    [
      "{peaks: [{mean: 10, stddev: 2, weight: 30}, {mean: 90}]}",
      {
        kind: "multimodal",
        peaks: [
          { mean: 10, stddev: 2, weight: 30 },
          { mean: 90, weight: 1 },
        ],
      },
    ],
    [
      "{points: [{value: 8, weight: 3}, {value: 9}]}",
      {
        kind: "empirical",
        points: [
          { value: 8, weight: 3 },
          { value: 9, weight: 1 },
        ],
      },
    ],
  ] as const) {
    it(`has lengths by a distribution: ${given}`, () => {
      expect(dataset(`prompts: {isl: ${given}}`)).to.deep.equal({ synthetic: { input_tokens: expected } });
    });
  }

  for (const [fields, expected] of [
    ["concurrency, requests: 3", { concurrency: { limit: 1 }, stop: { request_count: "3" } }],
    [
      "poisson, rate: 5, concurrency: 8, duration: 2m, gracePeriod: inf",
      {
        rate: { pattern: "ARRIVAL_PATTERN_POISSON", rate_per_sec: 5, concurrency_ceiling: 8 },
        stop: { duration_sec: 120 },
        grace_sec: "Infinity",
      },
    ],
    [
      "gamma, rate: 5, smoothness: 2.5, sessions: 4, rateRamp: 10s",
      {
        rate: { pattern: "ARRIVAL_PATTERN_GAMMA", rate_per_sec: 5, smoothness: 2.5 },
        stop: { session_count: "4" },
        ramps: [{ quantity: "rate", duration_sec: 10 }],
      },
    ],
    [
      "constant, rateSeries: [{timeS: 0, qps: 1}, {timeS: 5, qps: 3}], requests: 9, failedRequestThreshold: 0.2",
      {
        rate: {
          pattern: "ARRIVAL_PATTERN_CONSTANT",
          series: [
            { at_sec: 0, rate_per_sec: 1 },
            { at_sec: 5, rate_per_sec: 3 },
          ],
        },
        stop: { request_count: "9", failed_request_share: 0.2 },
      },
    ],
    [
      "user_centric, users: 4, rate: 2, duration: 60",
      { user_centric: { users: 4, rate_per_sec: 2 }, stop: { duration_sec: 60 } },
    ],
    [
      "concurrency, concurrency: 8, concurrencyRamp: {duration: 5s, strategy: exponential}, requests: 20, cancellation: {rate: 10, delay: 0.5}",
      {
        concurrency: { limit: 8 },
        ramps: [{ quantity: "concurrency", duration_sec: 5, shape: "exponential" }],
        stop: { request_count: "20" },
        cancellation: { share: 0.1, delay_sec: 0.5 },
      },
    ],
  ] as const) {
    it(`has a phase of one line: ${fields}`, () => {
      expect(phase(fields)).to.deep.equal([{ name: "profiling", kind: "PHASE_KIND_PROFILING", ...expected }]);
    });
  }

  it("has phases in their order, and one that does not wait for the answers of the one before", () => {
    const { phases } = specOf(
      benchmark(`phases:
  - {name: warmup, type: concurrency, requests: 2, excludeFromResults: true}
  - {name: first, kind: profiling, type: concurrency, requests: 2}
  - {name: second, kind: profiling, type: poisson, rate: 3, requests: 2, seamless: true}`),
    );
    expect(phases).to.deep.equal([
      { name: "warmup", kind: "PHASE_KIND_WARMUP", concurrency: { limit: 1 }, stop: { request_count: "2" } },
      {
        name: "first",
        kind: "PHASE_KIND_PROFILING",
        concurrency: { limit: 1 },
        stop: { request_count: "2" },
        is_seamless: true,
      },
      {
        name: "second",
        kind: "PHASE_KIND_PROFILING",
        rate: { pattern: "ARRIVAL_PATTERN_POISSON", rate_per_sec: 3 },
        stop: { request_count: "2" },
      },
    ]);
  });

  it("replays a trace, from its first moment on unless it says another", () => {
    const trace = "dataset: {type: file, path: t.jsonl, format: mooncake_trace, blockSize: 16, synthesis: {speedupRatio: 2}}";
    const { dataset: file, phases } = specOf(benchmark(`${trace}\nphases: {type: fixed_schedule}`));
    expect(file).to.deep.equal({
      file: { path: "t.jsonl", format: "mooncake_trace", block_tokens: 16, synthesis: { speedup_ratio: 2 } },
    });
    expect(phases).to.deep.equal([{ name: "profiling", kind: "PHASE_KIND_PROFILING", schedule: { auto_offset: true } }]);
    const later = specOf(
      benchmark(`${trace}\nphases: {type: fixed_schedule, autoOffset: false, startOffset: 1000, endOffset: 2000}`),
    );
    expect(later.phases).to.deep.equal([
      {
        name: "profiling",
        kind: "PHASE_KIND_PROFILING",
        schedule: { auto_offset: false, start_offset_ms: 1000, end_offset_ms: 2000 },
      },
    ]);
  });

  it("takes a public dataset", () => {
    const given = dataset("type: public\ndataset: sharegpt\nhfSubset: x\nfilters: {lang: de}\nentries: 5");
    expect(given).to.deep.equal({ entries: "5", file: { path: "public:sharegpt?lang=de&subset=x" } });
    expect(dataset("type: public\ndataset: weka_hf\nhfWekaDataset: a/b")).to.deep.equal({ file: { path: "public:weka_hf:a/b" } });
  });

  it("makes images, audio and videos with its own defaults", () => {
    expect(
      dataset("images: {batchSize: 2, width: 64, height: {mean: 32, stddev: 4}}\naudio: {batchSize: 1, length: 2}"),
    ).to.deep.equal({
      synthetic: {
        images: { format: "jpeg", batch_size: 2, width: { mean: 64 }, height: { mean: 32, stddev: 4 } },
        audio: { batch_size: 1, length_sec: { mean: 2 } },
      },
    });
    expect(dataset("video: {batchSize: 1, width: 64, height: 32, audio: {channels: 1, sampleRate: 44.1}}")).to.deep.equal({
      synthetic: {
        video: { duration_sec: 1, batch_size: 1, width: 64, height: 32, audio_channels: 1, audio_sample_rate_hz: 44_100 },
      },
    });
    expect(problemsOf("dataset: {images: {width: 64, height: 64}}")[0]).to.include("batchSize is 0");
  });

  it("draws lengths in pairs, prefixes and marks", () => {
    const prompts =
      "prompts: {sequenceDistribution: [{isl: 8, islStddev: 2, osl: 4, probability: 60}, {isl: 9, osl: 5, probability: 40}], corpus: coding}";
    expect(dataset(`${prompts}\nprefixPrompts: {poolSize: 2, length: 10}\ncacheBust: {target: first_turn_prefix}`)).to.deep.equal(
      {
        cache_bust: "first_turn_prefix",
        synthetic: {
          corpus: "code",
          prefix_count: 2,
          prefix_tokens: 10,
          length_mix: [
            { input_tokens: { mean: 8, stddev: 2 }, output_tokens: { mean: 4 }, weight: 60 },
            { input_tokens: { mean: 9 }, output_tokens: { mean: 5 }, weight: 40 },
          ],
        },
      },
    );
  });

  it("weighs several models", () => {
    const text = benchmark("").replace(
      "model: m",
      "models: {strategy: weighted, items: [{name: a, weight: 0.3}, {name: b, weight: 0.7}]}",
    );
    expect(specOf(text)).to.deep.include({
      models: ["a", "b"],
      model_selection: "MODEL_SELECTION_WEIGHTED",
      model_weights: [0.3, 0.7],
    });
  });

  it("names variables of the environment, with defaults or without", () => {
    const text = benchmark(
      `profiling: {type: concurrency, requests: '${variable("N:12")}'}\nendpoint: {url: 'http://${variable("HOST")}:8000', apiKey: '${variable("KEY:")}'}`,
    );
    const spec = specOf(text, { env: { HOST: "h", KEY: "k" } });
    expect(spec.target).to.deep.equal({ urls: [{ url: "http://h:8000" }], api_key: "k" });
    expect(spec.phases).to.deep.include.members([
      { name: "profiling", kind: "PHASE_KIND_PROFILING", concurrency: { limit: 1 }, stop: { request_count: "12" } },
    ]);
    expect(read(text).problems).to.deep.equal([
      `4:19: the variable HOST is not set, and ${variable("HOST:DEFAULT")} names no default`,
    ]);
  });

  it("computes values from its own variables, in whatever order they stand, and from other fields", () => {
    const text = `variables: {total: '{{ each * 2 }}', each: 4}\n${benchmark(
      "dataset: {entries: '{{ total * 10 }}', isl: {mean: '{{ each // 3 }}', stddev: '{{ 0.5 }}'}}\nartifacts: {dir: 'out/{{ model }}-{{ phases.requests }}'}",
    )}`;
    expect(specOf(text)).to.deep.include({
      dataset: { entries: "80", synthetic: { input_tokens: { mean: 1, stddev: 0.5 } } },
      output: { artifact_dir: "out/m-5" },
    });
  });

  it("is refused for a variable that is not there, and for variables that need each other", () => {
    expect(problemsOf("dataset: {entries: '{{ nobody }}'}")[0]).to.equal("3:22: {{ nobody }}: there is no variable nobody");
    const circle = `variables: {a: '{{ b }}', b: '{{ a }}'}\n${benchmark("")}`;
    expect(read(circle).problems[0]).to.equal("1:13: variables a, b name each other in a circle");
  });

  it("is refused where its references have no end, or make too much of it", () => {
    const endless = `variables: &v {a: *v}\n${benchmark("")}`;
    expect(read(endless).problems.join()).to.include("references have no end");
    const levels = Array.from({ length: 9 }, (_, level) => `  l${level + 1}: &l${level + 1} [${Array(10).fill(`*l${level}`)}]`);
    const bomb = `variables:\n  l0: &l0 [1, 2]\n${levels.join("\n")}\n${benchmark("")}`;
    expect(read(bomb).problems.join()).to.include("too many values");
  });

  it("may name things as every object has them, or as no expression can", () => {
    expect(problemsOf("constructor: 1")[0]).to.include("benchmark.constructor: unknown field");
    expect(problemsOf("dataset: {type: toString}")[0]).to.include("expected synthetic, file or public");
    expect(specOf(`variables: {"a(b": 1, c: '{{ 2 }}'}\n${benchmark("")}`)).to.deep.equal(specOf(benchmark("")));
  });

  it("leaves the template of a body to the requests", () => {
    const { endpoint } = specOf(
      benchmark("endpoint: {url: h, type: template, template: {body: '{\"p\": {{ text | tojson }}}', responseField: text}}"),
    );
    expect(endpoint).to.deep.equal({ type: "template", template: { body: '{"p": {{ text | tojson }}}' } });
  });

  it("tells every mistake with its place", () => {
    expect(
      problemsOf(`dataset: {entriez: 5, isl: {mean: x}}
phases: {type: poisson, rate: fast, requests: 2.5, kind: both}
endpoint: {url: h, streaming: 'yes'}`),
    ).to.deep.equal([
      "3:13: benchmark.dataset.entriez: unknown field of AIPerf's, did you mean entries?",
      '3:37: dataset.synthetic.input_tokens.mean: expected a number, got "x"',
      '5:33: endpoint.streaming: expected true or false, got "yes"',
      '4:33: phases[0].rate.rate_per_sec: expected a number, got "fast"',
      "4:49: phases[0].stop.request_count: expected an integer from 0 to 2^64 − 1, got 2.5",
      '4:60: phases[0].kind: expected warmup or profiling, got "both"',
    ]);
  });

  for (const [lines, problem] of [
    [
      "scenario: inferencex-agentx-mvp",
      "benchmark.scenario: a field of AIPerf's that assay does not have: write the scenario's settings",
    ],
    [
      "accuracy: {benchmark: mmlu}",
      "benchmark.accuracy: a field of AIPerf's that assay does not have: accuracy benchmarks are not run",
    ],
    [
      "dataset: {type: file, records: [{text: a}]}",
      "benchmark.dataset.records: a field of AIPerf's that assay does not have: write them into a file",
    ],
    ["serverMetrics: {enabled: true, sliceDuration: 5}", "benchmark.serverMetrics.sliceDuration"],
    ["runtime: {ui: dashboard}", "expected none or simple"],
    ["phases: {type: concurrency, requests: 5, adaptiveScale: true}", "benchmark.phases.adaptiveScale"],
    ["phases: {type: waves, requests: 5}", "expected concurrency, constant, poisson, gamma, user_centric, fixed_schedule"],
    ["phases: [{name: soak, type: concurrency, requests: 5}]", "benchmark.phases[0].kind: expected warmup or profiling"],
    ["profiling: {type: concurrency, requests: 5, excludeFromResults: true}", "benchmark.profiling.excludeFromResults"],
    ["warmup: {type: concurrency, requests: 5}", "benchmark.warmup: not together with benchmark.phases"],
    ["dataset: {isl: {peaks: [{mean: 9, median: 8}]}}", "benchmark.dataset.isl.peaks[0].median"],
    ["datasets: [{name: a}, {name: b}]", "benchmark.datasets: expected a list of one dataset"],
  ] as const) {
    it(`is refused by name for what assay does not have: ${lines}`, () => {
      const problems = problemsOf(lines);
      expect(problems).to.have.length(1);
      expect(problems[0])
        .to.match(/^\d+:\d+: /)
        .and.to.include(problem);
    });
  }

  for (const top of ["multiRun: {numRuns: 3}", "sweep: {type: grid, parameters: {}}", "plot: plots.yaml"]) {
    it(`is refused by name for ${top}`, () => {
      const [problem, ...others] = read(`${top}\n${benchmark("")}`).problems;
      expect(others).to.deep.equal([]);
      expect(problem).to.match(/^1:\d+: \S+: a field of AIPerf's that assay does not have: /);
    });
  }

  it("is taken where it asks for what a run does anyway", () => {
    const neutral = `unsafeOverride: false
otel: {}
phases: {type: concurrency, requests: 5, adaptiveScale: false, burstPhaseStarts: false, sla: []}
runtime: {serviceRunType: multiprocessing, ui: simple}`;
    expect(specOf(benchmark(neutral))).to.deep.equal(specOf(benchmark("")));
  });

  it("says which metrics of servers and GPUs are scraped", () => {
    const telemetryOf = (lines: string) => specOf(benchmark(lines)).telemetry;
    expect(telemetryOf("serverMetrics: {enabled: false}")).to.deep.equal({ disable_server_metrics: true });
    expect(telemetryOf("serverMetrics: false")).to.deep.equal({ disable_server_metrics: true });
    expect(telemetryOf("serverMetrics: true")).to.deep.equal(telemetryOf(""));
    expect(telemetryOf("serverMetrics: h:8000/metrics")).to.deep.equal({ server_metrics_urls: ["h:8000/metrics"] });
    expect(telemetryOf("serverMetrics: {enabled: true, urls: [h, i], formats: [json, parquet]}")).to.deep.equal({
      server_metrics_urls: ["h", "i"],
      server_metrics_formats: ["json", "parquet"],
    });
    expect(telemetryOf("gpuTelemetry: {urls: [nvidia-smi], metricsFile: more.csv}")).to.deep.equal({
      dcgm_urls: ["nvidia-smi"],
      gpu_metrics_csv: "more.csv",
    });
  });
});
