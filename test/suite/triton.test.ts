/** Runs over gRPC, against the built-in server as Triton speaks it. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { createCertWorkshop } from "../support/certs.ts";
import { InferenceClient } from "../support/kserve-client.ts";
import { runShell, shellBlocksOf } from "../support/shell-page.ts";
import { endsWithinMs, expectReconciled, runFile, type Stage, useStages } from "../support/suite.ts";

const root = join(import.meta.dirname, "../..");
const requests = 6;

interface Figures {
  readonly [name: string]: { readonly avg: number; readonly count: number };
}

/** As the server has counted them. */
async function inferencesOf(address: string, name: string): Promise<bigint> {
  const client = new InferenceClient(address);
  try {
    const { modelStats } = await client.call("modelStatistics", { name });
    return modelStats[0].inferenceCount;
  } finally {
    client.close();
  }
}

describe("a run over gRPC", function () {
  this.timeout(8 * endsWithinMs);
  const test = useStages();

  async function start(stage: Stage, model: string, options: Parameters<Stage["mock"]>[0], ...args: readonly string[]) {
    const mock = await stage.mock({ grpcPort: 0, ttftMs: 20, itlMs: 5, ...options });
    const target = ["run", "-m", model, "-u", `grpc://${mock.grpcAddress}`, "--no-gpu-telemetry", "--artifact-dir", "out"];
    const lengths = args.includes("tensor") ? [] : ["--isl", "20", "--osl", "8"];
    const load = [...lengths, "--request-count", String(requests), "--concurrency", "3"];
    const { code, stderr } = await stage.start([...target, ...load, ...args]).exit();
    const folder = join(stage.folder, "out");
    const figures = (): Figures => JSON.parse(readFileSync(join(folder, "profile_export_aiperf.json"), "utf8"));
    return { mock, code, stderr, run: () => runFile(folder), figures };
  }

  for (const [type, model] of [
    ["triton_generate", "vllm_model"],
    ["trtllm", "ensemble"],
    ["kserve", "ensemble"],
  ] as const) {
    test(`of type ${type} has every token of its streams, with its moment`, async (stage) => {
      const ran = await start(stage, model, {}, "--endpoint-type", type, "--streaming");
      expect(ran.code, ran.stderr).to.equal(0);
      expectReconciled(ran.run(), { requests });
      expect(ran.run().errors).to.deep.equal({ "": requests });
      const figures = ran.figures();
      expect(figures.output_sequence_length?.avg).to.equal(8);
      // The server waits for so long at least; what stands still in between makes gaps shorter.
      expect(figures.time_to_first_token?.avg).to.be.at.least(20 - 2);
      expect(figures.request_latency?.avg).to.be.at.least(20 + 7 * 5 - 2);
      expect(figures.inter_token_latency?.count).to.equal(requests);
    });
  }

  test("goes on streams that stay open, compressed, in TLS with a certificate of its own, all the same", async (stage) => {
    const workshop = createCertWorkshop();
    try {
      const ca = workshop.ca("Test CA");
      const own = ca.issue("localhost", "IP:127.0.0.1");
      const client = ca.issue("client");
      const tls = { tlsCert: own.certPath, tlsKey: own.keyPath, tlsClientCa: ca.certPath };
      const mock = await stage.mock({ grpcPort: 0, ttftMs: 5, itlMs: 2, ...tls });
      const target = [
        "run",
        "-m",
        "vllm_model",
        "-u",
        `grpcs://${mock.grpcAddress}`,
        "--endpoint-type",
        "triton_generate",
        "--streaming",
      ];
      const calls = ["--grpc-stream-per", "slot", "--grpc-compression", "gzip", "--grpc-keepalive", "1"];
      const secured = ["--target-ca", ca.certPath, "--target-cert", client.certPath, "--target-key", client.keyPath];
      const load = [
        "--isl",
        "200",
        "--osl",
        "8",
        "--request-count",
        String(requests),
        "--concurrency",
        "2",
        "--no-gpu-telemetry",
      ];
      const { code, stderr } = await stage.start([...target, ...calls, ...secured, ...load, "--artifact-dir", "out"]).exit();
      expect(code, stderr).to.equal(0);
      expect(runFile(join(stage.folder, "out")).errors).to.deep.equal({ "": requests });
      const figures: Figures = JSON.parse(readFileSync(join(stage.folder, "out/profile_export_aiperf.json"), "utf8"));
      expect(figures.output_sequence_length?.avg).to.equal(8);
    } finally {
      workshop.remove();
    }
  });

  test("of whole answers has latencies and no TTFT", async (stage) => {
    const counted = ["--extra-inputs", "return_num_output_tokens:true", "--extra-inputs", "return_num_input_tokens:true"];
    const ran = await start(stage, "ensemble_unary", {}, "--endpoint-type", "trtllm", ...counted);
    expect(ran.code, ran.stderr).to.equal(0);
    expect(ran.figures()).to.include.keys("request_latency", "output_sequence_length");
    expect(ran.figures()).to.not.include.keys("time_to_first_token");
    expect(ran.figures().output_sequence_length?.avg).to.equal(8);
  });

  test("of bare tensors makes them as the model has them, and counts inferences", async (stage) => {
    const ran = await start(stage, "add_sub", {}, "--endpoint-type", "tensor", "--batch-size", "4");
    expect(ran.code, ran.stderr).to.equal(0);
    expectReconciled(ran.run(), { requests });
    expect(ran.run().errors).to.deep.equal({ "": requests });
    const { request_throughput: requestRate, inference_throughput: inferenceRate, ...others } = ran.figures();
    expect(inferenceRate?.avg).to.be.closeTo(4 * (requestRate?.avg ?? 0), 1e-6);
    expect(others).to.include.keys("request_latency");
    expect(others).to.not.include.keys("output_sequence_length", "input_sequence_length", "output_token_throughput");
    expect(await inferencesOf(String(ran.mock.grpcAddress), "add_sub")).to.equal(BigInt(4 * requests));
  });

  test("of tensors out of a file has its outputs held against what it expects", async (stage) => {
    const numbers = (...values: number[]) => ({ INPUT0: values, INPUT1: { content: [1, 1, 1, 1], shape: [4] } });
    const data = [[numbers(1, 2, 3, 4), numbers(5, 6, 7, 8)]];
    const expected = [[{ OUTPUT0: [2, 3, 4, 5] }, { OUTPUT1: [4, 5, 6, 6] }]];
    const file = join(stage.folder, "data.json");
    writeFileSync(file, JSON.stringify({ data, validation_data: expected }));
    const mock = await stage.mock({ grpcPort: 0 });
    const target = ["run", "-m", "add_sub", "-u", `grpc://${mock.grpcAddress}`, "--no-gpu-telemetry", "--artifact-dir", "out"];
    const { code, stderr } = await stage
      .start([...target, "--endpoint-type", "tensor", "--input-data", file, "--request-count", "4", "--concurrency", "1"])
      .exit();
    expect(code, stderr).to.equal(0);
    const figures: Figures = JSON.parse(readFileSync(join(stage.folder, "out/profile_export_aiperf.json"), "utf8"));
    expect(runFile(join(stage.folder, "out")).errors).to.deep.equal({ "": 4 });
    expect(figures.correct_request_rate?.avg).to.equal(50);
  });

  test("of tensors out of a file that the model does not take does not begin, and says which and what it takes", async (stage) => {
    const mock = await stage.mock({ grpcPort: 0 });
    const target = [
      "run",
      "-m",
      "add_sub",
      "-u",
      `grpc://${mock.grpcAddress}`,
      "--no-gpu-telemetry",
      "--endpoint-type",
      "tensor",
    ];
    const good = { INPUT0: [1, 2, 3, 4], INPUT1: [1, 2, 3, 4] };
    const file = join(stage.folder, "data.json");
    const refused = async (document: object): Promise<string> => {
      writeFileSync(file, JSON.stringify(document));
      const load = ["--input-data", "data.json", "--request-count", "1", "--artifact-dir", "out"];
      const { code, stderr } = await stage.start([...target, ...load]).exit();
      expect(code, stderr).to.equal(2);
      expect(existsSync(join(stage.folder, "out/profile_export_aiperf.json"))).to.equal(false);
      return stderr.split("\n").find((line) => line.includes("data.json")) ?? expect.fail(stderr);
    };
    const takes = "; model add_sub takes INPUT0 FP32 [4], INPUT1 FP32 [4]";
    expect(await refused({ data: [[good], [good, { ...good, INPUT1: [1, 2, 3] }, { INPUT0: [1] }]] })).to.contain(
      `data.json: stream 2, step 2: tensor INPUT1: shape [4] needs 4 elements, got 3${takes} (and 1 more of 4 steps)`,
    );
    expect(await refused({ data: [{ ...good, INPUT2: [1] }] })).to.contain(
      `data.json: stream 1, step 1: model add_sub has no input INPUT2, which the dataset names, it has INPUT0, INPUT1${takes}`,
    );
    expect(await refused({ data: [good], validation_data: [{ OUTPUT7: [1] }] })).to.contain(
      "data.json: stream 1, step 1: model add_sub has no output OUTPUT7, which is expected; model add_sub gives OUTPUT0 FP32 [4],",
    );
    expect(await inferencesOf(String(mock.grpcAddress), "add_sub")).to.equal(0n);
  });

  test("asks for the version of a model that it is told, and does not begin where there is none", async (stage) => {
    const ran = await start(stage, "add_sub", {}, "--endpoint-type", "tensor", "-x", "1", "--export-level", "raw");
    expect(ran.code, ran.stderr).to.equal(0);
    expectReconciled(ran.run(), { requests });
    const inputs = JSON.parse(readFileSync(join(stage.folder, "out/inputs.json"), "utf8"));
    expect(inputs.data[0].payloads[0].model_version).to.equal("1");
    const other = [
      "run",
      "-m",
      "add_sub",
      "-u",
      `grpc://${ran.mock.grpcAddress}`,
      "--no-gpu-telemetry",
      "--endpoint-type",
      "tensor",
    ];
    const { code, stderr } = await stage.start([...other, "--model-version", "7", "--request-count", "1"]).exit();
    expect(code).to.equal(1);
    expect(stderr).to.contain("version 7 is not found; --model-version: model add_sub has version 1");
  });

  test("of tensors is refused where texts are spoken of, by the names of the options", async (stage) => {
    const target = ["run", "-m", "m", "-u", "grpc://localhost:1", "--endpoint-type", "tensor", "--request-count", "1"];
    const { code, stderr } = await stage.start([...target, "--isl", "20", "--osl", "8"]).exit();
    expect(code).to.equal(2);
    expect(stderr).to.match(/--isl 20: must not be given: endpoint tensor sends and gets tensors/);
    expect(stderr).to.match(/--osl 8: must not be given: endpoint tensor sends and gets tensors/);
  });

  test("has the server's statuses and errors as those of its requests", async (stage) => {
    const failing = { failures: { "503": 1 } };
    const streamed = await start(stage, "vllm_model", failing, "--endpoint-type", "triton_generate", "--streaming", "--no-probe");
    expect(streamed.run().errors).to.deep.equal({ in_band_error: requests });
    const unary = await start(stage, "ensemble_unary", failing, "--endpoint-type", "trtllm", "--no-probe");
    expect(unary.run().errors).to.deep.equal({ grpc_unavailable: requests });
  });

  test("has what the server counts of each phase beside its own, and its own times of each request", async (stage) => {
    const extras = ["--warmup-request-count", "4", "--extra-inputs", "return_perf_metrics:true"];
    const ran = await start(stage, "ensemble", {}, "--endpoint-type", "trtllm", "--streaming", ...extras);
    expect(ran.code, ran.stderr).to.equal(0);
    const { assay } = ran.figures() as unknown as { assay: { phases: { server_statistics: object[]; notes: object[] }[] } };
    for (const [index, count] of [4, requests].entries()) {
      const { server_statistics: told, notes } = assay.phases[index] ?? expect.fail();
      expect(told).to.have.lengthOf(1);
      expect(told[0]).to.deep.include({
        ...{ server: `grpc://${ran.mock.grpcAddress}`, model: "ensemble", version: "1" },
        ...{ inferences: count, executions: count, batch_sizes: { "1": count } },
      });
      expect(JSON.stringify(notes)).to.not.contain("server_counts");
    }
    const { time_to_first_token: ours, server_time_to_first_token: theirs } = ran.figures();
    expect(theirs?.count).to.equal(requests);
    expect(theirs?.avg).to.be.within(20, ours?.avg ?? 0);
    expect(readFileSync(join(stage.folder, "out/profile_export_console.txt"), "utf8")).to.contain(
      "By the Server's Own Statistics",
    );
  });

  test("is refused where URL and endpoint type do not go together", async (stage) => {
    const { code, stderr } = await start(stage, "m", {}, "--endpoint-type", "chat");
    expect(code).to.equal(2);
    expect(stderr).to.contain("endpoint chat speaks HTTP: the URL must be http or https");
  });

  test("does what docs/triton.md says", async (stage) => {
    const folder = join(stage.folder, "bin");
    mkdirSync(folder);
    writeFileSync(join(folder, "assay"), `#!/bin/sh\nexec '${process.execPath}' '${join(root, "services/main.ts")}' "$@"\n`);
    chmodSync(join(folder, "assay"), 0o755);
    const script = (await shellBlocksOf(join(root, "docs/triton.md"))).join("\n");
    const { code, stdout, stderr } = await runShell(script, { PATH: `${folder}:${process.env.PATH}` }, stage.folder);
    expect(code, `${stdout}${stderr}`).to.equal(0);
    expect(stdout.match(/Time to First Token/g)).to.have.lengthOf.at.least(2);
  });
});
