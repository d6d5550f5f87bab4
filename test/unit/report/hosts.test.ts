import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { HostSummarySchema } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { hostLines } from "../../../report/hosts.ts";
import { createPaint } from "../../../report/paint.ts";
import { widthOf } from "../../../report/text.ts";

type HostInit = Exclude<MessageInitShape<typeof HostSummarySchema>, { $typeName: string }>;

function host(name: string, change: HostInit = {}) {
  return create(HostSummarySchema, {
    name,
    workers: 3,
    succeeded: 1234n,
    errored: 2n,
    cancelled: 3n,
    requestThroughput: 61.5,
    metrics: [{ tag: "request_latency", p50: 200.5, p99: 310 }],
    lateness: { tag: "lateness", count: 9n, p50: 0.1, p99: 1.25 },
    loopUtilizationMax: 0.42,
    clock: { offsetNs: 5e12, uncertaintyNs: 123_400, driftPpm: -12.34 },
    ...change,
  });
}

const style = (width: number) => ({ width, paint: createPaint(false) });
const cellsOf = (lines: readonly string[], text: string): string[] =>
  (lines.find((line) => line.includes(text)) ?? "")
    .split("│")
    .slice(1, -1)
    .map((cell) => cell.trim());

describe("the table of load hosts", () => {
  it("has a row for each, with what it sent, how late and how busy it was, and its clock", () => {
    const lines = hostLines([host("h1"), host("h2\u001b[2J", { clock: { offsetNs: 0 }, metrics: [] })], style(140));
    expect(cellsOf(lines, "h1")).to.deep.equal([
      "h1",
      "3",
      "1,234",
      "5",
      "61.50",
      "200.50",
      "310.00",
      "1.25",
      "42.00",
      "0.123",
      "-12.3",
    ]);
    expect(cellsOf(lines, "h2").slice(5, 7)).to.deep.equal(["N/A", "N/A"]);
    expect(lines.join("\n")).to.not.include("\u001b");
  });

  it("has no clocks where all have the suite's own, and no lateness in a closed loop", () => {
    const { lateness: _lateness, clock: _clock, ...plain } = host("h1");
    const lines = hostLines([create(HostSummarySchema, { ...plain, clock: { offsetNs: 0 } } as HostInit)], style(140));
    expect(lines.join("\n")).to.not.match(/Clock|Drift|Late p99/);
  });

  it("fits into eighty columns, and is not there without hosts", () => {
    const lines = hostLines([host("h1"), host("x".repeat(90))], style(80));
    expect(Math.max(...lines.map(widthOf))).to.be.at.most(80);
    expect(hostLines([], style(80))).to.deep.equal([]);
  });
});
