import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { ServerFigureSchema } from "../../../gen/assay/records_manager/v1/served_pb.js";
import { createPaint } from "../../../report/paint.ts";
import { serverFigureLines } from "../../../report/server-figures.ts";
import { widthOf } from "../../../report/text.ts";

const figures = [
  create(ServerFigureSchema, { name: "requests_succeeded", unit: "requests", server: 1990, client: 2000 }),
  create(ServerFigureSchema, { name: "requests_failed", unit: "requests", server: 0 }),
  create(ServerFigureSchema, { name: "ttft", unit: "ms", server: 20.5, client: 22 }),
  create(ServerFigureSchema, { name: "kv_cache_usage", unit: "ratio", server: 0.25, max: 0.5 }),
];
const style = (width: number) => ({ width, paint: createPaint(false) });

describe("the table of servers' metrics pages", () => {
  it("has what the server says, the greatest level, what the client saw, and the difference", () => {
    const cells = serverFigureLines(figures, style(120))
      .filter((line) => line.includes("│"))
      .map((line) => line.split("│").map((cell) => cell.trim()));
    expect(cells.map((row) => row.slice(1, -1))).to.deep.equal([
      ["Requests that succeeded", "1,990", "", "2,000", "10"],
      ["Time to First Token (ms)", "20.50", "", "22.00", "1.50"],
      ["KV cache in use (%)", "25.00", "50.00", "", ""],
    ]);
  });

  it("fits into sixty columns", () => {
    for (const line of serverFigureLines(figures, style(60))) expect(widthOf(line)).to.be.at.most(60);
  });

  it("is not there where no page was scraped", () => {
    expect(serverFigureLines([], style(120))).to.deep.equal([]);
  });
});
