import { fromJson, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import fc from "fast-check";
import { complaintLine } from "../../../clients/cli/complaints.ts";
import type { Flag } from "../../../clients/cli/flags/flag.ts";
import { runFlags } from "../../../clients/cli/flags.ts";
import { maskedCommand, maskedSetting, parseFlags } from "../../../clients/cli/parse.ts";
import { conflictsOf, type GivenRun, runSpecJson, withMock, withoutOverruled } from "../../../clients/cli/run-options.ts";
import { urlsOf, weightsProblem } from "../../../clients/cli/run-target.ts";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { compileRunSpec } from "../../../services/controller/core/run-spec.ts";

/** Words of a command line; none of these has blanks within. */
function parse(line: string) {
  const parsed = parseFlags(runFlags, line === "" ? [] : line.split(" "));
  const given = givenBy(parsed);
  return { ...parsed, origins: given.origins, problems: [...parsed.problems, ...conflictsOf(given, false)] };
}

function givenBy({ options, given }: Pick<ReturnType<typeof parseFlags<typeof runFlags>>, "options" | "given">): GivenRun {
  return { options, origins: new Map([...given].map((name) => [name, "argument"] as const)) };
}

const twoUrls = [{ url: "http://a" }, { url: "http://b" }];

function specOf(line: string): JsonObject {
  const { options, problems } = parse(line);
  expect(problems).to.deep.equal([]);
  return runSpecJson(options);
}

const profiling = (load: JsonObject, stop: JsonObject, more: JsonObject = {}) => ({
  name: "profiling",
  kind: "PHASE_KIND_PROFILING",
  ...load,
  stop,
  ...more,
});
const oneAtOnce = { concurrency: { limit: 1 } };
const tenOneByOne = [profiling(oneAtOnce, { request_count: "10" })];

/** A command line beside `-m m`, and what it changes in the spec of `-m m` alone. */
const lines: readonly (readonly [line: string, change: JsonObject])[] = [
  ["", {}],
  ["-u localhost:9000", { target: { urls: [{ url: "http://localhost:9000" }] } }],
  ["--url https://a --url b:1,c", { target: { urls: [{ url: "https://a" }, { url: "http://b:1" }, { url: "http://c" }] } }],
  ["-u a b", { target: { urls: [{ url: "http://a" }, { url: "http://b" }] } }],
  ["--endpoint-type completions", { endpoint: { type: "completions" } }],
  ["--endpoint /v2/chat", { endpoint: { path: "/v2/chat" } }],
  ["--custom-endpoint /v2/chat", { endpoint: { path: "/v2/chat" } }],
  ["--streaming", { endpoint: { streaming: true } }],
  ["--streaming --no-streaming", { endpoint: { streaming: false } }],
  ["--api-key sk-1", { target: { api_key: "sk-1" } }],
  ["--proxy http://me:s3cret@p:3128", { target: { proxy_url: "http://me:s3cret@p:3128" } }],
  ["-H A:b:c --header D:", { target: { headers: { A: "b:c", D: "" } } }],
  ['--header {"A":"b"}', { target: { headers: { A: "b" } } }],
  ["--request-timeout-seconds 2.5", { target: { request_timeout_sec: 2.5 } }],
  ["--no-probe", { target: { no_probe: true } }],
  [
    "--wait-for-model-timeout 60 --wait-for-model-mode BOTH --wait-for-model-interval 0.5",
    { target: { wait_for_model: { timeout_sec: 60, mode: "both", interval_sec: 0.5 } } },
  ],
  [
    "--failed-request-threshold 0.05 --require-valid",
    { phases: [profiling(oneAtOnce, { request_count: "10", failed_request_share: 0.05 })] },
  ],
  ["--concurrency 8", { phases: [profiling({ concurrency: { limit: 8 } }, { request_count: "16" })] }],
  ["--concurrency=3", { phases: [profiling({ concurrency: { limit: 3 } }, { request_count: "10" })] }],
  ["--concurrency 3 --concurrency 4", { phases: [profiling({ concurrency: { limit: 4 } }, { request_count: "10" })] }],
  ["--request-rate 0.5", { phases: [profiling({ rate: { rate_per_sec: 0.5 } }, { request_count: "10" })] }],
  [
    "--request-rate 5 --arrival-pattern constant --concurrency 30",
    {
      phases: [
        profiling(
          { rate: { rate_per_sec: 5, pattern: "ARRIVAL_PATTERN_CONSTANT", concurrency_ceiling: 30 } },
          { request_count: "60" },
        ),
      ],
    },
  ],
  [
    "--request-rate 5 --request-rate-mode POISSON",
    { phases: [profiling({ rate: { rate_per_sec: 5, pattern: "ARRIVAL_PATTERN_POISSON" } }, { request_count: "10" })] },
  ],
  [
    "--request-rate 5 --arrival-pattern gamma --vllm-burstiness 0.5",
    {
      phases: [
        profiling({ rate: { rate_per_sec: 5, pattern: "ARRIVAL_PATTERN_GAMMA", smoothness: 0.5 } }, { request_count: "10" }),
      ],
    },
  ],
  [
    "--request-rate 5 --concurrency 8 --overload drop",
    {
      phases: [
        profiling({ rate: { rate_per_sec: 5, concurrency_ceiling: 8, overload: "OVERLOAD_DROP" } }, { request_count: "16" }),
      ],
    },
  ],
  [
    "--burst-size 20 --burst-interval 0.5",
    { phases: [profiling({ rate: { bursts: { size: 20, interval_sec: 0.5 } } }, { request_count: "10" })] },
  ],
  [
    "--arrival-pattern concurrency_burst --concurrency 4",
    {
      phases: [
        profiling({ rate: { pattern: "ARRIVAL_PATTERN_CONCURRENCY_BURST", concurrency_ceiling: 4 } }, { request_count: "10" }),
      ],
    },
  ],
  [
    "--request-rate 5 --request-rate-ramp-duration 10 --concurrency 8 --concurrency-ramp-duration 3",
    {
      phases: [
        profiling(
          { rate: { rate_per_sec: 5, concurrency_ceiling: 8 } },
          { request_count: "16" },
          {
            ramps: [
              { quantity: "concurrency", duration_sec: 3 },
              { quantity: "rate", duration_sec: 10 },
            ],
          },
        ),
      ],
    },
  ],
  ["--request-count 7", { phases: [profiling(oneAtOnce, { request_count: "7" })] }],
  ["--num-requests 1e3", { phases: [profiling(oneAtOnce, { request_count: "1000" })] }],
  ["--benchmark-duration 1.5", { phases: [profiling(oneAtOnce, { duration_sec: 1.5 })] }],
  [
    "--benchmark-duration 60 --request-count 5 --benchmark-grace-period 0",
    { phases: [profiling(oneAtOnce, { duration_sec: 60, request_count: "5" }, { grace_sec: 0 })] },
  ],
  [
    "--concurrency 4 --concurrency-unit REQUEST",
    { phases: [profiling({ concurrency: { limit: 4, unit: "CONCURRENCY_UNIT_REQUEST" } }, { request_count: "10" })] },
  ],
  [
    "--request-rate 9 --concurrency 4 --concurrency-unit request",
    {
      phases: [
        profiling(
          { rate: { rate_per_sec: 9, concurrency_ceiling: 4, ceiling_unit: "CONCURRENCY_UNIT_REQUEST" } },
          { request_count: "10" },
        ),
      ],
    },
  ],
  [
    "--concurrency 4 --prefill-concurrency 2",
    { phases: [profiling({ concurrency: { limit: 4 } }, { request_count: "10" }, { prefill_concurrency: 2 })] },
  ],
  [
    "--request-cancellation-rate 25 --request-cancellation-delay 0.5",
    { phases: [profiling(oneAtOnce, { request_count: "10" }, { cancellation: { share: 0.25, delay_sec: 0.5 } })] },
  ],
  [
    "--num-sessions 30 --concurrency 4",
    { dataset: { entries: 30 }, phases: [profiling({ concurrency: { limit: 4 } }, { session_count: "30" })] },
  ],
  [
    "--num-conversations 30 --num-dataset-entries 5",
    { dataset: { entries: 5 }, phases: [profiling(oneAtOnce, { session_count: "30" })] },
  ],
  [
    "--benchmark-duration 5 --benchmark-grace-period inf",
    { phases: [profiling(oneAtOnce, { duration_sec: 5 }, { grace_sec: "Infinity" })] },
  ],
  [
    "--num-warmup-sessions 3 --warmup-duration 5 --warmup-concurrency 2 --warmup-grace-period 7 --concurrency 4 --prefill-concurrency 3",
    {
      phases: [
        {
          name: "warmup",
          kind: "PHASE_KIND_WARMUP",
          concurrency: { limit: 2 },
          prefill_concurrency: 2,
          grace_sec: 7,
          stop: { session_count: "3", duration_sec: 5 },
        },
        profiling({ concurrency: { limit: 4 } }, { request_count: "10" }, { prefill_concurrency: 3 }),
      ],
    },
  ],
  [
    "--warmup-duration 5 --warmup-request-rate 9 --warmup-arrival-pattern constant --warmup-prefill-concurrency 2 --concurrency 4",
    {
      phases: [
        {
          name: "warmup",
          kind: "PHASE_KIND_WARMUP",
          rate: { rate_per_sec: 9, pattern: "ARRIVAL_PATTERN_CONSTANT", concurrency_ceiling: 4 },
          prefill_concurrency: 2,
          stop: { duration_sec: 5 },
        },
        profiling({ concurrency: { limit: 4 } }, { request_count: "10" }),
      ],
    },
  ],
  [
    "--warmup-request-count 5 --warmup-arrival-pattern constant --request-rate 9 --arrival-pattern gamma --arrival-smoothness 2",
    {
      phases: [
        {
          name: "warmup",
          kind: "PHASE_KIND_WARMUP",
          rate: { rate_per_sec: 9, pattern: "ARRIVAL_PATTERN_CONSTANT" },
          stop: { request_count: "5" },
        },
        profiling({ rate: { rate_per_sec: 9, pattern: "ARRIVAL_PATTERN_GAMMA", smoothness: 2 } }, { request_count: "10" }),
      ],
    },
  ],
  [
    "--warmup-request-count 5 --warmup-arrival-pattern concurrency_burst --request-rate 9 --arrival-pattern gamma " +
      "--arrival-smoothness 2 --concurrency 3 --overload drop",
    {
      phases: [
        {
          name: "warmup",
          kind: "PHASE_KIND_WARMUP",
          rate: { pattern: "ARRIVAL_PATTERN_CONCURRENCY_BURST", concurrency_ceiling: 3 },
          stop: { request_count: "5" },
        },
        profiling(
          {
            rate: {
              rate_per_sec: 9,
              pattern: "ARRIVAL_PATTERN_GAMMA",
              smoothness: 2,
              concurrency_ceiling: 3,
              overload: "OVERLOAD_DROP",
            },
          },
          { request_count: "10" },
        ),
      ],
    },
  ],
  [
    "--warmup-request-count 5 --warmup-request-rate 9 --arrival-pattern concurrency_burst --concurrency 3",
    {
      phases: [
        {
          name: "warmup",
          kind: "PHASE_KIND_WARMUP",
          rate: { rate_per_sec: 9, concurrency_ceiling: 3 },
          stop: { request_count: "5" },
        },
        profiling({ rate: { pattern: "ARRIVAL_PATTERN_CONCURRENCY_BURST", concurrency_ceiling: 3 } }, { request_count: "10" }),
      ],
    },
  ],
  [
    "--warmup-duration 5 --warmup-concurrency-ramp-duration 2 --concurrency 4 --concurrency-ramp-duration 9",
    {
      phases: [
        {
          name: "warmup",
          kind: "PHASE_KIND_WARMUP",
          concurrency: { limit: 4 },
          ramps: [{ quantity: "concurrency", duration_sec: 2 }],
          stop: { duration_sec: 5 },
        },
        profiling(
          { concurrency: { limit: 4 } },
          { request_count: "10" },
          { ramps: [{ quantity: "concurrency", duration_sec: 9 }] },
        ),
      ],
    },
  ],
  [
    "--warmup-duration 5 --warmup-request-rate 3 --request-rate 9 --concurrency 4",
    {
      phases: [
        {
          name: "warmup",
          kind: "PHASE_KIND_WARMUP",
          rate: { rate_per_sec: 3, concurrency_ceiling: 4 },
          stop: { duration_sec: 5 },
        },
        profiling({ rate: { rate_per_sec: 9, concurrency_ceiling: 4 } }, { request_count: "10" }),
      ],
    },
  ],
  [
    "--warmup-request-count 4 --concurrency 2 --benchmark-duration 9 --benchmark-grace-period 3",
    {
      phases: [
        { name: "warmup", kind: "PHASE_KIND_WARMUP", concurrency: { limit: 2 }, stop: { request_count: "4" } },
        profiling({ concurrency: { limit: 2 } }, { duration_sec: 9 }, { grace_sec: 3 }),
      ],
    },
  ],
  [
    "--num-warmup-requests 4 --concurrency 2 --seamless",
    {
      phases: [
        {
          name: "warmup",
          kind: "PHASE_KIND_WARMUP",
          concurrency: { limit: 2 },
          stop: { request_count: "4" },
          is_seamless: true,
        },
        profiling({ concurrency: { limit: 2 } }, { request_count: "10" }),
      ],
    },
  ],
  [
    "--num-warmup-requests 4 --request-rate 2",
    {
      phases: [
        { name: "warmup", kind: "PHASE_KIND_WARMUP", rate: { rate_per_sec: 2 }, stop: { request_count: "4" } },
        profiling({ rate: { rate_per_sec: 2 } }, { request_count: "10" }),
      ],
    },
  ],
  ["--isl 100 --isl-stddev 5", { dataset: { synthetic: { input_tokens: { mean: 100, stddev: 5 } } } }],
  [
    "--prompt-input-tokens-mean 100 --prompt-input-tokens-stddev 5",
    { dataset: { synthetic: { input_tokens: { mean: 100, stddev: 5 } } } },
  ],
  [
    "--synthetic-input-tokens-mean 100 --synthetic-input-tokens-stddev 5",
    { dataset: { synthetic: { input_tokens: { mean: 100, stddev: 5 } } } },
  ],
  ["--osl 20 --osl-stddev 0", { dataset: { synthetic: { output_tokens: { mean: 20, stddev: 0 } } } }],
  [
    "--prompt-output-tokens-mean 20 --output-tokens-stddev 1",
    { dataset: { synthetic: { output_tokens: { mean: 20, stddev: 1 } } } },
  ],
  [
    "--conversation-turn-mean 3 --conversation-turn-stddev 1 --conversation-turn-delay-mean 250 --conversation-turn-delay-stddev 9",
    { dataset: { synthetic: { turns: { mean: 3, stddev: 1 }, turn_delay_ms: { mean: 250, stddev: 9 } } } },
  ],
  [
    "--session-turns-mean 3 --session-turns-stddev 1 --session-turn-delay-mean 250 --session-turn-delay-stddev 9",
    { dataset: { synthetic: { turns: { mean: 3, stddev: 1 }, turn_delay_ms: { mean: 250, stddev: 9 } } } },
  ],
  ["--conversation-turn-delay-ratio 0", { dataset: { turn_delay_ratio: 0 } }],
  ["--session-delay-ratio 0.5", { dataset: { turn_delay_ratio: 0.5 } }],
  ["--num-dataset-entries 3", { dataset: { entries: 3 } }],
  ["--num-prompts 3", { dataset: { entries: 3 } }],
  ["--random-seed 18446744073709551615", { random_seed: "18446744073709551615" }],
  [
    '--extra-inputs temperature:0.5 ignore_eos:true user:me --extra-inputs {"stop":["a:b"]}',
    { endpoint: { extra_inputs: { temperature: 0.5, ignore_eos: true, user: "me", stop: ["a:b"] } } },
  ],
  [
    "--extra-inputs temperature:0.5,top_p:0.9,user:me --extra-inputs ignore_eos:True,seed:None",
    { endpoint: { extra_inputs: { temperature: 0.5, top_p: 0.9, user: "me", ignore_eos: true, seed: null } } },
  ],
  [
    '--extra-inputs stop:["a,b:c"] tool_choice:none,logit_bias:{"1":2,"b":3} greeting:hello,world site:http://a,http://b min_p:null',
    {
      endpoint: {
        extra_inputs: {
          stop: ["a,b:c"],
          tool_choice: "none",
          logit_bias: { "1": 2, b: 3 },
          greeting: "hello,world",
          site: "http://a,http://b",
          min_p: null,
        },
      },
    },
  ],
  [
    '--extra-inputs payload_template:{"a":"b","c":1} response_field:[0]',
    { endpoint: { extra_inputs: { payload_template: '{"a":"b","c":1}', response_field: "[0]" } } },
  ],
  ["--input-file p.jsonl --no-fixed-schedule", { dataset: { file: { path: "p.jsonl" } } }],
  [
    "--input-file p.jsonl --custom-dataset-type single_turn --on-bad-row SKIP --num-prompts 5 --dataset-sampling-strategy shuffle",
    {
      dataset: {
        file: { path: "p.jsonl", format: "single_turn", on_bad_row: "skip" },
        entries: 5,
        sampling: "SAMPLING_SHUFFLE",
      },
    },
  ],
  [
    "--osl 20 --osl-stddev 2 --input-file p.jsonl --no-fixed-schedule",
    { dataset: { file: { path: "p.jsonl", output_tokens: { mean: 20, stddev: 2 } } } },
  ],
  [
    "--input-file p.jsonl --concurrency 4 --replay-speedup 2",
    {
      dataset: { file: { path: "p.jsonl" } },
      phases: [
        {
          name: "profiling",
          kind: "PHASE_KIND_PROFILING",
          concurrency: { limit: 4 },
          preferred_schedule: { concurrency_ceiling: 4, speedup: 2, auto_offset: true },
        },
      ],
    },
  ],
  [
    "--input-file p --fixed-schedule --fixed-schedule-start-offset 5 --fixed-schedule-end-offset 90.5 --max-idle-gap-cap-seconds 3",
    {
      dataset: { file: { path: "p" } },
      phases: [
        {
          name: "profiling",
          kind: "PHASE_KIND_PROFILING",
          schedule: { start_offset_ms: 5, end_offset_ms: 90.5, idle_gap_cap_sec: 3 },
        },
      ],
    },
  ],
  [
    "--input-file p --fixed-schedule --fixed-schedule-auto-offset --concurrency 3 --concurrency-unit request --warmup-request-count 2",
    {
      dataset: { file: { path: "p" } },
      phases: [
        { name: "warmup", kind: "PHASE_KIND_WARMUP", concurrency: { limit: 3 }, stop: { request_count: "2" } },
        {
          name: "profiling",
          kind: "PHASE_KIND_PROFILING",
          schedule: { concurrency_ceiling: 3, ceiling_unit: "CONCURRENCY_UNIT_REQUEST", auto_offset: true },
        },
      ],
    },
  ],
  [
    "--input-file p --request-rate 2",
    {
      dataset: { file: { path: "p" } },
      phases: [profiling({ rate: { rate_per_sec: 2 } }, { request_count: "10" })],
    },
  ],
  [
    "--user-centric-rate 2 --num-users 8 --conversation-turn-mean 3 --benchmark-duration 5",
    {
      dataset: { synthetic: { turns: { mean: 3 } } },
      phases: [profiling({ user_centric: { users: 8, rate_per_sec: 2 } }, { duration_sec: 5 })],
    },
  ],
  ["--tokenizer o200k_base", { tokenizer: { name: "o200k_base" } }],
  ["--use-server-token-count", { endpoint: { use_server_token_count: true } }],
  ["--connection-reuse-strategy sticky-user-sessions", { target: { connection_reuse: "CONNECTION_REUSE_STICKY_USER_SESSIONS" } }],
  ["-u unix:/run/a.sock,h:1", { target: { urls: [{ url: "unix:/run/a.sock" }, { url: "http://h:1" }] } }],
  [
    "--connect-timeout-seconds 1 --first-byte-timeout-seconds 2 --idle-timeout-seconds 0.5",
    { target: { connect_timeout_sec: 1, first_byte_timeout_sec: 2, idle_timeout_sec: 0.5 } },
  ],
  ["--insecure-skip-verify --target-server-name h", { target: { tls: { skip_verify: true, server_name: "h" } } }],
  ["--http2", { target: { transport: "TRANSPORT_KIND_HTTP2" } }],
  ["--transport http1", { target: { transport: "TRANSPORT_KIND_HTTP1" } }],
  ["--transport-type HTTP", { target: { transport: "TRANSPORT_KIND_AUTO" } }],
  [
    "-u http://a -u http://b --url-strategy least_loaded",
    { target: { urls: twoUrls, url_strategy: "URL_STRATEGY_LEAST_LOADED" } },
  ],
  [
    "-u a,b --url-strategy weighted --url-weights 3,0.5",
    {
      target: {
        urls: [
          { url: "http://a", weight: 3 },
          { url: "http://b", weight: 0.5 },
        ],
        url_strategy: "URL_STRATEGY_WEIGHTED",
      },
    },
  ],
  ["--model-selection-strategy random", { model_selection: "MODEL_SELECTION_RANDOM" }],
  ["--model-selection-strategy round_robin", { model_selection: "MODEL_SELECTION_ROUND_ROBIN" }],
  [
    "--model-selection-strategy weighted --model-weights 3,1 --model-weights 0.5 2",
    { model_selection: "MODEL_SELECTION_WEIGHTED", model_weights: [3, 1, 0.5, 2] },
  ],
  [
    "--goodput request_latency:250.5 inter_token_latency:10 --goodput request_throughput:0",
    {
      slos: [
        { metric: "request_latency", threshold: 250.5 },
        { metric: "inter_token_latency", threshold: 10 },
        { metric: "request_throughput", threshold: 0 },
      ],
    },
  ],
  ["--slo ttft:p99<1s --slo error_rate<1%;latency:avg<2s", { objectives: ["ttft:p99<1s", "error_rate<1%;latency:avg<2s"] }],
  ["--max-error-rate 0.1", { phases: [{ ...tenOneByOne[0], stop: { ...tenOneByOne[0]?.stop, failed_request_share: 0.1 } }] }],
  [
    "--image-width-mean 640 --image-width-stddev 9 --image-height-mean 480 --image-height-stddev 3 --image-format JPEG --image-batch-size 2 --image-source pics --image-source-sampling shuffle-cycle",
    {
      dataset: {
        synthetic: {
          images: {
            width: { mean: 640, stddev: 9 },
            height: { mean: 480, stddev: 3 },
            format: "jpeg",
            batch_size: 2,
            source: "pics",
            source_sampling: "shuffle-cycle",
          },
        },
      },
    },
  ],
  [
    "--audio-length-mean 2.5 --audio-length-stddev 0.5 --audio-format mp3 --audio-depths 16,24 --audio-sample-rates 16 --audio-sample-rates 44.1 --audio-num-channels 2 --batch-size-audio 3 --batch-size 0",
    {
      dataset: {
        synthetic: {
          text_batch_size: 0,
          audio: {
            length_sec: { mean: 2.5, stddev: 0.5 },
            format: "mp3",
            depths: [16, 24],
            sample_rates_khz: [16, 44.1],
            channels: 2,
            batch_size: 3,
          },
        },
      },
    },
  ],
  [
    "--video-width 64 --video-height 48 --video-duration 1.5 --video-fps 8 --video-synth-type grid_clock --video-format mp4 --video-codec libx264 --video-batch-size 1 --video-audio-num-channels 2 --video-audio-sample-rate 44.1 --video-audio-depth 24 --video-audio-codec aac",
    {
      dataset: {
        synthetic: {
          video: {
            width: 64,
            height: 48,
            duration_sec: 1.5,
            fps: 8,
            synth_type: "grid_clock",
            format: "mp4",
            codec: "libx264",
            batch_size: 1,
            audio_channels: 2,
            audio_sample_rate_hz: 44_100,
            audio_depth: 24,
            audio_codec: "aac",
          },
        },
      },
    },
  ],
  [
    "--rankings-passages-mean 5 --rankings-passages-stddev 2 --rankings-passages-prompt-token-mean 100 --rankings-passages-prompt-token-stddev 9 --rankings-query-prompt-token-mean 20 --rankings-query-prompt-token-stddev 1",
    {
      dataset: {
        synthetic: {
          rankings: {
            passages: { mean: 5, stddev: 2 },
            passage_tokens: { mean: 100, stddev: 9 },
            query_tokens: { mean: 20, stddev: 1 },
          },
        },
      },
    },
  ],
  ["--reasoning-tags open", { endpoint: { reasoning_tags: "open" } }],
  ["--slice-duration 0.5", { output: { slice_sec: 0.5 } }],
  ["--stall-threshold 200", { output: { stall_ms: 200 } }],
  ["--check-usage", { tokenizer: { check_usage: true } }],
  ["--network-latency-mean 2.5", { output: { network_latency_ms: 2.5 } }],
  [
    "--network-latency-automatic --network-latency-ping-interval 0.5",
    { output: { measure_network_latency: true, network_latency_ping_interval_sec: 0.5 } },
  ],
  ["--use-legacy-max-tokens", { endpoint: { use_legacy_max_tokens: true } }],
  ["--workers-max 2", { workers: { max_workers: 2 } }],
  ["--max-workers 2", { workers: { max_workers: 2 } }],
  ["--workers-per-host 3", { workers: { workers_per_host: 3 } }],
  ["--hosts h1,h2 --hosts h3", { workers: { hosts: ["h1", "h2", "h3"] } }],
  ["--host-labels zone=a,gpu= --host-labels net=10g", { workers: { host_labels: { zone: "a", gpu: "", net: "10g" } } }],
  ["--gpu-telemetry a:9400/metrics,http://b", { telemetry: { dcgm_urls: ["http://a:9400/metrics", "http://b"] } }],
  ["--no-gpu-telemetry", { telemetry: { disable_gpu: true } }],
  ["--gpu-telemetry nvidia-smi", { telemetry: { dcgm_urls: ["nvidia-smi"] } }],
  [
    "--gpu-telemetry my.csv --gpu-telemetry h:9400,nvidia-smi",
    { telemetry: { gpu_metrics_csv: "my.csv", dcgm_urls: ["http://h:9400", "nvidia-smi"] } },
  ],
  ["--no-server-metrics", { telemetry: { disable_server_metrics: true } }],
  ["--server-metrics", {}],
  ["--server-metrics a:8000/metrics,http://b", { telemetry: { server_metrics_urls: ["http://a:8000/metrics", "http://b"] } }],
  ["--server-metrics-formats jsonl,parquet", { telemetry: { server_metrics_formats: ["jsonl", "parquet"] } }],
  ["--telemetry-interval 50", { telemetry: { interval_ms: 50 } }],
  ["--telemetry-header Authorization:k", { telemetry: { headers: { Authorization: "k" } } }],
  ["--max_workers=2", { workers: { max_workers: 2 } }],
  [
    "--no_gpu_telemetry --model_selection_strategy random",
    { telemetry: { disable_gpu: true }, model_selection: "MODEL_SELECTION_RANDOM" },
  ],
  ["--log-level WARNING", {}],
  ["--artifact-dir /x/y", { output: { artifact_dir: "/x/y" } }],
  ["--ui none --json --quiet -vv --log-level INFO --log-file l", {}],
  ["--controller [::1]:5000 --token-file t", {}],
];

describe("the run that a command line describes", () => {
  for (const [line, change] of lines) {
    it(`is as said for: -m m ${line}`, () => {
      expect(specOf(`-m m ${line}`.trim())).to.deep.equal({ models: ["m"], phases: tenOneByOne, ...change });
    });

    it(`is a RunSpec for: -m m ${line}`, () => {
      expect(fromJson(RunSpecSchema, specOf(`-m m ${line}`.trim())).models).to.deep.equal(["m"]);
    });
  }

  it("has every model that is named, in any way", () => {
    expect(specOf("-m a,b --model c --model-names d e").models).to.deep.equal(["a", "b", "c", "d", "e"]);
  });

  it("takes everything from the line and the rest from --mock", () => {
    const spec = runSpecJson(withMock(parse("--mock --osl 5 -m x --no-streaming").options, "http://127.0.0.1:7"));
    expect(spec).to.deep.equal({
      models: ["x"],
      target: { urls: [{ url: "http://127.0.0.1:7" }], no_probe: true },
      endpoint: { streaming: false },
      dataset: { synthetic: { input_tokens: { mean: 128 }, output_tokens: { mean: 5 } } },
      phases: [profiling({ concurrency: { limit: 8 } }, { request_count: "100" })],
    });
  });

  it("asks the built-in server for streams where the endpoint is chat, and leaves others as they are", () => {
    const streamingOf = (line: string, file = {}) => withMock(parse(line).options, "http://h", file).streaming;
    expect(streamingOf("--mock")).to.equal(true);
    expect(streamingOf("--mock --endpoint-type chat")).to.equal(true);
    expect(streamingOf("--mock --endpoint-type embeddings")).to.equal(undefined);
    expect(streamingOf("--mock --endpoint-type responses --streaming")).to.equal(true);
    expect(streamingOf("--mock", { endpoint: { type: "nim_rankings" } })).to.equal(undefined);
  });

  it("waits for the built-in server where the line says so, and else does not ask whether it is there", () => {
    const { target } = runSpecJson(withMock(parse("--mock --wait-for-model-timeout 5").options, "http://h"));
    expect(target).to.deep.equal({ urls: [{ url: "http://h" }], wait_for_model: { timeout_sec: 5 } });
  });

  it("leaves load and stop of --mock away where the line says its own", () => {
    const spec = runSpecJson(withMock(parse("--mock --request-rate 9 --benchmark-duration 2").options, "http://h"));
    expect(spec.phases).to.deep.equal([profiling({ rate: { rate_per_sec: 9 } }, { duration_sec: 2 })]);
  });

  it("leaves the input length of --mock to a file", () => {
    const spec = runSpecJson(withMock(parse("--mock --input-file p.jsonl").options, "http://h"));
    expect(spec.dataset).to.deep.equal({ file: { path: "p.jsonl", output_tokens: { mean: 32 } } });
  });

  it("is one that the controller accepts, for --mock alone", () => {
    const spec = runSpecJson(withMock(parse("--mock").options, "http://127.0.0.1:7"));
    expect(compileRunSpec(fromJson(RunSpecSchema, spec), () => 1n).spec.name).to.equal("mock-model-openai-chat-concurrency8");
  });
});

describe("options over a file", () => {
  const file: JsonObject = {
    models: ["f"],
    target: { headers: { A: "1", B: "2" }, idle_timeout_sec: 3 },
    phases: [
      { name: "warmup", kind: "PHASE_KIND_WARMUP", concurrency: { limit: 2 }, stop: { request_count: "4" } },
      profiling({ concurrency: { limit: 2 } }, { duration_sec: 9 }, { grace_sec: 1 }),
    ],
  };
  const over = (line: string): JsonObject => runSpecJson(parse(line).options, file);
  const phasesOver = (line: string): readonly JsonObject[] => over(line).phases as JsonObject[];

  it("leave what they do not name, and the file as it was", () => {
    const before = structuredClone(file);
    expect(over("")).to.deep.equal(file);
    expect(over("-m x -H B:3 --header C:4")).to.deep.equal({
      ...file,
      models: ["x"],
      target: { headers: { A: "1", B: "3", C: "4" }, idle_timeout_sec: 3 },
    });
    expect(file).to.deep.equal(before);
  });

  it("take back what a file asks for by a switch that has no opposite, and say nothing of it where there is no file", () => {
    for (const { flag, kind, paths: [path = ""] = [] as readonly string[] } of Object.values<Flag>(runFlags)) {
      if (kind.is !== "switch" || kind.negation !== undefined || path === "" || path.startsWith("phases.")) continue;
      const [owner = "", name = "", inner] = path.split(".");
      const asked = { [owner]: { other: 1, [name]: inner === undefined ? true : { [inner]: true, more: 2 } } };
      const left = { [owner]: { other: 1, ...(inner === undefined ? {} : { [name]: { more: 2 } }) } };
      const { options } = parse(`${flag}=false`);
      expect(runSpecJson(options, asked), flag).to.deep.include(left);
      expect(runSpecJson(options), flag).to.deep.equal(runSpecJson({}));
    }
    const cache = { target: { reset_kv_cache_path: "/flush", transport: "TRANSPORT_KIND_HTTP2" } };
    expect(runSpecJson(parse("--reset-kv-cache=false --http2=false").options, cache).target).to.deep.equal({});
    const seamless = { phases: [profiling(oneAtOnce, {}, { is_seamless: true })] };
    expect(runSpecJson(parse("--seamless=false").options, seamless).phases).to.deep.equal([profiling(oneAtOnce, {})]);
  });

  it("change load and stop of measured phases alone", () => {
    expect(phasesOver("--concurrency 5 --request-count 7")).to.deep.equal([
      (file.phases as JsonObject[])[0],
      profiling({ concurrency: { limit: 5 } }, { duration_sec: 9, request_count: "7" }, { grace_sec: 1 }),
    ]);
  });

  it("say what is counted, of a measured phase's concurrency or ceiling", () => {
    const [, measured] = phasesOver("--concurrency 3 --concurrency-unit request");
    expect(measured?.concurrency).to.deep.equal({ limit: 3, unit: "CONCURRENCY_UNIT_REQUEST" });
    const rated = { phases: [profiling({ rate: { rate_per_sec: 5 } }, {})] };
    const [under] = runSpecJson(parse("--concurrency 3 --concurrency-unit request").options, rated).phases as JsonObject[];
    expect(under?.rate).to.deep.equal({
      rate_per_sec: 5,
      concurrency_ceiling: 3,
      ceiling_unit: "CONCURRENCY_UNIT_REQUEST",
    });
  });

  it("put one count in the place of another", () => {
    const counted = { phases: [profiling(oneAtOnce, { request_count: "5", duration_sec: 9 })] };
    const [phase] = runSpecJson(parse("--num-sessions 3").options, counted).phases as JsonObject[];
    expect(phase?.stop).to.deep.equal({ session_count: "3", duration_sec: 9 });
  });

  it("give up requests of measured phases alone", () => {
    expect(phasesOver("--request-cancellation-rate 10").map(({ cancellation }) => cancellation)).to.deep.equal([
      undefined,
      { share: 0.1 },
    ]);
  });

  it("put a rate in the place of another load, and bound a rate that is there", () => {
    expect(phasesOver("--request-rate 5")[1]).to.deep.equal(
      profiling({ rate: { rate_per_sec: 5 } }, { duration_sec: 9 }, { grace_sec: 1 }),
    );
    const rated = { phases: [profiling({ rate: { rate_per_sec: 5 } }, { duration_sec: 9 })] };
    expect(runSpecJson(parse("--concurrency 3 --arrival-pattern constant").options, rated).phases).to.deep.equal([
      profiling({ rate: { rate_per_sec: 5, concurrency_ceiling: 3, pattern: "ARRIVAL_PATTERN_CONSTANT" } }, { duration_sec: 9 }),
    ]);
  });

  it("put one way to tell a rate in the place of another", () => {
    const rated = {
      phases: [profiling({ rate: { rate_per_sec: 5, pattern: "ARRIVAL_PATTERN_CONSTANT" } }, { duration_sec: 9 })],
    };
    const phases = (line: string) => runSpecJson({ ...parse(line).options, ratePoints: [{ at_sec: 0 }] }, rated).phases;
    expect(phases("--request-rate-series f")).to.deep.equal([
      profiling({ rate: { pattern: "ARRIVAL_PATTERN_CONSTANT", series: [{ at_sec: 0 }] } }, { duration_sec: 9 }),
    ]);
    const { options } = parse("--burst-size 2 --burst-interval 1");
    expect(runSpecJson(options, rated).phases).to.deep.equal([
      profiling({ rate: { bursts: { size: 2, interval_sec: 1 } } }, { duration_sec: 9 }),
    ]);
  });

  it("put a warm-up in the place of the file's, under the load that is measured", () => {
    expect(phasesOver("--warmup-request-count 1")[0]).to.deep.equal({
      name: "warmup",
      kind: "PHASE_KIND_WARMUP",
      concurrency: { limit: 2 },
      stop: { request_count: "1" },
    });
    expect(phasesOver("--warmup-request-count 1")).to.have.length(2);
  });

  it("let a file win over what --mock stands for", () => {
    const { options } = parse("--mock");
    const spec = runSpecJson(withMock(options, "http://h", file), file);
    expect(spec).to.deep.include({ models: ["f"], phases: file.phases, endpoint: { streaming: true } });
    expect(spec.target).to.deep.include({ urls: [{ url: "http://h" }], idle_timeout_sec: 3 });
  });

  const datasets: readonly (readonly [file: JsonObject, line: string, expected: JsonObject])[] = [
    [{ synthetic: { corpus: "prose" }, entries: 5 }, "--input-file p", { file: { path: "p" }, entries: 5 }],
    [{ dataset_id: "d" }, "--input-file p --osl 9", { file: { path: "p", output_tokens: { mean: 9 } } }],
    [{ file: { path: "f", on_bad_row: "skip" } }, "--input-file p", { file: { path: "p", on_bad_row: "skip" } }],
    [{ file: { path: "f" } }, "--osl 9", { file: { path: "f", output_tokens: { mean: 9 } } }],
    [{ file: { path: "f" } }, "--on-bad-row skip", { file: { path: "f", on_bad_row: "skip" } }],
    [{ file: { path: "f" } }, "--isl 9 --osl 3", { synthetic: { input_tokens: { mean: 9 }, output_tokens: { mean: 3 } } }],
    [{ file: { path: "f" } }, "--num-prompts 3", { file: { path: "f" }, entries: 3 }],
    [{ file: { path: "f" } }, "--image-batch-size 2", { file: { path: "f", image_batch_size: 2 } }],
    [
      { synthetic: { images: { format: "jpeg" } } },
      "--image-batch-size 2",
      { synthetic: { images: { format: "jpeg", batch_size: 2 } } },
    ],
    [{ file: { path: "f" } }, "--rankings-passages-mean 2", { synthetic: { rankings: { passages: { mean: 2 } } } }],
    [{ dataset_id: "d" }, "", { dataset_id: "d" }],
  ];
  for (const [dataset, line, expected] of datasets) {
    it(`leave one source of prompts: ${line} over ${JSON.stringify(dataset)}`, () => {
      const { options } = parse(line);
      const spec = runSpecJson(options, { models: ["f"], dataset });
      expect(spec.dataset).to.deep.equal(expected);
      expect(fromJson(RunSpecSchema, spec).dataset?.source.case).to.not.equal(undefined);
    });
  }

  it("win over variables that they exclude", () => {
    const options = { urls: ["http://env"], mock: true };
    const origins = new Map([
      ["urls", "environment"],
      ["mock", "argument"],
    ] as const);
    const left = withoutOverruled({ options, origins });
    expect(left.options).to.deep.equal({ mock: true });
    expect(conflictsOf(left, false)).to.deep.equal([]);
  });
});

/** A command line beside `-m m`, and all that is said about it. */
const wrong: readonly (readonly [line: string, problems: readonly string[]])[] = [
  ["--concurrency 0", ["--concurrency 0: expected an integer from 1 to 4294967295"]],
  ["--concurrency 1.5", ["--concurrency 1.5: expected an integer from 1 to 4294967295"]],
  ["--concurrency", ["--concurrency: needs a value (N)"]],
  ["--concurrency --streaming", ["--concurrency: needs a value (N)"]],
  ["--concurrency=", ["--concurrency : expected an integer from 1 to 4294967295"]],
  [
    "--concurrency 1,2,4",
    [
      "--concurrency 1,2,4: expected an integer from 1 to 4294967295, one alone: a list of values (a sweep) is not supported by this version",
    ],
  ],
  [
    "--request-rate 1,2",
    ["--request-rate 1,2: expected a number above 0, one alone: a list of values (a sweep) is not supported by this version"],
  ],
  ["--request-rate 0", ["--request-rate 0: expected a number above 0"]],
  ["--request-rate inf", ["--request-rate inf: expected a number above 0"]],
  ["--request-rate 1 --arrival-pattern even", ["--arrival-pattern even: expected constant, poisson, gamma or concurrency_burst"]],
  ["--request-rate 1 --arrival-smoothness 2", ["--arrival-smoothness 2: needs --arrival-pattern gamma beside it"]],
  ["--request-rate 1 --overload drop", ["--overload drop: needs --concurrency beside it"]],
  ["--concurrency 1 --overload drop", ["--overload drop: needs --request-rate beside it"]],
  ["--image-width-mean 0 --image-height-mean 1", ["--image-width-mean 0: expected a number from 1 to 16384"]],
  ["--image-width-mean 9", ["--image-width-mean 9: needs --image-height-mean beside it"]],
  ["--image-format png", ["--image-format png: needs --image-width-mean beside it"]],
  ["--image-batch-size 2", ["--image-batch-size 2: needs --image-width-mean beside it"]],
  ["--audio-length-mean 1 --audio-format ogg", ["--audio-format ogg: expected wav or mp3"]],
  ["--video-width 9", ["--video-width 9: needs --video-height beside it"]],
  ["--audio-length-mean 1 --input-file p", ["--input-file p: not together with --audio-length-mean"]],
  ["--hf-weka-dataset a/b --public-dataset aimo", ["--hf-weka-dataset a/b: not together with --public-dataset"]],
  ["--rankings-passages-mean 2 --public-dataset aimo", ["--public-dataset aimo: not together with --rankings-passages-mean"]],
  ["--seamless", ["--seamless: needs --warmup-request-count, --num-warmup-sessions or --warmup-duration beside it"]],
  [
    "--warmup-request-rate-ramp-duration 2",
    ["--warmup-request-rate-ramp-duration 2: needs --warmup-request-count, --num-warmup-sessions or --warmup-duration beside it"],
  ],
  ["--concurrency-ramp-duration 2", ["--concurrency-ramp-duration 2: needs --concurrency beside it"]],
  ["--prefill-concurrency-ramp-duration 2", ["--prefill-concurrency-ramp-duration 2: needs --prefill-concurrency beside it"]],
  ["--request-rate-ramp-duration 2", ["--request-rate-ramp-duration 2: needs --request-rate beside it"]],
  ["--burst-size 2", ["--burst-size 2: needs --burst-interval beside it"]],
  ["--burst-interval 2", ["--burst-interval 2: needs --burst-size beside it"]],
  ["--request-rate 1 --request-rate-series f", ["--request-rate 1: not together with --request-rate-series"]],
  ["--request-rate 1 --burst-size 2 --burst-interval 1", ["--request-rate 1: not together with --burst-size"]],
  ["--arrival-pattern poisson --burst-size 2 --burst-interval 1", ["--arrival-pattern poisson: not together with --burst-size"]],
  [
    "--arrival-pattern concurrency_burst --request-rate 3",
    ["--arrival-pattern concurrency_burst: not together with --request-rate"],
  ],
  ["--arrival-pattern constant", ["--arrival-pattern constant: needs --request-rate beside it"]],
  [
    "--warmup-request-count 1 --warmup-arrival-pattern constant",
    ["--warmup-arrival-pattern constant: needs --warmup-request-rate or --request-rate beside it"],
  ],
  ["--warmup-request-count 1 --warmup-arrival-pattern constant --warmup-request-rate 1", []],
  ["--warmup-request-count 1 --warmup-arrival-pattern constant --request-rate 1", []],
  ["--num-requests 0", ["--num-requests 0: expected an integer of at least 1"]],
  ["--request-count 99999999999999999", ["--request-count 99999999999999999: expected an integer of at least 1"]],
  ["--benchmark-duration -1", ["--benchmark-duration -1: expected a number above 0"]],
  ["--benchmark-duration 30s", ["--benchmark-duration 30s: expected a number above 0"]],
  ["--benchmark-grace-period 5", ["--benchmark-grace-period 5: needs --benchmark-duration beside it"]],
  ["--warmup-request-count 0", ["--warmup-request-count 0: expected an integer of at least 1"]],
  ["--isl 0", ["--isl 0: expected a number from 1 to 10000000"]],
  ["--isl-stddev 5", ["--isl-stddev 5: needs --isl beside it"]],
  ["--conversation-turn-stddev 1", ["--conversation-turn-stddev 1: needs --conversation-turn-mean beside it"]],
  ["--conversation-turn-delay-stddev 1", ["--conversation-turn-delay-stddev 1: needs --conversation-turn-delay-mean beside it"]],
  ["--conversation-turn-mean 0", ["--conversation-turn-mean 0: expected a number from 1 to 10000"]],
  ["--input-file p --conversation-turn-mean 2", ["--input-file p: not together with --conversation-turn-mean"]],
  ["--input-file p --conversation-turn-delay-mean 2", ["--input-file p: not together with --conversation-turn-delay-mean"]],
  [
    "--input-file p --use-think-time-only --ignore-trace-delays",
    ["--use-think-time-only: not together with --ignore-trace-delays"],
  ],
  [
    "--input-file p --trace-idle-gap-cap-seconds 1 --inter-turn-delay-cap-seconds 2",
    ["--trace-idle-gap-cap-seconds 1: not together with --inter-turn-delay-cap-seconds"],
  ],
  ["--fixed-schedule", ["--fixed-schedule: needs --input-file beside it"]],
  ["--fixed-schedule --input-file p --request-rate 2", ["--fixed-schedule: not together with --request-rate"]],
  [
    "--fixed-schedule --input-file p --dataset-sampling-strategy random",
    ["--fixed-schedule: not together with --dataset-sampling-strategy"],
  ],
  ["--input-file p --fixed-schedule-start-offset 5", ["--fixed-schedule-start-offset 5: needs --fixed-schedule beside it"]],
  [
    "--fixed-schedule --input-file p --fixed-schedule-auto-offset --fixed-schedule-start-offset 5",
    ["--fixed-schedule-auto-offset: not together with --fixed-schedule-start-offset"],
  ],
  ["--replay-speedup 2", ["--replay-speedup 2: needs --input-file beside it"]],
  ["--user-centric-rate 2", ["--user-centric-rate 2: needs --num-users beside it"]],
  ["--num-users 2", ["--num-users 2: needs --user-centric-rate beside it"]],
  ["--user-centric-rate 2 --num-users 2 --request-rate 3", ["--user-centric-rate 2: not together with --request-rate"]],
  ["--osl-stddev 5", ["--osl-stddev 5: needs --osl beside it"]],
  ["--isl 9 --isl-stddev -2", ["--isl-stddev -2: expected a number of at least 0"]],
  ["--random-seed 18446744073709551616", ["--random-seed 18446744073709551616: expected an integer from 0 to 2^64 − 1"]],
  [
    "--goodput request_latency",
    ["--goodput request_latency: expected tag:value of a metric, or several with spaces between them"],
  ],
  [
    "--slo ttft<1",
    [
      "--slo ttft<1: expected bounds as 'ttft:p99 < 500ms; error_rate < 1%': expected a statistic of ttft, as :p99 or :avg\n    ttft<1\n        ^",
    ],
  ],
  ["--random-seed -1", ["--random-seed -1: expected an integer from 0 to 2^64 − 1"]],
  ["--workers-max 0", ["--workers-max 0: expected an integer from 1 to 1024"]],
  ["-u ftp://x", ["-u ftp://x: expected an http or https URL, grpc://HOST:PORT, grpcs://HOST:PORT, or unix:/PATH of a socket"]],
  ["-u http://", ["-u http://: expected an http or https URL, grpc://HOST:PORT, grpcs://HOST:PORT, or unix:/PATH of a socket"]],
  ["-m a,,b", ["-m a,,b: expected a name, or several with commas between them"]],
  ["-u unix:x", ["-u unix:x: expected an http or https URL, grpc://HOST:PORT, grpcs://HOST:PORT, or unix:/PATH of a socket"]],
  ["--gpu-telemetry unix:/x", ["--gpu-telemetry unix:/x: expected an http or https URL, nvidia-smi, .csv"]],
  ["--gpu-telemetry pynvml://", ["--gpu-telemetry pynvml://: expected an http or https URL, nvidia-smi, .csv"]],
  ["--server-metrics unix:/x", ["--server-metrics unix:/x: expected an http or https URL"]],
  [
    "--server-metrics-formats yaml",
    ["--server-metrics-formats yaml: expected json, csv, jsonl or parquet, or several with commas between them"],
  ],
  ["--telemetry-interval 49", ["--telemetry-interval 49: expected a number from 50 to 3600000"]],
  ["--server-metrics a --no-server-metrics", ["--server-metrics: not together with --no-server-metrics"]],
  ["--gpu-telemetry a --no-gpu-telemetry", ["--gpu-telemetry: not together with --no-gpu-telemetry"]],
  ["--header nothing", ["--header: expected Name:Value, or a JSON object of texts"]],
  ["--header secret", ["--header: expected Name:Value, or a JSON object of texts"]],
  ['--header {"A":1}', ["--header: expected Name:Value, or a JSON object of texts"]],
  ["--extra-inputs a", ["--extra-inputs a: expected key:value, or a JSON object"]],
  ["--extra-inputs {a", ["--extra-inputs {a: expected key:value, or a JSON object"]],
  ["--ui dashboard", ["--ui dashboard: expected none or simple"]],
  ["--log-level loud", ["--log-level loud: expected debug, info, warn or error"]],
  ["--controller nowhere", ["--controller nowhere: expected HOST:PORT"]],
  ["--controller h:99999", ["--controller h:99999: expected HOST:PORT"]],
  ["--token-file t", ["--token-file t: needs --controller beside it"]],
  ["--log-file l --controller h:1", ["--log-file l: not together with --controller"]],
  ["--input-file", ["--input-file: needs a value (FILE)"]],
  ["--input-file p --isl 5", ["--input-file p: not together with --isl"]],
  ["--custom-dataset-type single_turn", ["--custom-dataset-type single_turn: needs --input-file beside it"]],
  ["--on-bad-row skip", ["--on-bad-row skip: needs --input-file beside it"]],
  ["--on-bad-row x --input-file p", ["--on-bad-row x: expected fail or skip"]],
  ["--dataset-sampling-strategy x", ["--dataset-sampling-strategy x: expected sequential, random, shuffle or weighted"]],
  ["--model-selection-strategy best", ["--model-selection-strategy best: expected round_robin, random or weighted"]],
  ["--url-weights 1,2", ["--url-weights: needs --url-strategy beside it"]],
  ["--url-strategy best", ["--url-strategy best: expected round_robin, least_loaded, weighted or session"]],
  ["--model-weights 1,2", ["--model-weights: needs --model-selection-strategy beside it"]],
  [
    "--model-weights 1,x --model-selection-strategy weighted",
    ["--model-weights 1,x: expected a number of at least 0, or several with commas between them"],
  ],
  ["--mock -u a", ["--mock: not together with --url"]],
  ["--streaming=yes", ["--streaming=yes: expected true, 1, false or 0, or --streaming alone"]],
  ["--concurency 5", ["--concurency: unknown option, did you mean --concurrency?"]],
  ["--xyzzy 5 6", ["--xyzzy: unknown option"]],
  ["--request_rte 5", ["--request_rte: unknown option, did you mean --request-rate?"]],
  ["--gpu-telemetry pynvml", ["--gpu-telemetry pynvml: expected an http or https URL: pynvml, amdsmi or dashboard is not there"]],
  ["stray", ["stray: unexpected argument"]],
  [
    "--isl x --quantiles --osl 0 --request-rte 3 --arrival-pattern constant",
    [
      "--isl x: expected a number from 1 to 10000000",
      "--quantiles: unknown option",
      "--osl 0: expected a number from 1 to 10000000",
      "--request-rte: unknown option, did you mean --request-rate?",
    ],
  ],
  ["--request-count 5 --num-sessions 5", ["--request-count 5: not together with --num-sessions"]],
  ["--warmup-request-count 5 --num-warmup-sessions 5", ["--warmup-request-count 5: not together with --num-warmup-sessions"]],
  [
    "--warmup-concurrency 5",
    ["--warmup-concurrency 5: needs --warmup-request-count, --num-warmup-sessions or --warmup-duration beside it"],
  ],
  [
    "--benchmark-duration 5 --benchmark-grace-period soon",
    ["--benchmark-grace-period soon: expected a number of at least 0, or inf"],
  ],
];

describe("a command line that is wrong", () => {
  for (const [line, problems] of wrong) {
    it(`is told all that is wrong with: ${line}`, () => {
      const separator = line === "stray" ? `${line} -m m` : `-m m ${line}`;
      expect(parse(separator).problems).to.deep.equal(problems);
    });
  }

  it("lacks a model", () => {
    expect(parse("--concurrency 0").problems).to.deep.equal([
      "--concurrency 0: expected an integer from 1 to 4294967295",
      "--model: expected the name of the model to ask for",
    ]);
  });

  it("never throws, whatever it is", () => {
    const spellings = Object.values(runFlags).flatMap((flag) => [flag.flag, ...("aliases" in flag ? flag.aliases : [])]);
    const word = fc.oneof(fc.constantFrom(...spellings), fc.string(), fc.constantFrom("1", "-1", "a:b", "{}", "=", "--", "a,b"));
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (argv) => {
        const { options, given, problems } = parseFlags(runFlags, argv);
        // Where nothing is wrong the spec is one that protobuf reads.
        if (problems.length + conflictsOf(givenBy({ options, given }), false).length > 0) return;
        fromJson(RunSpecSchema, runSpecJson(options));
      }),
      { numRuns: 300 },
    );
  });
});

