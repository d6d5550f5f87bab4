import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { IdRanges } from "../../../services/common/id-ranges.ts";
import { ACCOUNTS_OPTIONS, Accounts } from "../../../services/records-manager/core/accounts.ts";
import type { PhaseSummary } from "../../../services/records-manager/core/run-summary.ts";
import { exportRun } from "../../../services/records-manager/exports/export-run.ts";
import { recoverRun } from "../../../services/records-manager/recover.ts";
import { summarizeRun } from "../../../services/records-manager/summary.ts";
import { cancelled, failed, record, START_NS, WALL_OFFSET_NS } from "../../unit/records-manager/records.ts";
import { servedModel } from "../../unit/records-manager/served-models.ts";
import { createStore, insertAll, type RunFolder, temporaryFolder, writeUntilKilled } from "./run-fixture.ts";
import { addScrapes, gpuSeries } from "./scraped.ts";

function statisticsOf(phase: PhaseSummary | undefined, tag: string) {
  return phase?.metrics.find((metric) => metric.tag === tag)?.statistics;
}

function runMetricOf(phase: PhaseSummary | undefined, tag: string): number | undefined {
  return phase?.runMetrics.find((metric) => metric.tag === tag)?.value;
}

const TWO_PHASES = [
  { phase: 0, name: "warmup", kind: "warmup", hasCeiling: false },
  { phase: 1, name: "profiling", kind: "profiling", hasCeiling: false },
] as const;

