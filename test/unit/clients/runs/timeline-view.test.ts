import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { stepMs } from "../../../../clients/cli/runs/timeline-options.ts";
import {
  tableColumns,
  tableMetrics,
  timelineCsv,
  timelineJson,
  timelineMetricNames,
  titlesOf,
} from "../../../../clients/cli/runs/timeline-view.ts";
import {
  GetTimelineResponseSchema,
  type TimelineSeriesSchema,
} from "../../../../gen/assay/records_manager/v1/records_manager_service_pb.js";

type SeriesInit = Exclude<MessageInitShape<typeof TimelineSeriesSchema>, { $typeName: string }>;

const power: SeriesInit = {
  kind: "dcgm",
  source: "http://a/metrics",
  subject: "GPU-1",
  name: "nvidia_power_usage",
  unit: "W",
  labels: { gpu: "0" },
  buckets: [0, 2],
  mean: [100, 300.25],
  min: [90, 300],
  max: [110, 301],
};
const bytes: SeriesInit = { kind: "host", source: "h", name: "bytes_total", unit: "B", isRate: true, buckets: [1], mean: [5] };

function timeline(series: readonly SeriesInit[]) {
  return create(GetTimelineResponseSchema, {
    originWallNs: Date.UTC(2026, 0, 2, 3, 4, 5) * 1e6,
    buckets: [
      { startMs: 0, sent: 3n, completed: 1n, inFlight: 1.5, tokensPerSec: 10, completedPerSec: 2 },
      { startMs: 500, ttftP50Ms: 12.345, ttftP99Ms: 20 },
      { startMs: 1000, failed: 1n, due: 2n, latenessP50Ms: 0.5, latenessP99Ms: 1, latenessMaxMs: 2 },
    ],
    series: [...series],
  });
}

describe("a timeline", () => {
  it("is a table with a column for each series, empty where nothing is known", () => {
    const columns = tableColumns(timeline([power, bytes]), ["sent", "ttft_p50_ms"]);
    expect(columns).to.deep.equal([
      { header: "Time (s)", cells: ["0.00", "0.50", "1.00"] },
      { header: "Sent", cells: ["3", "0", "0"] },
      { header: "TTFT p50 (ms)", cells: ["", "12.35", ""] },
      { header: "nvidia_power_usage (W)", cells: ["100", "", "300.25"] },
      { header: "bytes_total (B/s)", cells: ["", "5", ""] },
    ]);
    expect(tableColumns(timeline([]), tableMetrics)).to.have.length(1 + tableMetrics.length);
  });

  it("is a line a bucket, with least and greatest of gauges", () => {
    expect(timelineCsv(timeline([power, bytes]), ["failed", "lateness_max_ms"])).to.equal(
      [
        "start_sec,failed,lateness_max_ms,nvidia_power_usage mean,nvidia_power_usage min,nvidia_power_usage max,bytes_total rate",
        "0,0,,100,90,110,",
        "0.5,0,,,,,5",
        "1,1,2,300.25,300,301,",
        "",
      ].join("\n"),
    );
  });

  it("is an object with every metric, null where there is none, and the buckets that a series has", () => {
    const json = timelineJson("r", 500, timeline([power, bytes]), timelineMetricNames) as {
      buckets: Record<string, unknown>[];
      series: object[];
    };
    expect(json).to.include({ run_id: "r", origin: "2026-01-02T03:04:05.000Z", step_ms: 500 });
    expect(json.buckets[1]).to.deep.equal({
      start_ms: 500,
      sent: 0,
      completed: 0,
      failed: 0,
      due: 0,
      in_flight: 0,
      completed_per_sec: 0,
      tokens_per_sec: 0,
      ttft_p50_ms: 12.345,
      ttft_p99_ms: 20,
      lateness_p50_ms: null,
      lateness_p99_ms: null,
      lateness_max_ms: null,
    });
    expect(json.series).to.deep.equal([
      power,
      { kind: "host", source: "h", subject: "", name: "bytes_total", unit: "B", labels: {}, buckets: [1], rate: [5] },
    ]);
  });

  it("tells series of one name apart by what differs", () => {
    const other = { ...power, subject: "GPU-2", labels: { gpu: "1" } };
    const { series } = timeline([power, other, bytes]);
    expect(titlesOf(series)).to.deep.equal(['nvidia_power_usage{gpu="0"}', 'nvidia_power_usage{gpu="1"}', "bytes_total"]);
    const third = { ...other, subject: "GPU-1", source: "http://b/metrics" };
    expect(titlesOf(timeline([power, other, third]).series)[2]).to.equal(
      'nvidia_power_usage{gpu="1",subject="GPU-1",source="http://b/metrics"}',
    );
  });
});

describe("the step of a timeline", () => {
  for (const [text, ms] of [
    ["1s", 1000],
    ["2", 2000],
    ["250ms", 250],
    ["0.5s", 500],
    ["2m", 120_000],
    ["0", undefined],
    ["0.4ms", undefined],
    ["99999999s", undefined],
    ["1h", undefined],
    ["-1s", undefined],
    ["", undefined],
  ] as const) {
    it(`${text} is ${ms ?? "none"}`, () => {
      expect(stepMs(text)).to.equal(ms);
    });
  }
});