describe("a complaint of the controller", () => {
  const sources = {
    given: parse("-m m --concurrency 8 --request-rate 5 --api-key sk-1 --proxy http://me:s3cret@p -u http://h"),
    settingPaths: [],
  };

  for (const [field, line] of [
    ["phases[0].rate.concurrency_ceiling", "--concurrency 8: is wrong (phases[0].rate.concurrency_ceiling)"],
    ["phases[1].concurrency.limit", "--concurrency 8: is wrong (phases[1].concurrency.limit)"],
    ["phases[0].rate.rate_per_sec", "--request-rate 5: is wrong (phases[0].rate.rate_per_sec)"],
    ["target.urls[0].url", "--url: is wrong (target.urls[0].url)"],
    ["target.proxy_url", "--proxy: is wrong (target.proxy_url)"],
    ["target.proxy_ca_pem", "--proxy-ca: is wrong (target.proxy_ca_pem)"],
    ["target.api_key", "--api-key: is wrong (target.api_key)"],
    ["endpoint.type", "--endpoint-type: is wrong (endpoint.type)"],
    ["dataset.synthetic.input_tokens.mean", "--isl: is wrong (dataset.synthetic.input_tokens.mean)"],
    ["phases[0].stop", "phases[0].stop: is wrong"],
    ["", "is wrong"],
  ] as const) {
    it(`about ${field === "" ? "nothing in particular" : field} names the flag, where one makes it`, () => {
      expect(complaintLine({ field, description: "is wrong" }, sources)).to.equal(line);
    });
  }

  it("names the flag for the very field before that for the list which holds it", () => {
    const { options } = parse("-m m -u a -u b --url-strategy weighted --url-weights 1,2");
    const given = { options, origins: new Map() };
    const lineOf = (field: string) => complaintLine({ field, description: "is wrong" }, { given, settingPaths: [] });
    expect(lineOf("target.urls[1].weight")).to.equal("--url-weights: is wrong (target.urls[1].weight)");
    expect(lineOf("target.urls[1].label")).to.equal("--url: is wrong (target.urls[1].label)");
  });

  it("names the variable, the setting or the place in the file that the value came from", () => {
    const complaint = { field: "phases[0].concurrency.limit", description: "is wrong" };
    const given = { options: { concurrency: 8 }, origins: new Map([["concurrency", "environment"] as const]) };
    const file = {
      name: "r.yaml",
      places: new Map([["phases[0].concurrency", "3:5"]]),
      phases: [{ kind: "PHASE_KIND_PROFILING" }],
    };
    expect(complaintLine(complaint, { given, file, settingPaths: [] })).to.equal(
      "ASSAY_CONCURRENCY=8: is wrong (phases[0].concurrency.limit)",
    );
    const none = { options: {}, origins: new Map() };
    expect(complaintLine(complaint, { given: none, file, settingPaths: [] })).to.equal(
      "r.yaml:3:5: phases[0].concurrency.limit: is wrong",
    );
    const settings = { options: { settings: ["models=[a]", "phases.0.concurrency.limit=0"] }, origins: new Map() };
    expect(complaintLine(complaint, { given: settings, file, settingPaths: ["models", "phases[0].concurrency.limit"] })).to.equal(
      "--set phases.0.concurrency.limit=0: is wrong (phases[0].concurrency.limit)",
    );
    const secret = { options: { settings: ["target.api_key=sk-1"] }, origins: new Map() };
    const complaintOfSecret = complaintLine(
      { field: "target.api_key", description: "is wrong" },
      { given: secret, settingPaths: ["target.api_key"] },
    );
    expect(complaintOfSecret).to.equal("--set target.api_key=***: is wrong (target.api_key)");
  });

  it("is about the warm-up's flag where that alone was given", () => {
    const given = parse("-m m --warmup-duration 2 --warmup-prefill-concurrency 9");
    const complaint = { field: "phases[0].prefill_concurrency", description: "is wrong" };
    expect(complaintLine(complaint, { given, settingPaths: [] })).to.equal(
      "--warmup-prefill-concurrency 9: is wrong (phases[0].prefill_concurrency)",
    );
  });

  const twins =
    "-m m --warmup-request-count 4 --warmup-concurrency 2 --warmup-prefill-concurrency 9 --warmup-request-rate 3 " +
    "--warmup-arrival-pattern constant --warmup-grace-period 1 --concurrency 8 --prefill-concurrency 7 --request-rate 5 " +
    "--arrival-pattern gamma --benchmark-grace-period 6 --benchmark-duration 10 --request-count 20";
  for (const [field, warmUp, measured] of [
    ["prefill_concurrency", "--warmup-prefill-concurrency 9", "--prefill-concurrency 7"],
    ["rate.concurrency_ceiling", "--warmup-concurrency 2", "--concurrency 8"],
    ["rate.rate_per_sec", "--warmup-request-rate 3", "--request-rate 5"],
    ["rate.pattern", "--warmup-arrival-pattern constant", "--arrival-pattern gamma"],
    ["stop.request_count", "--warmup-request-count 4", "--request-count 20"],
    ["grace_sec", "--warmup-grace-period 1", "--benchmark-grace-period 6"],
  ] as const) {
    it(`about ${field} names of an option and its twin of the warm-up the one whose phase it is`, () => {
      const lineOf = (at: string) =>
        complaintLine({ field: at, description: "is wrong" }, { given: parse(twins), settingPaths: [] });
      expect(lineOf(`phases[0].${field}`)).to.equal(`${warmUp}: is wrong (phases[0].${field})`);
      expect(lineOf(`phases[1].${field}`)).to.equal(`${measured}: is wrong (phases[1].${field})`);
    });
  }

  it("names the option of the measured phase where the warm-up has its load", () => {
    const given = parse("-m m --warmup-request-count 4 --concurrency 8");
    expect(
      complaintLine({ field: "phases[0].concurrency.limit", description: "is wrong" }, { given, settingPaths: [] }),
    ).to.equal("--concurrency 8: is wrong (phases[0].concurrency.limit)");
  });

  it("finds a phase of the file where a warm-up is put before it, and blames no option for one that options leave alone", () => {
    const phases = [
      { name: "warmup", kind: "PHASE_KIND_WARMUP" },
      { name: "soak", kind: "PHASE_KIND_WARMUP" },
      { name: "steady", kind: "PHASE_KIND_PROFILING" },
    ];
    const places = new Map([
      ["phases[0].concurrency.limit", "3:5"],
      ["phases[1].concurrency.limit", "4:5"],
      ["phases[2].concurrency.limit", "5:5"],
    ]);
    const lineOf = (argv: string, at: number): string => {
      const sources = { given: parse(`-m m ${argv}`), file: { name: "r.yaml", places, phases }, settingPaths: [] };
      return complaintLine({ field: `phases[${at}].concurrency.limit`, description: "is wrong" }, sources);
    };
    expect(lineOf("--concurrency 8", 1)).to.equal("r.yaml:4:5: phases[1].concurrency.limit: is wrong");
    expect(lineOf("--concurrency 8", 2)).to.equal("--concurrency 8: is wrong (phases[2].concurrency.limit)");
    expect(lineOf("--warmup-request-count 4", 0)).to.equal("r.yaml:5:5: phases[2].concurrency.limit: is wrong");
    expect(lineOf("--warmup-request-count 4 --warmup-concurrency 2", 0)).to.equal(
      "--warmup-concurrency 2: is wrong (phases[0].concurrency.limit)",
    );
    expect(lineOf("--warmup-request-count 4", 1)).to.equal("r.yaml:4:5: phases[1].concurrency.limit: is wrong");
    expect(lineOf("--warmup-request-count 4", 2)).to.equal("r.yaml:5:5: phases[2].concurrency.limit: is wrong");
  });

  it("about a ramp names the option of its quantity and phase, wherever it stands among the others", () => {
    const argv =
      "-m m --request-rate 9 --concurrency 8 --prefill-concurrency 4 --request-rate-ramp-duration 3 --concurrency-ramp-duration 1 " +
      "--prefill-concurrency-ramp-duration 2 --request-count 9 --warmup-request-count 4 --warmup-request-rate-ramp-duration 7";
    const lineOf = (field: string): string =>
      complaintLine({ field, description: "is wrong" }, { given: parse(argv), settingPaths: [] }).split(":")[0] ?? "";
    const ramps = (phase: number) => [0, 1, 2].map((ramp) => lineOf(`phases[${phase}].ramps[${ramp}].duration_sec`));
    const concurrency = "--concurrency-ramp-duration 1";
    const prefill = "--prefill-concurrency-ramp-duration 2";
    expect(ramps(1)).to.deep.equal([concurrency, prefill, "--request-rate-ramp-duration 3"]);
    expect(ramps(0)).to.deep.equal([concurrency, prefill, "--warmup-request-rate-ramp-duration 7"]);
    expect(lineOf("phases[1].ramps[2]")).to.equal("--request-rate-ramp-duration 3");
  });

  it("finds a ramp of the file where those of options take the places of others", () => {
    const ramps = [{ quantity: "concurrency" }, { quantity: "rate" }, { quantity: "speed" }];
    const phases = [{ name: "steady", kind: "PHASE_KIND_PROFILING", rate: { rate_per_sec: 5 }, ramps }];
    const places = new Map([0, 1, 2].map((ramp) => [`phases[0].ramps[${ramp}].duration_sec`, `${ramp + 3}:5`] as const));
    const lineOf = (ramp: number): string => {
      const sources = {
        given: parse("-m m --concurrency-ramp-duration 4"),
        file: { name: "r.yaml", places, phases },
        settingPaths: [],
      };
      return complaintLine({ field: `phases[0].ramps[${ramp}].duration_sec`, description: "is wrong" }, sources);
    };
    expect(lineOf(0)).to.equal("r.yaml:4:5: phases[0].ramps[1].duration_sec: is wrong");
    expect(lineOf(1)).to.equal("r.yaml:5:5: phases[0].ramps[2].duration_sec: is wrong");
    expect(lineOf(2)).to.equal("--concurrency-ramp-duration 4: is wrong (phases[0].ramps[2].duration_sec)");
  });

  it("finds a flag for every field that a flag fills", () => {
    const everything = parse(
      "-m m -u http://h --endpoint-type x --endpoint y --streaming --api-key k -H A:b --request-timeout-seconds 1 " +
        "--osl 1 --num-prompts 1 --random-seed 1 --extra-inputs a:1 --use-legacy-max-tokens --workers-max 1 --artifact-dir d " +
        "--input-file p --custom-dataset-type single_turn --on-bad-row skip --dataset-sampling-strategy random --tokenizer none " +
        "--use-server-token-count --model-selection-strategy weighted --model-weights 1 --url-strategy weighted --url-weights 1",
    );
    const fields = leavesOf(runSpecJson(everything.options)).filter((field) => !field.startsWith("phases"));
    const orphans = fields.filter(
      (field) => !complaintLine({ field, description: "" }, { given: everything, settingPaths: [] }).startsWith("--"),
    );
    expect(fields).to.have.length.above(14);
    expect(orphans).to.deep.equal([]);
  });
});

