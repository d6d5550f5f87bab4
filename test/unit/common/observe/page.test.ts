import { expect } from "chai";
import fc from "fast-check";
import { Histogram } from "../../../../services/common/observe/counting.ts";
import type { Family } from "../../../../services/common/observe/instrument.ts";
import { render } from "../../../../services/common/observe/page.ts";
import { parseMetricsPage } from "../../../support/metrics-page.ts";

const gauge = (points: Family["points"]): Family => ({
  name: "assay_x_things",
  instrument: { kind: "gauge", unit: "{thing}", help: 'Things, "quoted" and back\\slashed', labels: ["kind"] },
  points,
});

describe("the metrics page", () => {
  it("has help and type of every family", async () => {
    const { types, helps } = parseMetricsPage(await render([gauge([{ labels: {}, value: 1 }])]));
    expect([...types]).to.deep.equal([["assay_x_things", "gauge"]]);
    expect(helps.get("assay_x_things")).to.equal('Things, "quoted" and back\\slashed');
  });

  it("leaves out a family without a value", async () => {
    expect(parseMetricsPage(await render([gauge([])])).samples).to.deep.equal([]);
  });

  it("holds every value under its labels, whatever stands in them", async () => {
    const value = fc.double({ noNaN: true });
    const points = fc.uniqueArray(fc.tuple(fc.string(), value), { selector: ([label]) => label });
    await fc.assert(
      fc.asyncProperty(points, async (pairs) => {
        const page = await render([gauge(pairs.map(([kind, number]) => ({ labels: { kind }, value: number })))]);
        const read = parseMetricsPage(page).samples.map(({ labels, value: number }) => [labels.get("kind"), number + 0]);
        expect(read).to.deep.equal(pairs.map(([kind, number]) => [kind, number + 0]));
      }),
    );
  });

  it("cumulates the buckets of a histogram", async () => {
    const histogram = new Histogram([0.5, 1]);
    for (const value of [0.1, 0.7, 0.9, 5]) histogram.observe(value);
    const family: Family = {
      name: "assay_x_wait_seconds",
      instrument: { kind: "histogram", unit: "s", help: "Wait", bounds: [0.5, 1] },
      points: [{ labels: { a: "b" }, value: histogram.distribution }],
    };
    const { samples, types } = parseMetricsPage(await render([family]));
    expect(types.get("assay_x_wait_seconds")).to.equal("histogram");
    expect(samples.map(({ name, labels, value }) => [name, labels.get("le"), value])).to.deep.equal([
      ["assay_x_wait_seconds_bucket", "0.5", 1],
      ["assay_x_wait_seconds_bucket", "1", 3],
      ["assay_x_wait_seconds_bucket", "+Inf", 4],
      ["assay_x_wait_seconds_sum", undefined, 6.7],
      ["assay_x_wait_seconds_count", undefined, 4],
    ]);
    expect(samples.every(({ labels }) => labels.get("a") === "b")).to.equal(true);
  });
});
