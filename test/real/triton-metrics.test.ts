/** Triton's own page of metrics beside the built-in server's page of the same names. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createMock, type Mock } from "../../mock/server.ts";
import { type MetricsPage, parseMetricsPage } from "../support/metrics-page.ts";
import { useBudget } from "./budgets.ts";
import { freePorts } from "./free-ports.ts";
import { type RealServer, startRealServer } from "./real-server.ts";

const installed = join(process.env.ASSAY_SERVERS ?? join(homedir(), ".cache/assay-servers"), "triton/.installed");

describe("Triton's own page of metrics", function () {
  this.timeout(180_000);
  useBudget("Triton");
  let triton: RealServer;
  let mock: Mock;
  let metricsUrl: string;

  before(async function () {
    if (!existsSync(installed)) this.skip();
    const [grpc, http, metrics] = await freePorts(3);
    const env = { TRITON_GRPC_PORT: String(grpc), TRITON_HTTP_PORT: String(http), TRITON_METRICS_PORT: String(metrics) };
    triton = await startRealServer("triton", env, "/v2/health/ready");
    mock = await createMock({ grpcPort: 0 });
    metricsUrl = `http://127.0.0.1:${metrics}/metrics`;
  });

  after(async () => {
    await Promise.all([triton?.stop(), mock?.stop()]);
  });

  async function pageOf(url: string): Promise<string> {
    return (await fetch(url, { signal: AbortSignal.timeout(5000), headers: { connection: "close" } })).text();
  }

  it("has the names, types and labels that the built-in server's page has", async () => {
    const [real, own] = [parseMetricsPage(await pageOf(metricsUrl)), parseMetricsPage(await pageOf(mock.tritonMetricsUrl))];
    for (const [name, type] of own.types) {
      expect(real.types.get(name), name).to.equal(type);
      expect(labelsOf(own, name), name).to.deep.equal(labelsOf(real, name));
    }
  });
});

/** Names of labels, and the values of those that are not a model's own, of one model's series. */
function labelsOf({ samples }: MetricsPage, name: string): string[] {
  return samples
    .filter((sample) => sample.name === name && sample.labels.get("model") === "add_sub")
    .map(({ labels }) =>
      [...labels]
        .map(([label, value]) => `${label}=${value}`)
        .sort()
        .join(" "),
    )
    .sort();
}