function leavesOf(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([name, inner]) =>
    leavesOf(inner, Array.isArray(value) ? `${path}[${name}]` : path === "" ? name : `${path}.${name}`),
  );
}

describe("a command line for files", () => {
  it("shows no secret of a setting", () => {
    const argv = ["--set", "target.api_key=sk-1", "name=x", "--set=target.headers.A=sk-2", "--set", "models=[a]"];
    expect(maskedCommand(runFlags, argv)).to.equal(
      "--set 'target.api_key=***' name=x '--set=target.headers.A=***' --set 'models=[a]'",
    );
    for (const name of ["proxy_url", "proxyUrl"]) {
      expect(maskedSetting(`target.${name}=http://me:s3cret@p:1`)).to.equal(`target.${name}=***`);
    }
  });

  it("shows no secret, however it was given", () => {
    const argv = ["-m", "a b", "--api-key", "sk-1", "-H", "A: sk-2", "B: sk-3", "--header=C:sk-4", "--concurrency", "2"];
    expect(maskedCommand(runFlags, argv)).to.equal("-m 'a b' --api-key *** -H *** *** '--header=***' --concurrency 2");
    expect(maskedCommand(runFlags, ["--api_key", "sk-1", "--api_key=sk-1"])).to.equal("--api_key *** '--api_key=***'");
    expect(maskedCommand(runFlags, ["--proxy", "http://me:s3cret@p"])).to.equal("--proxy ***");
    expect(maskedCommand(runFlags, ["--proxy=http://me:s3cret@p"])).to.equal("'--proxy=***'");
    expect(maskedCommand(runFlags, ["-u", "h?v=1&key=s3cret"])).to.equal("-u 'h?v=1&key=***'");
    expect(maskedCommand(runFlags, ["--url=h?sig=s3cret#a"])).to.equal("'--url=h?sig=***#a'");
    expect(maskedSetting("target.urls=[h?access_token=s3cret]")).to.equal("target.urls=[h?access_token=***]");
  });
});