describe("the summary of a run", () => {
  let run: RunFolder;
  beforeEach(() => {
    run = temporaryFolder();
  });
  afterEach(() => run.remove());

  it("takes latencies of successes alone, and counts every outcome once", () => {
    const store = createStore(run.folder);
    const slow = { metrics: { time_to_first_token: 30, request_latency: 80, output_sequence_length: 5 }, contentMs: [30, 80] };
    const broken = failed(3, { metrics: { request_latency: 9999, lateness: 2 } });
    insertAll(store, [record(0), record(1, slow), broken, cancelled(4)]);
    store.close();
    const [phase] = summarizeRun(run.folder).phases;
    expect(statisticsOf(phase, "request_latency")).to.include({
      count: 2,
      avg: 60,
      min: 40,
      max: 80,
      p50: 60,
      std: 20,
      sum: 120,
    });
    expect(phase?.counts).to.include({ succeeded: 2, errored: 1, cancelled: 1, drawn: 4 });
    expect(runMetricOf(phase, "request_count")).to.equal(2);
    expect(runMetricOf(phase, "total_osl")).to.equal(8);
    // First send at 0 ms, last content of the second at 100 + 80 ms.
    expect(runMetricOf(phase, "benchmark_duration")).to.be.closeTo(0.18, 1e-9);
    expect(runMetricOf(phase, "output_token_throughput")).to.be.closeTo(8 / 0.18, 1e-6);
    expect(phase?.startWallNs).to.equal(START_NS + WALL_OFFSET_NS);
  });

  it("counts as good what meets every objective, at most or at least, and never a failure", () => {
    const slos = [
      { metric: "request_latency", threshold: 50 },
      { metric: "output_token_throughput_per_user", threshold: 100 },
    ];
    const store = createStore(run.folder, { spec: JSON.stringify({ slos, phases: [{ name: "profiling" }] }) });
    const of = (latency: number, rate?: number, tokens?: number) => ({
      metrics: {
        request_latency: latency,
        ...(tokens === undefined ? {} : { output_sequence_length: tokens }),
        ...(rate === undefined ? {} : { output_token_throughput_per_user: rate }),
      },
    });
    insertAll(store, [
      record(0, of(50, 100, 7)),
      record(1, of(50.1, 200)),
      record(2, of(10, 99.9)),
      record(3, of(10)),
      failed(4, of(1, 500)),
      record(5, of(0, 500)),
    ]);
    store.close();
    const [phase] = summarizeRun(run.folder, { columnBudgetBytes: 1 }).phases;
    expect(runMetricOf(phase, "good_request_count")).to.equal(2);
    expect(runMetricOf(phase, "good_request_fraction")).to.be.closeTo(1 / 3, 1e-12);
    const duration = runMetricOf(phase, "benchmark_duration") ?? 0;
    expect(runMetricOf(phase, "goodput")).to.be.closeTo(2 / duration, 1e-9);
    expect(runMetricOf(phase, "good_token_throughput")).to.be.closeTo(7 / duration, 1e-9);
    exportRun({ folder: run.folder, names: ["aiperf-jsonl"] });
    const lines = readFileSync(`${run.folder}/profile_export.jsonl`, "utf8").trimEnd().split("\n");
    const good = lines.map((line) => JSON.parse(line).metrics.good_request_count?.value);
    expect(good).to.deep.equal([1, 0, 0, 0, undefined, 1]);
  });

  it("counts right and wrong answers of successes, and none as good that is wrong", () => {
    const slos = [{ metric: "request_latency", threshold: 50 }];
    const store = createStore(run.folder, { spec: JSON.stringify({ slos, phases: [{ name: "profiling" }] }) });
    const wrong = { isCorrect: false, reason: 'is not "a"', answer: "b" };
    insertAll(store, [
      record(0, { check: { isCorrect: true, reason: "", answer: "" } }),
      ...[1, 2, 3, 4, 5, 6, 7].map((id) => record(id, { check: wrong, turn: id })),
      record(8, { check: { isCorrect: undefined, reason: "the check took longer than 1000 ms", answer: "c" } }),
      record(9),
      failed(10),
    ]);
    store.close();
    const [phase] = summarizeRun(run.folder, { columnBudgetBytes: 1 }).phases;
    expect(runMetricOf(phase, "correct_request_count")).to.equal(1);
    expect(runMetricOf(phase, "incorrect_request_count")).to.equal(7);
    expect(runMetricOf(phase, "correct_request_rate")).to.equal(12.5);
    expect(runMetricOf(phase, "good_request_count")).to.equal(3);
    expect(phase?.wrongAnswers).to.deep.equal(
      [1, 2, 3, 4, 5].map((id) => ({ conversation: id, turn: id, reason: 'is not "a"', answer: "b" })),
    );
    expect(phase?.unchecked).to.equal(1);
    exportRun({ folder: run.folder, names: ["aiperf-jsonl"] });
    const lines = readFileSync(`${run.folder}/profile_export.jsonl`, "utf8").trimEnd().split("\n");
    const rows = lines.map((line) => JSON.parse(line));
    expect(rows.map(({ check }) => check?.is_correct)).to.deep.equal([true, ...Array(7).fill(false), null, undefined, undefined]);
    expect(rows[1].check).to.deep.equal({ is_correct: false, reason: 'is not "a"', answer: "b" });
    expect(rows.map(({ metrics }) => metrics.good_request_count?.value)).to.deep.equal([1, ...Array(7).fill(0), 1, 1, undefined]);
  });

  it("says of every measured phase what became of the run's objectives, further percentiles among them", () => {
    const objectives = ["latency:p99.5 < 41ms; icl:p75 <= 17.5ms", "itl:avg < 1", "error_rate <= 0%", "latency:p50 < 1"];
    const phases = [{ name: "warmup" }, { name: "profiling" }];
    const store = createStore(run.folder, { phases: TWO_PHASES, spec: JSON.stringify({ objectives, phases }) });
    insertAll(store, [
      record(0),
      ...[40, 41].map((latency, at) => record(1 + at, { phase: 1, metrics: { request_latency: latency } })),
    ]);
    store.close();
    const [warmup, measured] = summarizeRun(run.folder).phases;
    expect(warmup?.objectives).to.deep.equal([]);
    expect(measured?.objectives.map(({ value, unit, isKept }) => [value, unit, isKept])).to.deep.equal([
      [40.995, "ms", true],
      [20, "ms", false],
      [undefined, "ms", false],
      [0, "%", true],
      [40.5, "ms", false],
    ]);
  });

  it("holds a run to distributions in which failures are endless, and to those over time", () => {
    const objectives = ["adj_request_latency:p50 <= 30ms; adj_request_latency:p99 < 60min; effective_concurrency:max >= 1"];
    const store = createStore(run.folder, { spec: JSON.stringify({ objectives, phases: [{ name: "profiling" }] }) });
    insertAll(store, [
      ...[10, 20, 30].map((latency, id) => record(id, { metrics: { request_latency: latency } })),
      failed(3),
      cancelled(4),
    ]);
    store.close();
    const [phase] = summarizeRun(run.folder).phases;
    expect(phase?.objectives.map(({ value, isKept }) => [value, isKept]).slice(0, 2)).to.deep.equal([
      [30, true],
      [Number.POSITIVE_INFINITY, false],
    ]);
    expect(phase?.objectives[2]).to.include({ unit: "requests", isKept: true });
  });

  it("has distributions with failures as endless, and without the network's round trip", () => {
    const spec = JSON.stringify({ output: { measureNetworkLatency: true }, phases: [{ name: "profiling" }] });
    const store = createStore(run.folder, { spec });
    insertAll(store, [
      ...[10, 20, 30].map((latency, id) => record(id, { metrics: { request_latency: latency } })),
      failed(3),
      cancelled(4),
    ]);
    const handshake = { ...gpuSeries("tcp_handshake", "ms", { subject: "h", labels: { target: "a:1" } }) };
    const at = (ms: number) => START_NS + ms * 1e6;
    addScrapes(
      store,
      { kind: "latency", name: "a:1 from h" },
      [handshake],
      [
        [at(-1000), [100]],
        [at(50), [4]],
        [at(100), "connect ECONNREFUSED"],
        [at(200), [12]],
        [at(60_000), [100]],
      ],
    );
    store.close();
    const [phase] = summarizeRun(run.folder).phases;
    const never = Number.POSITIVE_INFINITY;
    expect(statisticsOf(phase, "adj_request_latency")).to.include({ count: 5, p25: 20, p50: 30, p75: never, avg: never });
    expect(runMetricOf(phase, "network_rtt")).to.equal(8);
    expect(statisticsOf(phase, "network_adjusted_request_latency")).to.include({ min: 2, p50: 12, max: 22 });
    exportRun({ folder: run.folder, names: ["aiperf-json"] });
    const file = JSON.parse(readFileSync(`${run.folder}/profile_export_aiperf.json`, "utf8"));
    expect(file.adj_request_latency).to.include({ p50: 30, p99: null, count: 5 });
  });

  it("counts answers of a wrong length, and usages that contradict what was counted", () => {
    const store = createStore(run.folder);
    const of = (asked: number | undefined, output_sequence_length: number, usage_prompt_tokens_diff_pct?: number) => ({
      requestedOutputTokens: asked,
      metrics: {
        output_sequence_length,
        ...(usage_prompt_tokens_diff_pct === undefined ? {} : { usage_prompt_tokens_diff_pct }),
      },
    });
    const records = [of(100, 95, 10), of(100, 94, 10.5), of(2000, 1950), of(2000, 1949), of(undefined, 7)];
    insertAll(
      store,
      records.map((overrides, id) => record(id, overrides)),
    );
    store.close();
    const [phase] = summarizeRun(run.folder).phases;
    expect(runMetricOf(phase, "osl_mismatch_count")).to.equal(2);
    expect(runMetricOf(phase, "usage_discrepancy_count")).to.equal(1);
    expect(phase?.notes.map(({ code }) => code)).to.include("usage_discrepancy");
  });

  it("tells how the answers of succeeded requests ended", () => {
    const store = createStore(run.folder);
    const ends = ["stop", "length", undefined, "stop"].map((finishReason, id) => record(id, { finishReason }));
    insertAll(store, [...ends, failed(4)]);
    store.close();
    expect(summarizeRun(run.folder).phases[0]?.finishReasons).to.deep.equal([
      { reason: "stop", count: 2 },
      { reason: "length", count: 1 },
      { reason: "", count: 1 },
    ]);
  });

  it("has confidence intervals where these are asked for, the same each time", () => {
    const store = createStore(run.folder, { spec: JSON.stringify({ randomSeed: "42", phases: [{ name: "profiling" }] }) });
    insertAll(
      store,
      Array.from({ length: 40 }, (_, id) => record(id, { metrics: { request_latency: 10 + (id % 8) } })),
    );
    store.close();
    const intervals = () => {
      const [phase] = summarizeRun(run.folder, { withIntervals: true }).phases;
      return phase?.metrics.find(({ tag }) => tag === "request_latency")?.intervals;
    };
    const first = intervals();
    expect(first?.avg?.low).to.be.within(12.5, 13.4);
    expect(first?.avg?.high).to.be.within(13.6, 14.5);
    expect(first?.p99).to.equal(undefined);
    expect(intervals()).to.deep.equal(first);
    expect(summarizeRun(run.folder).phases[0]?.metrics[0]?.intervals).to.equal(undefined);
  });

  it("has no goodput without objectives", () => {
    const store = createStore(run.folder);
    insertAll(store, [record(0)]);
    store.close();
    const [phase] = summarizeRun(run.folder).phases;
    expect(phase?.runMetrics.filter(({ tag }) => tag.startsWith("good"))).to.deep.equal([]);
  });

  it("includes failures in the distribution of a metric that is of failures too", () => {
    const store = createStore(run.folder);
    insertAll(store, [record(0, { metrics: { lateness: 1 } }), failed(1, { metrics: { lateness: 3 } })]);
    store.close();
    expect(statisticsOf(summarizeRun(run.folder).phases[0], "lateness")).to.include({ count: 2, avg: 2 });
  });

  it("takes the gaps of all streams together", () => {
    const store = createStore(run.folder);
    insertAll(store, [record(0), record(1, { contentMs: [5, 6] }), record(2, { contentMs: [5] }), cancelled(3)]);
    store.close();
    expect(statisticsOf(summarizeRun(run.folder).phases[0], "inter_chunk_latency")).to.include({
      count: 3,
      min: 1,
      p50: 10,
      max: 20,
      sum: 31,
    });
  });

  it("notes answers of text whose tokens the target did not count, and no vectors", () => {
    const told = (name: string, records: Parameters<typeof insertAll>[1]) => {
      const folder = join(run.folder, name);
      mkdirSync(folder);
      const store = createStore(folder);
      insertAll(store, records);
      store.close();
      const notes = summarizeRun(folder).phases[0]?.notes ?? [];
      return notes.filter(({ code }) => code === "usage_missing").map(({ message }) => message);
    };
    const counted = [record(0), record(1, { tokenSource: "counted" }), failed(2), cancelled(3)];
    expect(told("text", counted)).to.deep.equal(["1 of 4 answers came without token counts: they are by Assay's tokenizer"]);
    expect(told("vectors", [record(0, { tokenSource: "none", metrics: { request_latency: 5 } })])).to.deep.equal([]);
  });

  it("counts gaps and requests that stall, from the threshold on that the run asks for or the rule has", () => {
    const streams = [
      record(0, { contentMs: [10, 20, 30], metrics: { longest_inter_chunk_latency: 10 } }),
      record(1, { contentMs: [10, 20, 220, 420], metrics: { longest_inter_chunk_latency: 200 } }),
      failed(2, { contentMs: [10, 900] }),
    ];
    for (const [spec, threshold, gaps, requests] of [
      ["{}", 160, 2, 1],
      ['{"output":{"stallMs":10}}', 10, 5, 2],
    ] as const) {
      const folder = join(run.folder, String(threshold));
      mkdirSync(folder);
      const store = createStore(folder, { spec });
      insertAll(store, streams);
      store.close();
      const found = new Map(summarizeRun(folder).phases[0]?.runMetrics.map(({ tag, value }) => [tag, value]));
      expect(["stall_threshold", "stall_count", "stalled_request_count"].map((tag) => found.get(tag))).to.deep.equal([
        threshold,
        gaps,
        requests,
      ]);
    }
  });

  it("keeps phases apart, and merges the measured ones on demand", () => {
    const store = createStore(run.folder, {
      phases: [...TWO_PHASES, { phase: 2, name: "more", kind: "profiling", hasCeiling: false }],
    });
    insertAll(store, [
      record(0, { metrics: { request_latency: 500 } }),
      record(1, { phase: 1, metrics: { request_latency: 10 } }),
      record(2, { phase: 2, metrics: { request_latency: 20 } }),
    ]);
    store.close();
    const apart = summarizeRun(run.folder).phases;
    expect(apart.map((phase) => [phase.name, statisticsOf(phase, "request_latency")?.avg])).to.deep.equal([
      ["warmup", 500],
      ["profiling", 10],
      ["more", 20],
    ]);
    const merged = summarizeRun(run.folder, { isMerged: true }).phases;
    expect(merged.map((phase) => [phase.name, statisticsOf(phase, "request_latency")?.avg])).to.deep.equal([
      ["warmup", 500],
      ["profiling", 15],
    ]);
    const one = summarizeRun(run.folder, { phases: ["more"] }).phases;
    expect(one.map((phase) => phase.name)).to.deep.equal(["more"]);
  });

  it("is the same in one pass over the rows and in many", () => {
    const store = createStore(run.folder);
    insertAll(
      store,
      Array.from({ length: 300 }, (_, id) =>
        id % 10 === 0 ? failed(id) : record(id, { metrics: { request_latency: (id * 7919) % 1000, time_to_first_token: id } }),
      ),
    );
    store.close();
    expect(summarizeRun(run.folder, { columnBudgetBytes: 1 })).to.deep.equal(summarizeRun(run.folder));
  });

  it("tells the targets of a run apart, where it has several", () => {
    const urls = [{ url: "http://a:1", label: "a" }, { url: "http://b:1" }];
    const store = createStore(run.folder, { spec: JSON.stringify({ target: { urls } }) });
    insertAll(store, [
      ...[10, 20, 30].map((request_latency, id) => record(id, { metrics: { request_latency, time_to_first_token: id + 1 } })),
      record(3, { targetIndex: 1, metrics: { request_latency: 90 } }),
      failed(4, { targetIndex: 1 }),
    ]);
    store.close();
    const [a, b] = summarizeRun(run.folder).phases[0]?.targets ?? [];
    expect(a).to.include({ label: "a", succeeded: 3, errored: 0, throughputShare: 0.75 });
    expect(a?.metrics.map(({ tag, statistics }) => [tag, statistics.count, statistics.avg])).to.deep.equal([
      ["request_latency", 3, 20],
      ["time_to_first_token", 3, 2],
    ]);
    expect(b).to.include({ label: "http://b:1", succeeded: 1, errored: 1, throughputShare: 0.25 });
    const throughput = summarizeRun(run.folder).phases[0]?.runMetrics.find(({ tag }) => tag === "request_throughput")?.value;
    expect((a?.requestThroughput ?? 0) + (b?.requestThroughput ?? 0)).to.be.closeTo(throughput ?? 0, 1e-9);
  });

  it("groups errors by code, most frequent first, with the first message of each and where that was sent", () => {
    const target = { urls: [{ url: "http://a:1" }, { url: "https://b/v1?key=s3cret" }] };
    const store = createStore(run.folder, { spec: JSON.stringify({ target, endpoint: { type: "chat" } }) });
    const refused = { code: "connect_refused", phase: "connect", message: "refused" } as const;
    insertAll(store, [
      failed(0, { error: refused, status: 0, targetIndex: 1 }),
      failed(1),
      failed(2, { error: { code: "http_5xx", phase: "wait", message: "other" } }),
    ]);
    store.close();
    expect(summarizeRun(run.folder).phases[0]?.errors).to.deep.equal([
      {
        code: "http_5xx",
        phase: "wait",
        status: 503,
        count: 2,
        example: "503 overloaded",
        endpoint: "http://a:1/v1/chat/completions",
      },
      {
        code: "connect_refused",
        phase: "connect",
        status: 0,
        count: 1,
        example: "refused",
        endpoint: "https://b/v1/chat/completions",
      },
    ]);
  });

  it("of a run without a single request has no figures", () => {
    createStore(run.folder).close();
    const summary = summarizeRun(run.folder);
    expect(summary.client.verdict).to.equal("valid");
    expect(summary.phases[0]).to.deep.include({ metrics: [], errors: [], startWallNs: undefined, lateness: undefined });
  });

  it("tells how late requests were sent, and judges the client by it", () => {
    const store = createStore(run.folder);
    insertAll(
      store,
      Array.from({ length: 100 }, (_, id) => record(id, { dueNs: START_NS + id * 100e6 - 8e6 })),
    );
    store.close();
    const { phases, client } = summarizeRun(run.folder);
    expect(phases[0]?.lateness).to.deep.equal({ count: 100, p50Ns: 8e6, p99Ns: 8e6, maxNs: 8e6 });
    expect(client.verdict).to.equal("suspect");
    expect(client.reasons.map((reason) => reason.code)).to.deep.equal(["lateness"]);
  });

  it("does not hold the wait for a slot against the client", () => {
    const store = createStore(run.folder, { phases: [{ phase: 0, name: "profiling", kind: "profiling", hasCeiling: true }] });
    // Due long ago, issued 2 ms before it was sent.
    insertAll(
      store,
      Array.from({ length: 100 }, (_, id) => record(id, { dueNs: START_NS + id * 10e6 + 1 })),
    );
    store.close();
    const { phases, client } = summarizeRun(run.folder);
    expect(phases[0]?.lateness).to.include({ p50Ns: 2e6 });
    expect(client.verdict).to.equal("valid");
  });

  it("judges the client by what its workers and the suite reported", () => {
    const store = createStore(run.folder);
    insertAll(store, [record(0), record(20)]);
    const usage = {
      workerId: "w",
      loopDelayP99Ns: 0,
      loopDelayMaxNs: 0,
      gcNs: 0,
      gcCount: 1,
      gcMaxNs: 4e6,
      cpuRatio: 1,
      rssBytes: 1,
      openFds: 1000,
      maxFds: 1024,
      inFlight: 1,
      outboxBytes: 0,
      connections: 1,
      openedConnections: 1,
      replacedConnections: 0,
    };
    store.addWorkerUsage([
      { ...usage, ns: START_NS + 0.5e9, loopUtilisation: 0.9 },
      { ...usage, ns: START_NS + 1e9, loopUtilisation: 0.7, openedConnections: 4 },
      // After the last end of a request.
      { ...usage, ns: START_NS + 9e9, loopUtilisation: 1 },
    ]);
    const full = { code: "unsendable", phase: "connect", message: "no connection can be opened: EMFILE" } as const;
    insertAll(store, [
      failed(19, { error: full, status: 0 }),
      failed(18, { error: { ...full, phase: "send", message: "no body" }, status: 0 }),
    ]);
    store.addEvents([{ ns: START_NS, service: "worker", kind: "outbox_full", message: "" }]);
    store.setClockUncertainty(5e6);
    store.close();
    const { client } = summarizeRun(run.folder);
    expect(client).to.include({ verdict: "invalid", clockUncertaintyNs: 5e6 });
    expect(client.usage).to.include({ workers: 1, gcCount: 2, gcMaxNs: 4e6, openedConnections: 3 });
    expect(client.usage.loopUtilisationMax).to.be.closeTo(0.8, 1e-12);
    expect(client.reasons.map((reason) => reason.code)).to.deep.equal(["loop_utilisation", "fds", "no_sockets", "outbox_full"]);
  });
});

