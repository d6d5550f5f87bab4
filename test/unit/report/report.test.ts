import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { summaryJson } from "../../../clients/cli/summary-json.ts";
import { ErrorSpreadSchema, HostFloorSchema, PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import { RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { Verdict } from "../../../gen/assay/records_manager/v1/record_pb.js";
import { createPaint } from "../../../report/paint.ts";
import { reportLines } from "../../../report/report.ts";
import { widthOf } from "../../../report/text.ts";
import { profilingShape, runOf, summaryOf } from "../clients/summaries.ts";

const paint = createPaint(false);
const written = { folder: "/w/artifacts/r", files: ["profile_export_aiperf.json", "run.db"] };

function lines(options: { run?: object; phase?: object; summary?: object; width?: number } = {}): string[] {
  const summary = summaryOf({ phases: [profilingShape(options.phase)], ...options.summary });
  return reportLines({ run: runOf(options.run), summary, ...written }, { width: options.width ?? 140, paint });
}

describe("the report of a run", () => {
  it("is AIPerf's table and what belongs to it, at 140 columns", () => {
    expect(lines({ phase: { notes: ["5 of 100 answers ended at their length limit"] } })).to.deep.equal([
      "Client valid",
      "",
      "                                                Assay | LLM Metrics",
      "┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━━━┓",
      "┃                               Metric ┃       avg ┃      min ┃      max ┃      p99 ┃      p90 ┃      p50 ┃    std ┃",
      "┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━┩",
      "│             Time to First Token (ms) │     51.23 │    40.99 │    76.85 │    73.78 │    61.48 │    50.21 │   5.12 │",
      "│                 Request Latency (ms) │  1,362.50 │ 1,090.00 │ 2,043.75 │ 1,962.00 │ 1,635.00 │ 1,335.25 │ 136.25 │",
      "│     Output Token Throughput Per User │     99.50 │    79.60 │   149.25 │   143.28 │   119.40 │    97.51 │   9.95 │",
      "│                    (tokens/sec/user) │           │          │          │          │          │          │        │",
      "│ Output Token Throughput (tokens/sec) │ 12,707.75 │      N/A │      N/A │      N/A │      N/A │      N/A │    N/A │",
      "│    Request Throughput (requests/sec) │     22.12 │      N/A │      N/A │      N/A │      N/A │      N/A │    N/A │",
      "└──────────────────────────────────────┴───────────┴──────────┴──────────┴──────────┴──────────┴──────────┴────────┘",
      "",
      "Benchmark Duration: 4.52 sec · Total Output Sequence Length: 3,200 tokens",
      "",
      "Note: 5 of 100 answers ended at their length limit",
      "",
      "Files: /w/artifacts/r: profile_export_aiperf.json, run.db",
    ]);
  });

  it("shows the first wrong answers, and how many could not be checked", () => {
    const wrongAnswers = [{ conversation: 3n, turn: 1, reason: 'is not "Paris"', answer: "Ly\x1b[31mon\n" }];
    const metrics = [{ tag: "incorrect_request_count", header: "Incorrect Request Count", unit: "requests", avg: 1200 }];
    const shown = lines({ phase: { wrongAnswers, unchecked: 2n, metrics } });
    const at = shown.findIndex((line) => line.includes("Wrong Answers"));
    expect(shown[at]?.trim()).to.equal("Wrong Answers (the first 1 of 1,200)");
    expect(shown[at + 4])
      .to.match(/^│ 3\/1 +│ is not "Paris" │ Ly.*on.*│$/)
      .and.not.contain("\x1b");
    expect(shown.join("\n")).to.contain("2 answers could not be checked: they are neither correct nor incorrect");
    const one = lines({ phase: { unchecked: 1n } });
    expect(one.join("\n")).to.contain("1 answer could not be checked: it is neither");
  });

  it("tells of the machine's floor above the files, where it is known", () => {
    const spread = (p50Ms: number, p99Ms: number) => create(ErrorSpreadSchema, { p50Ms, p99Ms });
    const hostFloor = create(HostFloorSchema, {
      ageSec: 7300,
      pacingNormal: spread(0.57, 1.1),
      pacingPrecise: spread(0.004, 0.4),
      stamps: spread(0.04, 0.3),
      requestsPerSec: 41_000,
      chunksPerSec: 130_000,
    });
    const floor =
      "This machine's floor (assay doctor, 2 h before): sends late by 0.57/1.10 ms p50/p99, 0.00/0.40 with precise pacing, chunks " +
      "stamped late by 0.04/0.30, one worker 41,000 requests/s, 130,000 chunks/s";
    const text = lines({ summary: { hostFloor } }).join(" ");
    expect(text).to.contain(` ${floor} Files:`);
    const shared = create(HostFloorSchema, { ...hostFloor, busyCores: 1.5, ageSec: 300 });
    expect(lines({ summary: { hostFloor: shared } }).join(" ")).to.contain(
      "(assay doctor, 5 min before, while others used 1.50 cores)",
    );
  });

  it("drops columns and breaks names at 80 columns", () => {
    expect(lines({ width: 80 })).to.deep.equal([
      "Client valid",
      "",
      "                              Assay | LLM Metrics",
      "┏━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━━━━━┓",
      "┃               Metric ┃       avg ┃      max ┃      p99 ┃      p90 ┃      p50 ┃",
      "┡━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━━┩",
      "│  Time to First Token │     51.23 │    76.85 │    73.78 │    61.48 │    50.21 │",
      "│                 (ms) │           │          │          │          │          │",
      "│ Request Latency (ms) │  1,362.50 │ 2,043.75 │ 1,962.00 │ 1,635.00 │ 1,335.25 │",
      "│         Output Token │     99.50 │   149.25 │   143.28 │   119.40 │    97.51 │",
      "│  Throughput Per User │           │          │          │          │          │",
      "│    (tokens/sec/user) │           │          │          │          │          │",
      "│         Output Token │ 12,707.75 │      N/A │      N/A │      N/A │      N/A │",
      "│           Throughput │           │          │          │          │          │",
      "│         (tokens/sec) │           │          │          │          │          │",
      "│   Request Throughput │     22.12 │      N/A │      N/A │      N/A │      N/A │",
      "│       (requests/sec) │           │          │          │          │          │",
      "└──────────────────────┴───────────┴──────────┴──────────┴──────────┴──────────┘",
      "",
      "Benchmark Duration: 4.52 sec · Total Output Sequence Length: 3,200 tokens",
      "",
      "Files: /w/artifacts/r: profile_export_aiperf.json, run.db",
    ]);
  });

  it("keeps to the width, and counts less than 80 columns as 80", () => {
    for (const width of [80, 90, 100, 120]) for (const line of lines({ width })) expect(widthOf(line)).to.be.at.most(width);
    expect(lines({ width: 10 })).to.deep.equal(lines({ width: 80 }));
  });

  it("says first that the client is not to be believed, and why", () => {
    const verdict = { verdict: Verdict.INVALID, reasons: ["2 records belong to no request", "loop at 0.93"] };
    expect(lines({ summary: { verdict } }).slice(0, 2)).to.deep.equal([
      "Client invalid",
      "These figures are not to be used: 2 records belong to no request; loop at 0.93",
    ]);
    const suspect = { verdict: Verdict.SUSPECT, reasons: ["lateness p99 12 ms"] };
    expect(lines({ summary: { verdict: suspect } }).slice(0, 2)).to.deep.equal([
      "Client suspect",
      "These figures may carry the client's own limits: lateness p99 12 ms",
    ]);
  });

  it("has a table of the requests' steps, in AIPerf's order, where the run asks for it", () => {
    const step = (tag: string, header: string, avg: number) => ({ tag, header, unit: "ms", count: 5n, avg });
    const metrics = [step("http_req_total", "HTTP Total Time", 12), step("http_req_blocked", "HTTP Blocked", 0.5)];
    expect(lines({ phase: { metrics } }).join()).not.to.contain("HTTP");
    const shown = lines({ phase: { metrics }, run: { spec: { output: { showTraceTiming: true } } } });
    const names = shown.filter((line) => line.includes("HTTP")).map((line) => line.replaceAll("│", "").trim().split(/ {2,}/)[0]);
    expect(names).to.deep.equal(["Assay | HTTP Trace", "HTTP Blocked (ms)", "HTTP Total Time (ms)"]);
  });

  it("shows failed requests by code, with nothing that steers a terminal", () => {
    const errors = [{ code: "http_5xx", phase: "wait", count: 1200n, example: "over\x1b[31mload\n", status: 503 }];
    const shown = lines({ phase: { errors, identity: { drawn: 1300n, succeeded: 100n, errored: 1200n } } });
    expect(shown.find((line) => line.includes("http_5xx"))).to.equal("│ http_5xx │ wait  │ 1,200 │ 503: over�[31mload │");
    const endpoint = "http://h:1/v1/chat/completions";
    const real = [{ code: "http_5xx", phase: "wait", count: 1n, example: "http status 503: busy", status: 503, endpoint }];
    expect(lines({ phase: { errors: real } }).find((line) => line.includes("http_5xx"))).to.equal(
      `│ http_5xx │ wait  │     1 │ http status 503: busy (${endpoint}) │`,
    );
  });

  it("shows what failures of one code say where they do not say the same", () => {
    const messages = [
      { message: "the stream ended", status: 200, count: 13n },
      { message: "closed\x1b[2J", status: 200, count: 9n },
      { message: "http status 503: no", status: 503, count: 1n },
    ];
    const error = { code: "truncated", phase: "stream", count: 25n, example: "closed", status: 200, endpoint: "http://h" };
    const shown = lines({ phase: { errors: [{ ...error, messages }] } }).filter((line) => /×|others/.test(line));
    expect(shown.map((line) => line.split("│")[4]?.trim())).to.deep.equal([
      "13 × 200: the stream ended (http://h)",
      "9 × 200: closed\ufffd[2J",
      "1 × http status 503: no",
      "2 others",
    ]);
    const alike = lines({ phase: { errors: [{ ...error, messages: messages.slice(0, 1) }] } }).join();
    expect(alike).to.contain("200: closed (http://h)").and.not.to.contain("×");
  });

  it("tells in a line how streams came: gaps, jitter, stalls, tokens a chunk", () => {
    const figures = [
      { tag: "inter_chunk_latency", count: 90n, p50: 10, p90: 11.5, p99: 60, max: 1234.5 },
      { tag: "inter_chunk_jitter", count: 10n, avg: 1.25 },
      { tag: "tokens_per_chunk", count: 10n, avg: 1.5 },
    ];
    const stall = (threshold: number, gaps: number, requests: number) => [
      { tag: "stall_threshold", avg: threshold, group: "hidden" },
      { tag: "stall_count", avg: gaps, group: "hidden" },
      { tag: "stalled_request_count", avg: requests, group: "hidden" },
    ];
    const line = (metrics: readonly object[]) =>
      lines({ phase: { metrics }, width: 200 }).find((one) => one.startsWith("Chunk gaps"));
    const gaps = "Chunk gaps: p50 10.00, p90 11.50, p99 60.00, max 1,234.50 ms";
    expect(line([...figures, ...stall(160, 3, 1)])).to.equal(
      `${gaps} · jitter 1.25 ms · 3 stalls (from 160.00 ms on) in 1 request · 1.50 tokens a chunk`,
    );
    expect(line([...figures, ...stall(2000, 0, 0)])).to.contain("· no stall (from 2,000.00 ms on) ·");
    expect(line(figures.slice(0, 1))).to.equal(gaps);
    expect(line(figures.slice(1))).to.equal(undefined);
  });

  it("says a note on figures once, with the first of them", () => {
    const few = "20 samples are too few for p99";
    const metrics = ["A", "B", "C", "D", "E"].map((header) => ({ header, unit: "ms", count: 20n, notes: [few] }));
    const [first] = metrics;
    const shown = lines({ phase: { metrics: [{ ...first, notes: ["odd", few] }, ...metrics.slice(1)] } });
    const notes = shown.filter((line) => line.startsWith("Note: "));
    expect(notes).to.deep.equal(["Note: A: odd", `Note: A, B, C and 2 more: ${few}`]);
  });

  for (const [what, identity, asked, expected] of [
    ["nothing where all were sent and recorded", { succeeded: 97n, errored: 2n, cancelled: 1n }, 100n, undefined],
    [
      "every class that is not empty",
      { succeeded: 90n, errored: 2n, missingRecord: 1n, missingLost: 3n, dropped: 2n, abandoned: 1n },
      100n,
      "profiling: asked 100 = sent 93 (90 succeeded, 2 errored, 0 cancelled, 1 without a record) + 3 lost with a worker + 2 dropped + 1 abandoned + 1 not sent",
    ],
    [
      "what a cancelled run did not send",
      { drawn: 48n, succeeded: 40n, unused: 8n },
      1100n,
      "profiling: asked 1,100 = sent 40 (40 succeeded, 0 errored, 0 cancelled) + 1,060 not sent",
    ],
    [
      "a record without its request, although the sum is right",
      { succeeded: 100n, conflicts: 1n, late: 2n },
      100n,
      "profiling: asked 100 = sent 100 (100 succeeded, 0 errored, 0 cancelled); 2 records came too late to count; 1 records belong to no request",
    ],
    ["nothing of credits left over when the time was up", { drawn: 110n, succeeded: 100n, unused: 10n }, 0n, undefined],
    [
      "what was lost in a run by duration",
      { drawn: 110n, succeeded: 100n, unused: 9n, missingLost: 1n },
      0n,
      "profiling: issued 101 = sent 100 (100 succeeded, 0 errored, 0 cancelled) + 1 lost with a worker",
    ],
  ] as const) {
    it(`accounts for ${what}`, () => {
      const run = { phases: [{ index: 0, name: "profiling", kind: PhaseKind.PROFILING, asked }] };
      const shown = lines({ run, phase: { identity }, width: 300 });
      expect(shown.find((line) => line.startsWith("profiling: "))).to.equal(expected);
    });
  }

  it("keeps warm-up out of the figures", () => {
    const warmup = {
      index: 0,
      name: "warmup",
      kind: PhaseKind.WARMUP,
      identity: { drawn: 10n, succeeded: 9n, errored: 1n },
      errors: [{ code: "reset", phase: "wait", count: 1n, example: "gone" }],
    };
    const shown = lines({
      run: { phases: [{ index: 0, name: "warmup", kind: PhaseKind.WARMUP, asked: 10n }] },
      summary: { phases: [warmup, { ...profilingShape(), index: 1 }] },
    });
    expect(shown[2]).to.equal("warmup: 9 succeeded, 1 errored (not in the figures)");
    expect(shown.filter((line) => line.includes("Assay | LLM Metrics"))).to.have.length(1);
    expect(shown.some((line) => line.includes("reset"))).to.equal(true);
  });

  it("names the phases where several were measured", () => {
    const shown = lines({ summary: { phases: [profilingShape(), { ...profilingShape(), index: 1, name: "second" }] } });
    const titles = shown.filter((line) => line.includes("Assay |")).map((line) => line.trim());
    expect(titles).to.deep.equal(["Assay | LLM Metrics: profiling", "Assay | LLM Metrics: second"]);
  });

  it("calls its table by what the answers are", () => {
    const titles = ["chat", "my-api", "toString", "embeddings", "cohere_rankings", "image_generation"].map((type) => {
      const shown = lines({ run: { spec: { endpoint: { type } } }, summary: { phases: [profilingShape()] } });
      return shown.find((line) => line.includes("Assay |"))?.trim();
    });
    const text = "Assay | LLM Metrics";
    const data = ["Embeddings", "Ranking", "Image Generation"].map((what) => `Assay | ${what} Metrics`);
    expect(titles).to.deep.equal([text, text, text, ...data]);
  });

  it("shows no table where nothing was measured", () => {
    expect(lines({ phase: { metrics: [] } })).to.deep.equal([
      "Client valid",
      "",
      "Files: /w/artifacts/r: profile_export_aiperf.json, run.db",
    ]);
  });

  it("has colours only where they are asked for", () => {
    const summary = summaryOf();
    const coloured = reportLines({ run: runOf(), summary, ...written }, { width: 100, paint: createPaint(true) });
    expect(coloured.join("\n")).to.include("\x1b[36m");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escapes are what is looked for
    expect(coloured.map((line) => line.replaceAll(/\x1b\[\d+m/g, ""))).to.deep.equal(lines({ width: 100 }));
    expect(lines().join("")).to.not.include("\x1b");
  });
});

describe("whether the tool kept up", () => {
  const lateness = { tag: "lateness", header: "Lateness", unit: "ms", count: 5000n, p50: 0.31, p99: 1.24 };
  const valid = { verdict: { verdict: Verdict.VALID, reasons: [] }, client: { workers: 2, loopUtilizationMax: 0.234 } };
  const paced = { askedPerSec: 500, scheduledPerSec: 500, sentPerSec: 500.06 };

  it("is the first line of an open loop's report", () => {
    expect(lines({ phase: { lateness, sends: paced }, summary: valid })[0]).to.equal(
      "Client valid: 500.0/s asked, 500.1/s sent, lateness p50 0.310 ms p99 1.24 ms, workers at most 23 % busy",
    );
  });

  it("tells the drawn rate apart where chance made it another", () => {
    const sends = { askedPerSec: 50, scheduledPerSec: 48.2, sentPerSec: 48.2 };
    expect(lines({ phase: { lateness, sends }, summary: valid })[0]).to.match(
      /^Client valid: 50.00\/s asked \(48.20\/s drawn\), 48.20\/s sent,/,
    );
  });

  it("is, in a closed loop, how soon slots are used again", () => {
    const sends = { sentPerSec: 900, turnaround: { count: 99n, p50Ms: 0.06, p99Ms: 12.34, maxMs: 20 } };
    expect(lines({ phase: { sends }, summary: valid })[0]).to.equal(
      "Client valid: next request 0.060 ms (p50) and 12.3 ms (p99) after the end of another, workers at most 23 % busy",
    );
  });

  it("is said of each phase where several were measured", () => {
    const phases = [
      profilingShape({ sends: paced, lateness }),
      { ...profilingShape({ sends: paced }), index: 1, name: "second" },
    ];
    expect(lines({ summary: { ...valid, phases } }).slice(0, 3)).to.deep.equal([
      "Client valid: workers at most 23 % busy",
      "profiling: 500.0/s asked, 500.1/s sent, lateness p50 0.310 ms p99 1.24 ms",
      "second: 500.0/s asked, 500.1/s sent",
    ]);
  });

  it("has the evenness of the sends beside that of the schedule", () => {
    const sends = {
      ...paced,
      dispersion: { sent: 1.02, scheduled: 0.99, expected: 1 },
      gapCorrelation: { sent: -0.01, scheduled: 0, expected: 0 },
      bursts: { count: 12n, largest: 50n, spreadP50Ms: 0.8, spreadMaxMs: 3.1, slowCount: 2n },
    };
    expect(lines({ phase: { sends }, width: 300 })).to.include(
      "Sends: index of dispersion 1.02 (schedule 0.99, pattern 1.00) · correlation of gaps -0.01 (schedule 0.00, pattern 0.00) · 12 bursts of up to 50, each sent within p50 0.800 ms max 3.10 ms",
    );
  });

  it("tells how long requests waited for a slot below a ceiling", () => {
    const sends = { ...paced, slotWaits: { count: 20n, p50Ms: 3.2, p99Ms: 40, maxMs: 51 } };
    expect(lines({ phase: { sends } })).to.include("Sends: waits for a slot p50 3.20 ms max 51.0 ms");
  });
});

describe("the steady window in the report", () => {
  const window = { startSec: 2, endSec: 58, sends: 5600n, inFlight: 63.8 };
  const whole = { firstSentWallNs: 1e18, lastEndWallNs: 1e18 + 60e9 };
  const metrics = [
    { tag: "request_latency", header: "Request Latency", unit: "ms", count: 5600n, avg: 1300, p50: 1290, p99: 1500 },
    { tag: "response_time", header: "Response Time", unit: "ms", count: 5600n, avg: 1300, p50: 1290, p99: 1500 },
    { tag: "request_throughput", header: "Request Throughput", unit: "requests/sec", avg: 100 },
  ];

  it("stands beside the whole phase", () => {
    const shown = lines({ phase: { ...whole, steadyState: { ...window, metrics } }, width: 120 });
    const at = shown.findIndex((line) => line.includes("Steady state"));
    expect(shown.slice(at, at + 7)).to.deep.equal([
      "                 Steady state: 2.0 to 58.0 of 60.0 s: 5,600 requests, 63.80 in flight",
      "┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━┓",
      "┃                            Metric ┃   avg (whole phase) ┃   p50 (whole phase) ┃   p99 (whole phase) ┃",
      "┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━┩",
      "│              Request Latency (ms) │ 1,300.00 (1,362.50) │ 1,290.00 (1,335.25) │ 1,500.00 (1,962.00) │",
      "│ Request Throughput (requests/sec) │      100.00 (22.12) │                     │                     │",
      "└───────────────────────────────────┴─────────────────────┴─────────────────────┴─────────────────────┘",
    ]);
  });

  it("keeps to the width", () => {
    for (const width of [80, 100, 120]) {
      const shown = lines({ phase: { ...whole, steadyState: { ...window, metrics } }, width });
      for (const line of shown) expect(widthOf(line)).to.be.at.most(width);
    }
  });

  it("is one line where it is nearly all of the phase", () => {
    const steadyState = { ...window, startSec: 0, endSec: 59.5, metrics };
    expect(lines({ phase: { ...whole, steadyState } })).to.include(
      "Steady state: 0.0 to 59.5 of 60.0 s: 5,600 requests, 63.80 in flight",
    );
  });

  it("is not there where none was found", () => {
    expect(lines().some((line) => line.includes("Steady"))).to.equal(false);
  });
});

describe("what a run was asked and how it ended", () => {
  it("is a line for each objective, with what was found", () => {
    const objectives = [
      { text: "ttft:p99 < 500ms", value: 512.25, unit: "ms", isKept: false },
      { text: "itl:p50 < 1ms", unit: "ms", isKept: true },
    ];
    const shown = lines({ phase: { objectives } });
    expect(shown).to.include("Objective missed: ttft:p99 < 500ms (512.25 ms)");
    expect(shown).to.include("Objective kept: itl:p50 < 1ms (no value)");
  });

  it("tells how answers ended where they did not all end alike", () => {
    const finishReasons = [
      { reason: "stop", count: 8n },
      { reason: "tool\u001bcalls", count: 1n },
      { reason: "", count: 1n },
    ];
    expect(lines({ phase: { finishReasons } })).to.include("Answers ended: 8 stop, 1 tool\ufffdcalls, 1 without a word");
    expect(lines({ phase: { finishReasons: finishReasons.slice(0, 1) } }).join()).not.to.contain("Answers ended");
  });

  it("has a table of confidence intervals, where these were asked for", () => {
    const intervals = [{ statistic: "avg", low: 9.5, high: 10.5 }];
    const metrics = [
      { tag: "request_latency", header: "Request Latency", unit: "ms", consoleOrder: 300, count: 12n, avg: 10, intervals },
    ];
    expect(lines({ phase: { metrics } }).find((line) => line.includes("9.50"))).to.match(
      /Latency \(ms\) │ 9\.50 – 10\.50 │ too few │/,
    );
    expect(lines().join()).not.to.contain("Confidence");
  });

  it("has a table of the figures by the formulas of other tools, where it was asked for", () => {
    const figures = [{ tag: "ttft", header: "TTFT", unit: "ms", count: 3n, avg: 100, p50: 99, p90: 120, p99: 130 }];
    const shown = lines({ summary: { definitions: [{ definition: "vllm", figures }] } });
    expect(shown.find((line) => line.includes("vllm"))).to.match(
      /vllm │ TTFT \(ms\) │ 100\.00 │ 99\.00 │ 120\.00 │ 130\.00 │ +3 │/,
    );
  });
});

describe("figures by the formulas of other tools", () => {
  it("are said to be none where no stream gives any", () => {
    const definitions = [
      { definition: "aiperf", figures: [] },
      { definition: "vllm", figures: [] },
    ];
    expect(lines({ summary: { definitions } })).to.include(
      "By the formulas of aiperf, vllm there is no figure: no measured request is a stream that succeeded",
    );
  });
});

describe("percentiles that few samples lie beyond", () => {
  it("are marked, and the mark is explained", () => {
    const note = "100 samples: fewer than 10 lie beyond p99 (1000 needed)";
    const metric = {
      tag: "request_latency",
      header: "Request Latency",
      unit: "ms",
      consoleOrder: 1,
      count: 100n,
      avg: 1,
      p50: 1,
      p99: 2,
    };
    const metrics = [{ ...metric, thinPercentiles: ["p99"], notes: [note] }];
    const workloadNotes = [{ code: "few_samples", tag: "request_latency", message: note }];
    const shown = lines({ phase: { metrics, workloadNotes } });
    expect(shown.find((line) => line.includes("Request Latency (ms)"))).to.match(/ 2\.00\* .* 1\.00 /);
    expect(shown).to.include(`* Request Latency: ${note}`);
  });
});

describe("the summary for programs", () => {
  it("holds every figure as a number, by tag", () => {
    const errors = [{ code: "reset", phase: "wait", count: 1n, example: "gone", endpoint: "http://h/v1" }];
    const report = {
      run: runOf({ state: RunState.COMPLETED }),
      summary: summaryOf({ phases: [profilingShape({ errors })] }),
      ...written,
    };
    const parsed = JSON.parse(JSON.stringify(summaryJson(report)));
    expect(parsed).to.include({ run_id: "run-1", state: "completed", folder: "/w/artifacts/r" });
    expect(parsed).to.not.have.property("reason");
    expect(parsed.client).to.deep.equal({ verdict: "valid", reasons: [], details: [] });
    const [phase] = parsed.phases;
    expect(phase).to.include({ name: "profiling", kind: "profiling", asked: 100 });
    expect(phase.identity).to.include({ drawn: 100, succeeded: 100, errored: 0 });
    expect(phase.metrics.time_to_first_token).to.include({ unit: "ms", count: 100, avg: 51.234, p50: 0.98 * 51.234 });
    expect(phase.metrics.benchmark_duration).to.deep.equal({ header: "Benchmark Duration", unit: "sec", avg: 4.5213 });
    expect(phase.errors).to.deep.equal([{ code: "reset", phase: "wait", count: 1, example: "gone", endpoint: "http://h/v1" }]);
    expect(phase).to.not.have.property("hosts");
  });

  it("holds what the tables have of answers, servers and GPUs", () => {
    const wrongAnswers = [{ conversation: 3n, turn: 1, reason: 'is not "Paris"', answer: "Lyon" }];
    const serverFigures = [{ name: "ttft", unit: "ms", server: 12, client: 13.5 }];
    const gpus = [{ subject: "0", source: "h:9400", name: "H200", index: "0", samples: 4n, meanPowerW: 300 }];
    const given = profilingShape({ wrongAnswers, unchecked: 2n, serverFigures, gpus });
    const report = { run: runOf({}), summary: summaryOf({ phases: [given] }), ...written };
    const [phase] = JSON.parse(JSON.stringify(summaryJson(report))).phases;
    expect(phase.wrong_answers).to.deep.equal([{ conversation: 3, turn: 1, reason: 'is not "Paris"', answer: "Lyon" }]);
    expect(phase.unchecked).to.equal(2);
    expect(phase.server_figures).to.deep.equal([{ name: "ttft", unit: "ms", server: 12, client: 13.5 }]);
    expect(phase.gpus[0]).to.include({ subject: "0", source: "h:9400", name: "H200", samples: 4, mean_power_w: 300 });
    const [none] = JSON.parse(JSON.stringify(summaryJson({ ...report, summary: summaryOf({}) }))).phases;
    expect(none).to.not.have.any.keys("wrong_answers", "unchecked", "server_figures", "gpus");
  });

  it("holds every host's figures, with its clock", () => {
    const clock = { offsetNs: -5e12, uncertaintyNs: 9e4, driftPpm: 1.5 };
    const metrics = [{ tag: "request_latency", header: "Request Latency", unit: "ms", count: 7n, avg: 3, p50: 2 }];
    const lateness = { tag: "lateness", header: "Lateness", unit: "ms", count: 7n, p50: 0.1, p99: 1 };
    const hosts = [{ name: "h2", workers: 3, cores: 4, succeeded: 7n, loopUtilizationMax: 0.5, clock, metrics, lateness }];
    const report = { run: runOf({}), summary: summaryOf({ phases: [profilingShape({ hosts })] }), ...written };
    const [host, ...others] = JSON.parse(JSON.stringify(summaryJson(report))).phases[0].hosts;
    expect(others).to.deep.equal([]);
    expect(host).to.include({ name: "h2", workers: 3, cores: 4, succeeded: 7, errored: 0, loop_utilization_max: 0.5 });
    expect(host.clock).to.deep.equal({ offset_ns: -5e12, uncertainty_ns: 9e4, drift_ppm: 1.5 });
    expect(host.lateness).to.include({ count: 7, p99: 1 });
    expect(host.metrics.request_latency).to.include({ count: 7, p50: 2 });
  });
});
