import { expect } from "chai";
import { LiveFigures, type LiveHistogram } from "../../../../services/records-manager/core/live.ts";
import { cancelled, failed, METRIC_TAGS, record } from "../records.ts";

/** Keeps what it is given, exactly. */
function exactHistogram(): LiveHistogram {
  const values: number[] = [];
  return {
    get totalCount() {
      return values.length;
    },
    get maxValue() {
      return Math.max(...values);
    },
    recordValue: (value) => values.push(value),
    getValueAtPercentile: (percentile) =>
      values.sort((a, b) => a - b)[Math.ceil((percentile / 100) * values.length) - 1] as number,
    addEncoded: (encoded) => values.push(...(JSON.parse(encoded) as number[])),
    encoded: () => JSON.stringify(values),
  };
}

describe("live figures", () => {
  const metrics = ["time_to_first_token", "lateness"].map((tag) => ({ tag, index: METRIC_TAGS.indexOf(tag) }));

  it("count each outcome once, and values of successes alone", () => {
    const live = new LiveFigures(metrics, exactHistogram);
    live.add(record(1, { metrics: { time_to_first_token: 10.5 } }));
    live.add(record(2, { metrics: { time_to_first_token: 20.25 } }));
    live.add(failed(3, { metrics: { time_to_first_token: 99 } }));
    live.add(cancelled(4));
    const [phase] = live.snapshot();
    expect(phase).to.include({ phase: 0, succeeded: 2, errored: 1, cancelled: 1 });
    expect(phase?.metrics.get("time_to_first_token")).to.deep.equal({
      count: 2,
      avg: 15.375,
      p50: 10.5,
      p90: 20.25,
      p99: 20.25,
      max: 20.25,
    });
  });

  it("count a value below 0 as 0, and leave out what is none", () => {
    const live = new LiveFigures(metrics, exactHistogram);
    live.add(record(1, { metrics: { lateness: -0.5 } }));
    const metricsOf = live.snapshot()[0]?.metrics;
    expect(metricsOf?.get("lateness")).to.include({ count: 1, max: 0 });
    expect(metricsOf?.has("time_to_first_token")).to.equal(false);
  });

  it("keep phases apart, in their order", () => {
    const live = new LiveFigures(metrics, exactHistogram);
    live.add(record(9, { phase: 1 }));
    live.add(record(1));
    expect(live.snapshot().map(({ phase, succeeded }) => [phase, succeeded])).to.deep.equal([
      [0, 1],
      [1, 1],
    ]);
  });
});
