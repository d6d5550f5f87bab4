import { expect } from "chai";
import { ModelCounts } from "../../../../mock/grpc/statistics.ts";
import { tritonPage } from "../../../../mock/pages/triton.ts";
import { parseMetricsPage } from "../../../support/metrics-page.ts";

function served(name: string) {
  const counts = new ModelCounts();
  counts.succeeded(2, { receivedNs: 0, startNs: 1e6, endNs: 5e6 });
  counts.succeeded(1, { receivedNs: 0, startNs: 3e6, endNs: 4e6 });
  counts.failed(7e6);
  counts.cancelled();
  for (let request = 0; request < 3; request++) counts.waits();
  counts.waitedFor();
  return { name, counts };
}

describe("the mock's Triton page", () => {
  it("shows what each model did, in Triton's names, labels and microseconds", () => {
    const { samples, types } = parseMetricsPage(tritonPage([served("a"), { name: 'b"', counts: new ModelCounts() }]));
    const valueFor = (name: string, model: string, reason?: string): number | undefined =>
      samples.find(
        (sample) =>
          sample.name === `nv_inference_${name}` &&
          sample.labels.get("model") === model &&
          sample.labels.get("reason") === reason,
      )?.value;
    const gauges = [...types].filter(([, type]) => type !== "counter");
    expect(gauges).to.deep.equal([["nv_inference_pending_request_count", "gauge"]]);
    expect(samples.every(({ labels }) => labels.get("version") === "1")).to.equal(true);
    expect(valueFor("request_success", "a")).to.equal(2);
    expect(valueFor("request_failure", "a", "BACKEND")).to.equal(1);
    expect(valueFor("request_failure", "a", "CANCELED")).to.equal(1);
    expect(valueFor("request_failure", "a", "OTHER")).to.equal(0);
    expect(valueFor("count", "a")).to.equal(3);
    expect(valueFor("exec_count", "a")).to.equal(2);
    expect(valueFor("request_duration_us", "a")).to.equal(9000);
    expect(valueFor("queue_duration_us", "a")).to.equal(4000);
    expect(valueFor("compute_infer_duration_us", "a")).to.equal(5000);
    expect(valueFor("pending_request_count", "a")).to.equal(2);
    expect(valueFor("request_success", 'b"')).to.equal(0);
  });

  it("is empty where nothing is served over gRPC", () => {
    expect(tritonPage([])).to.equal("");
  });
});
