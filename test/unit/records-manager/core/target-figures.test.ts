import { expect } from "chai";
import { requestLatency } from "../../../../metrics/request-latency.ts";
import { timeToFirstToken } from "../../../../metrics/time-to-first-token.ts";
import { targetLabels } from "../../../../services/records-manager/core/target-endpoint.ts";
import { TargetFigures } from "../../../../services/records-manager/core/target-figures.ts";

describe("figures of several targets", () => {
  it("tell each target's outcomes, share and distributions, in the order of the spec", () => {
    const figures = new TargetFigures(["a", "b", "idle"]);
    for (const target of [0, 0, 0, 1]) figures.count(target, "succeeded");
    figures.count(1, "errored");
    figures.count(1, "cancelled");
    for (const value of [10, 20, 30]) figures.add(0, value);
    figures.add(1, 100);
    figures.endMetric(requestLatency);
    figures.add(1, 7);
    figures.endMetric(timeToFirstToken);
    const [a, b, idle] = figures.summaries(8);
    expect(a).to.include({ index: 0, label: "a", succeeded: 3, errored: 0, throughputShare: 0.75, requestThroughput: 6 });
    expect(a?.metrics.map(({ tag, statistics }) => [tag, statistics.p50])).to.deep.equal([["request_latency", 20]]);
    expect(b).to.include({ index: 1, succeeded: 1, errored: 1, cancelled: 1, throughputShare: 0.25, requestThroughput: 2 });
    expect(b?.metrics.map(({ tag, statistics }) => [tag, statistics.count, statistics.avg])).to.deep.equal([
      ["request_latency", 1, 100],
      ["time_to_first_token", 1, 7],
    ]);
    expect(idle).to.deep.include({ label: "idle", succeeded: 0, throughputShare: 0, requestThroughput: 0, metrics: [] });
  });

  it("are zero where nothing succeeded", () => {
    const figures = new TargetFigures(["a", "b"]);
    figures.count(0, "errored");
    figures.count(7, "errored");
    for (const { throughputShare, requestThroughput } of figures.summaries(undefined)) {
      expect([throughputShare, requestThroughput]).to.deep.equal([0, 0]);
    }
  });

  it("are told by label, or by URL where there is none", () => {
    const spec = JSON.stringify({ target: { urls: [{ url: "http://a", label: "one" }, { url: "http://b" }] } });
    expect(targetLabels(spec)).to.deep.equal(["one", "http://b"]);
    expect(targetLabels("{}")).to.deep.equal([]);
  });
});