describe("the summary of a long phase", () => {
  let run: RunFolder;
  beforeEach(() => {
    run = temporaryFolder();
  });
  afterEach(() => run.remove());

  /** Sent 100 ms apart, 20 in flight after two seconds; what is sent before takes long. */
  function insertRamp(spec: object): void {
    const store = createStore(run.folder, { spec: JSON.stringify(spec) });
    insertAll(
      store,
      Array.from({ length: 1000 }, (_, id) => {
        const latencyMs = 2000;
        const sentNs = START_NS + id * 100e6;
        return record(id, {
          dueNs: sentNs - 1e6,
          sentNs,
          endNs: latencyMs * 1e6,
          contentMs: [latencyMs],
          metrics: { request_latency: id < 20 ? 5000 : 100, output_sequence_length: 10, lateness: 1 },
        });
      }),
    );
    store.close();
  }

  it("has the figures of its steady window beside those of the whole", () => {
    insertRamp({ phases: [{ rate: { ratePerSec: 10, pattern: "ARRIVAL_PATTERN_CONSTANT" } }] });
    const [phase] = summarizeRun(run.folder).phases;
    const steady = phase?.steadyState;
    expect(steady?.startNs).to.be.within(1e9, 3e9);
    expect(steady?.endNs).to.be.within(98e9, 101.5e9);
    expect(steady?.inFlight).to.be.closeTo(20, 0.5);
    expect(steady?.metrics.find(({ tag }) => tag === "request_latency")?.statistics.avg).to.be.lessThan(
      statisticsOf(phase, "request_latency")?.avg ?? 0,
    );
    expect(steady?.runMetrics.map(({ tag }) => tag)).to.deep.equal(["request_throughput", "output_token_throughput"]);
    expect(steady?.runMetrics[0]?.value).to.be.closeTo(10, 0.1);
    expect(steady?.runMetrics[1]?.value).to.be.closeTo(100, 1);
  });

  it("asks for no one rate once its load was changed", () => {
    const store = createStore(run.folder, { spec: JSON.stringify({ phases: [{ rate: { ratePerSec: 10 } }] }) });
    insertAll(store, [record(0), record(1)]);
    store.startPhase(0, START_NS - 1e6);
    store.addEvents([{ ns: START_NS + 1e6, service: "controller", kind: "load_changed", message: "rate 20/s" }]);
    store.close();
    expect(summarizeRun(run.folder).phases[0]?.asked).to.include({ loop: "open", ratePerSec: undefined, dispersion: undefined });
  });

  it("notes what its prompts share, where the run's dataset says it", () => {
    const store = createStore(run.folder);
    insertAll(store, [record(0), record(1)]);
    store.startPhase(0, START_NS - 1e6);
    const message = "prompts of 11 blocks, 5 of them different";
    store.addEvents([{ ns: START_NS, service: "controller", kind: "dataset_prefixes", message }]);
    store.close();
    expect(summarizeRun(run.folder).phases[0]?.notes).to.deep.include({ code: "prefix_sharing", tag: undefined, message });
  });

  it("has what servers say of each phase, and a note where that cannot be", () => {
    const store = createStore(run.folder, { spec: JSON.stringify({ models: ["m"] }) });
    insertAll(store, [record(0), record(1)]);
    store.startPhase(0, START_NS - 1e6);
    const three = { success: { count: 3, ns: 30 } };
    store.addServed([servedModel({ model: "a part" }), servedModel({ times: three }), servedModel({ phase: 1 })]);
    store.close();
    const [phase] = summarizeRun(run.folder).phases;
    expect(phase?.served).to.deep.equal([servedModel({ times: three }), servedModel({ model: "a part" })]);
    expect(phase?.notes.map(({ code }) => code)).to.include("server_counts");
  });

  it("tells how its requests were sent, and what was asked", () => {
    insertRamp({ phases: [{ rate: { ratePerSec: 10, pattern: "ARRIVAL_PATTERN_CONSTANT" } }] });
    const [phase] = summarizeRun(run.folder).phases;
    expect(phase?.asked).to.include({ loop: "open", ratePerSec: 10, dispersion: 0 });
    expect(phase?.sends.sentPerSec).to.be.closeTo(10, 1e-9);
    expect(phase?.sends.scheduledPerSec).to.be.closeTo(10, 1e-9);
    expect(phase?.sends.dispersion).to.deep.equal({ sent: 0, scheduled: 0 });
    expect(phase?.sends.firstLatenessNs).to.equal(1e6);
  });
});

