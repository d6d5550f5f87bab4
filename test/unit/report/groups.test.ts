import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { groupsCsv, groupsJson } from "../../../clients/cli/runs/group-view.ts";
import { RecordGroupSchema } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { groupLines } from "../../../report/groups.ts";
import { createPaint } from "../../../report/paint.ts";

const ttft = {
  tag: "time_to_first_token",
  header: "Time to First Token",
  unit: "ms",
  count: 40n,
  avg: 12.5,
  p50: 12,
  p99: 30,
  thinPercentiles: ["p99"],
  intervals: [{ statistic: "avg", low: 12, high: 13 }],
};
const rate = { tag: "request_throughput", header: "Request Throughput", unit: "requests/sec", avg: 4.25 };
const groupOf = (phase: string, text: string | undefined, more: object = {}) =>
  create(RecordGroupSchema, {
    phase,
    keys: [
      { field: "phase", name: phase, value: { case: "number", value: 0 } },
      { field: "target", name: "b\u001b[2J", value: { case: "number", value: 1 } },
      { field: "error", value: text === undefined ? { case: undefined } : { case: "text", value: text } },
    ],
    succeeded: 40n,
    errored: 2n,
    ...more,
  });
const style = { width: 120, paint: createPaint(false), statistics: ["avg", "p50", "p99"] } as const;

describe("tables of groups", () => {
  const groups = [groupOf("profiling", "timeout", { metrics: [ttft, rate] }), groupOf("profiling", undefined)];

  it("are one of counts and one of each metric, a row for each group that has it", () => {
    expect(groupLines(groups, 0n, style).join("\n")).to.equal(`                                 Requests
┏━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━┓
┃ target ┃ error   ┃ Succeeded ┃ Errored ┃ Cancelled ┃ Request Throughput ┃
┃        ┃         ┃           ┃         ┃           ┃     (requests/sec) ┃
┡━━━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━┩
│ b�[2J  │ timeout │        40 │       2 │         0 │               4.25 │
│ b�[2J  │ none    │        40 │       2 │         0 │                N/A │
└────────┴─────────┴───────────┴─────────┴───────────┴────────────────────┘

                                Time to First Token (ms)
┏━━━━━━━━┳━━━━━━━━━┳━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━┓
┃ target ┃ error   ┃ count ┃                   avg ┃             p50 ┃              p99 ┃
┡━━━━━━━━╇━━━━━━━━━╇━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━┩
│ b�[2J  │ timeout │    40 │ 12.50 (12.00 – 13.00) │ 12.00 (too few) │ 30.00* (too few) │
└────────┴─────────┴───────┴───────────────────────┴─────────────────┴──────────────────┘

* fewer than ten values lie beyond it: one or two requests' luck`);
  });

  it("name phases where there are several, and say what was left out", () => {
    const lines = groupLines([groupOf("warmup", "x"), groupOf("profiling", "x")], 1234n, style);
    expect(lines.join("\n"))
      .to.match(/│ warmup +│ b/)
      .and.match(/│ profiling +│ b/);
    expect(lines.at(-1)).to.equal("1,234 more requests are of further groups: only 2 are kept");
    expect(groupLines([], 0n, style)).to.deep.equal(["no request passes"]);
  });

  it("are one of all metrics for each phase where nothing else tells requests apart", () => {
    const group = create(RecordGroupSchema, { phase: "profiling", succeeded: 40n, metrics: [ttft] });
    expect(groupLines([group], 0n, style).join("\n")).to.match(/ profiling\n.*Time to First Token \(ms\) │ +40 │ 12\.50 /s);
  });

  it("are lines of values for a spreadsheet, and an object for programs", () => {
    const [header = "", first = "", second = "", ...rest] = groupsCsv(groups, true).split("\n");
    const cells = (line: string) => Object.fromEntries(line.split(",").map((cell, index) => [header.split(",")[index], cell]));
    expect(cells(first)).to.include({
      ...{ phase: "profiling", target: "b�[2J", error: "timeout", succeeded: "40", errored: "2", cancelled: "0" },
      ...{ metric: "time_to_first_token", unit: "ms", count: "40", avg: "12.5", p50: "12", p99: "30", p90: "" },
      ...{ thin_percentiles: "p99", avg_low: "12", avg_high: "13", p50_low: "" },
    });
    expect(cells(second)).to.include({ metric: "request_throughput", avg: "4.25", count: "" });
    // A group without any metric still has its counts.
    expect(cells(rest[0] ?? "")).to.include({ error: "", succeeded: "40", metric: "", p99_high: "" });
    expect(rest.slice(1)).to.deep.equal([""]);
    const json = JSON.parse(JSON.stringify(groupsJson("r", groups, 3n)));
    expect(json).to.deep.include({ run_id: "r", left_out_requests: 3 });
    expect(json.groups[0].keys).to.deep.equal({ target: "b\u001b[2J", error: "timeout" });
    expect(json.groups[1]).to.deep.include({ keys: { target: "b\u001b[2J", error: null }, errored: 2, metrics: {} });
    expect(json.groups[0].metrics.time_to_first_token.confidence).to.deep.equal({ avg: [12, 13] });
  });
});
