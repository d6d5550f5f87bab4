/** The built-in server from clients of others' making: NVIDIA's for Python, and ghz, each of which reads the protocol by itself. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { createMock, type Mock } from "../../mock/server.ts";
import { InferenceClient } from "../support/kserve-client.ts";

const servers = process.env.ASSAY_SERVERS ?? join(homedir(), ".cache/assay-servers");
const python = join(servers, "tritonclient/bin/python");
const ghz = join(servers, "ghz/ghz");
const protos = join(import.meta.dirname, "../../proto");

/** What a program says, which it has so long for. */
async function said(program: string, ...args: readonly string[]) {
  const { stdout } = await promisify(execFile)(program, args, { timeout: 60_000, maxBuffer: 16 << 20 });
  return JSON.parse(stdout);
}

describe("the built-in server's KServe service from others' clients", function () {
  this.timeout(90_000);
  let mock: Mock;
  let address: string;

  beforeEach(async () => {
    mock = await createMock({ grpcPort: 0, ttftMs: 1, itlMs: 1 });
    address = String(mock.grpcAddress);
  });
  afterEach(() => mock.stop());

  it("is what tritonclient takes for a Triton", async function () {
    if (!existsSync(join(servers, "tritonclient/.installed"))) this.skip();
    const { live, server, metadata, decoupled, sums, vllm, trtllm, unknown, statistics } = await said(
      python,
      join(import.meta.dirname, "tritonclient/calls.py"),
      address,
    );
    expect({ live, server, decoupled }).to.deep.equal({ live: true, server: "assay mock", decoupled: true });
    expect(metadata).to.deep.include({ name: "add_sub", versions: ["1"] });
    expect(metadata.inputs[0]).to.deep.equal({ name: "INPUT0", datatype: "FP32", shape: ["-1", "4"] });
    expect(sums).to.deep.equal([
      { OUTPUT0: [[5, 5, 5, 5]], OUTPUT1: [[-3, -1, 1, 3]] },
      { OUTPUT0: [[0.75, 0, 0, 0]], OUTPUT1: [[0.25, 0, 0, 0]] },
    ]);
    // One of the two kinds ends with its last text, the other behind it.
    expect(vllm.finals).to.deep.equal([false, false, true]);
    expect(trtllm.finals).to.deep.equal([false, false, false, true]);
    for (const { texts } of [vllm, trtllm]) expect(texts).to.have.lengthOf(3);
    expect(unknown).to.contain("NOT_FOUND");
    expect(statistics).to.deep.include({ inference_count: "2", execution_count: "2" });
    expect(statistics.inference_stats.success.count).to.equal("2");
  });

  it("has as many requests as ghz has sent", async function () {
    if (!existsSync(join(servers, "ghz/.installed"))) {
      // Without Go it cannot be built: test/real/prepare says so.
      this.skip();
    }
    const data = {
      model_name: "identity",
      inputs: [{ name: "INPUT0", datatype: "FP32", shape: [4], contents: { fp32_contents: [1, 2, 3, 4] } }],
    };
    const { count, statusCodeDistribution } = await said(
      ghz,
      ...["--insecure", "--import-paths", protos, "--proto", "inference/inference_service.proto"],
      ...["--call", "inference.GRPCInferenceService.ModelInfer", "--concurrency", "8", "--total", "2000"],
      ...["--format", "json", "--data", JSON.stringify(data), address],
    );
    expect({ count, statusCodeDistribution }).to.deep.equal({ count: 2000, statusCodeDistribution: { OK: 2000 } });
    const client = new InferenceClient(address);
    const { modelStats } = await client.call("modelStatistics", { name: "identity" });
    client.close();
    const [{ inferenceCount, executionCount, inferenceStats }] = modelStats;
    expect({ inferenceCount, executionCount, success: inferenceStats.success.count }).to.deep.equal({
      inferenceCount: 2000n,
      executionCount: 2000n,
      success: 2000n,
    });
  });
});