describe("recovering a run", () => {
  let run: RunFolder;
  beforeEach(() => {
    run = temporaryFolder();
  });
  afterEach(() => run.remove());

  it("closes its phases by its rows and marks it FAILED, once", () => {
    const store = createStore(run.folder);
    store.setState("RUNNING", START_NS + WALL_OFFSET_NS);
    insertAll(store, [record(1), failed(2), record(5)]);
    store.setHeartbeat({ phase: 0, lowestId: 1, highestId: 9, unused: 1, dropped: 2, lost: 0 });
    store.close();
    const { isRecovered, summary } = recoverRun(run.folder, "killed");
    expect(isRecovered).to.equal(true);
    expect(summary).to.include({ state: "FAILED", reason: "killed", wasCancelled: false });
    expect(summary.endedWallNs).to.equal(START_NS + 500e6 + 41e6 + WALL_OFFSET_NS);
    expect(summary.phases[0]).to.include({ isClosed: true, isAccountComplete: false });
    // Nine were drawn: three have a row, three a known end.
    expect(summary.phases[0]?.counts).to.include({ drawn: 9, succeeded: 2, errored: 1, unused: 1, dropped: 2, unaccounted: 3 });
    expect(summary.client.reasons.map((reason) => reason.code)).to.include("account_incomplete");
    const again = recoverRun(run.folder, "again");
    expect(again.isRecovered).to.equal(false);
    expect(again.summary.reason).to.equal("killed");
  });

  it("finishes what a killed writer left, to the exported files", async () => {
    const committed = await writeUntilKilled(run.folder, 300);
    const { isRecovered, summary } = recoverRun(run.folder, "killed");
    expect(isRecovered).to.equal(true);
    const rows = summary.phases[0]?.counts.succeeded ?? 0;
    expect(rows).to.be.at.least(committed);
    const [file] = exportRun({ folder: run.folder, names: ["aiperf-jsonl"] });
    const lines = readFileSync(file?.path ?? "", "utf8")
      .trimEnd()
      .split("\n");
    expect(lines).to.have.length(rows);
    expect(readdirSync(run.folder).sort()).to.deep.equal(["profile_export.jsonl", "run.db"]);
  });

  it("works without a word from timing", () => {
    const store = createStore(run.folder);
    insertAll(store, [record(1)]);
    store.close();
    expect(recoverRun(run.folder, "killed").summary.phases[0]?.counts).to.include({ drawn: 1, succeeded: 1, unaccounted: 0 });
  });

  it("leaves a phase as it was closed", () => {
    const store = createStore(run.folder, { phases: TWO_PHASES });
    insertAll(store, [record(1), record(3, { phase: 1 })]);
    const accounts = new Accounts(ACCOUNTS_OPTIONS, store, { publish: () => {}, commitSoon: () => {} });
    accounts.accountReceived(
      { phase: 0, drawn: IdRanges.ofIds([1, 2]), unused: IdRanges.ofIds([2]), dropped: new IdRanges(), lost: new IdRanges() },
      0,
    );
    store.close();
    const { summary } = recoverRun(run.folder, "killed");
    expect(summary.phases.map((phase) => [phase.isAccountComplete, phase.counts.drawn, phase.counts.unused])).to.deep.equal([
      [true, 2, 1],
      [false, 1, 0],
    ]);
  });
});
