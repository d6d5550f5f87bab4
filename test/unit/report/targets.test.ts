import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { TargetSummarySchema } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { createPaint } from "../../../report/paint.ts";
import { targetLines } from "../../../report/targets.ts";
import { widthOf } from "../../../report/text.ts";

type TargetInit = Exclude<MessageInitShape<typeof TargetSummarySchema>, { $typeName: string }>;

function target(change: TargetInit) {
  return create(TargetSummarySchema, {
    label: "http://10.0.0.1:8000",
    succeeded: 1234n,
    throughputShare: 0.75,
    requestThroughput: 61.5,
    metrics: [
      { tag: "request_latency", p50: 200.5, p99: 310 },
      { tag: "time_to_first_token", p50: 20.25, p99: 31 },
    ],
    ...change,
  });
}

const targets = [target({}), target({ index: 1, label: "spare\u001b[2J", errored: 2n, cancelled: 3n, metrics: [] })];
const style = (width: number) => ({ width, paint: createPaint(false) });

describe("the table of targets", () => {
  it("has a row for each, with what it answered and how fast", () => {
    const lines = targetLines(targets, style(140));
    const rowOf = (text: string): string[] =>
      (lines.find((line) => line.includes(text)) ?? "").split("│").map((cell) => cell.trim());
    expect(rowOf("http://10.0.0.1:8000")).to.deep.equal([
      "",
      "http://10.0.0.1:8000",
      "1,234",
      "0",
      "75.0 %",
      "61.50",
      "20.25",
      "31.00",
      "200.50",
      "310.00",
      "",
    ]);
    expect(rowOf("spare").slice(2, 7)).to.deep.equal(["1,234", "5", "75.0 %", "61.50", "N/A"]);
    expect(lines.join("\n")).to.not.include("\u001b");
    expect(lines.join("\n")).to.not.include("ITL");
  });

  it("fits into eighty columns", () => {
    const itl = [{ tag: "inter_token_latency", p50: 5, p99: 6 }];
    const lines = targetLines([...targets, target({ label: `http://${"x".repeat(90)}`, metrics: itl })], style(80));
    expect(Math.max(...lines.map(widthOf))).to.be.at.most(80);
  });

  it("is not there where there is one target", () => {
    expect(targetLines([], style(80))).to.deep.equal([]);
  });
});
