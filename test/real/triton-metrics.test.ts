/** Triton's own page of metrics beside the built-in server's page of the same names, and beside what a run says of itself. */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createMock, type Mock } from "../../mock/server.ts";
import { type MetricsPage, parseMetricsPage } from "../support/metrics-page.ts";
import { runFile, useStage } from "../support/suite.ts";
import { useBudget } from "./budgets.ts";
import { freePorts } from "./free-ports.ts";
import { sumOf } from "./metrics-page.ts";
import { type RealServer, startRealServer } from "./real-server.ts";

const installed = join(process.env.ASSAY_SERVERS ?? join(homedir(), ".cache/assay-servers"), "triton/.installed");

const endsWithinMs = 120_000;

describe("Triton's own page of metrics", function () {
  this.timeout(180_000);
  useBudget("Triton");
  let triton: RealServer;
  let mock: Mock;
  let metricsUrl: string;
  let grpcUrl: string;
  const stage = useStage();

  before(async function () {
    if (!existsSync(installed)) this.skip();
    const [grpc, http, metrics] = await freePorts(3);
    const env = { TRITON_GRPC_PORT: String(grpc), TRITON_HTTP_PORT: String(http), TRITON_METRICS_PORT: String(metrics) };
    triton = await startRealServer("triton", env, "/v2/health/ready");
    mock = await createMock({ grpcPort: 0 });
    grpcUrl = `grpc://127.0.0.1:${grpc}`;
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

  for (const [model, requests, ...endpoint] of [
    ["add_sub", 60, "--endpoint-type", "tensor", "--batch-size", "4"],
    [
      "ensemble",
      40,
      "--endpoint-type",
      "kserve",
      "--length-input-name",
      "max_tokens",
      "--streaming",
      "--isl",
      "20",
      "--osl",
      "8",
    ],
  ] as const) {
    it(`counts as many requests to ${model} as a run sent there, and the run says so`, async () => {
      const labels = { model };
      const before = sumOf(await pageOf(metricsUrl), "nv_inference_request_success", labels);
      const load = ["--request-count", String(requests), "--concurrency", "4", "--no-gpu-telemetry"];
      const asked = ["run", "-m", model, "-u", grpcUrl, ...endpoint, ...load, "--server-metrics", metricsUrl];
      const { code, stdout, stderr } = await stage.start([...asked, "--artifact-dir", "out"]).exit(endsWithinMs);
      expect(code, `${stdout}${stderr}`).to.equal(0);
      const folder = join(stage.folder, "out");
      const { rows, errors } = runFile(folder);
      expect({ rows, errors }).to.deep.equal({ rows: requests, errors: { "": requests } });
      expect(sumOf(await pageOf(metricsUrl), "nv_inference_request_success", labels) - before).to.equal(requests);
      const { assay } = JSON.parse(readFileSync(join(folder, "profile_export_aiperf.json"), "utf8"));
      expect(assay.phases[0].server_figures[0]).to.deep.include({
        name: "requests_succeeded",
        server: requests,
        client: requests,
      });
    });
  }
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