/** The table's paths are checked by the compiler only as texts: here against the message itself. */
describe("the table of flags", () => {
  it("writes to fields that a RunSpec has", () => {
    const known: MessageInitShape<typeof RunSpecSchema> = {};
    expect(known).to.be.an("object");
    const names = new Set(RunSpecSchema.fields.map(({ name }) => name));
    for (const flag of Object.values(runFlags)) {
      for (const path of "paths" in flag ? flag.paths : []) expect(names).to.include(path.split(".")[0]);
    }
  });

  it("has each spelling once", () => {
    const spellings = Object.values(runFlags).flatMap((flag) => [flag.flag, ...("aliases" in flag ? flag.aliases : [])]);
    expect(new Set(spellings).size).to.equal(spellings.length);
  });
});

describe("the URLs of a run", () => {
  const file = { target: { urls: [{ url: "http://a", label: "one" }, { url: "http://b" }] } };

  it("keep what a file says of them beside the weights of the command line", () => {
    const weighed = [
      { url: "http://a", label: "one", weight: 2 },
      { url: "http://b", weight: 1 },
    ];
    expect(urlsOf({ urlWeights: [2, 1] }, file)).to.deep.equal(weighed);
    expect(urlsOf({ urls: ["http://c"] }, file)).to.deep.equal([{ url: "http://c" }]);
    expect(urlsOf({}, file)).to.equal(undefined);
  });

  it("have a weight each or none", () => {
    expect(weightsProblem({ urlWeights: [2, 1] }, file)).to.equal(undefined);
    expect(weightsProblem({ urls: ["http://c"] }, file)).to.equal(undefined);
    expect(weightsProblem({ urlWeights: [2] }, file)).to.equal("expected a weight for each of the 2 URLs, got 1");
    expect(weightsProblem({ urlWeights: [1, 2], urls: ["http://c"] }, file)).to.contain("of the 1 URLs, got 2");
    expect(weightsProblem({ urlWeights: [1] }, {})).to.contain("of the 0 URLs, got 1");
  });
});
