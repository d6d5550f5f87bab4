import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { ServedModelSchema } from "../../../gen/assay/records_manager/v1/served_pb.js";
import { createPaint } from "../../../report/paint.ts";
import { servedLines } from "../../../report/served.ts";
import { widthOf } from "../../../report/text.ts";

const served = [
  create(ServedModelSchema, {
    server: "grpc://10.0.0.1:8001",
    model: "resnet\u001b[2J",
    inferences: 4000n,
    executions: 1000n,
    success: { count: 1990n, ns: 1e9 },
    fail: { count: 10n, ns: 1e6 },
    queue: { count: 1000n, ns: 2.5e9 },
    computeInfer: { count: 1000n, ns: 40e9 },
    cacheHit: { count: 7n, ns: 7 },
    firstResponse: { count: 0n, ns: 0 },
  }),
];
const style = (width: number) => ({ width, paint: createPaint(false) });

describe("the table of servers' statistics", () => {
  it("has a row for each model: counts, the mean batch, mean times", () => {
    const lines = servedLines(served, style(160));
    const row = lines.find((line) => line.includes("resnet")) ?? "";
    const cells = row.split("│").map((cell) => cell.trim());
    expect(cells.slice(2, -1)).to.deep.equal([
      ...["grpc://10.0.0.1:8001", "2,000", "10", "1,000", "4.00", "7"],
      ...["2.50", "N/A", "40.00", "N/A", "N/A"],
    ]);
    expect(lines.join("\n")).to.not.include("\u001b");
  });

  it("fits into eighty columns", () => {
    for (const line of servedLines(served, style(80))) expect(widthOf(line)).to.be.at.most(80);
  });

  it("is not there where no server says anything", () => {
    expect(servedLines([], style(160))).to.deep.equal([]);
  });
});
