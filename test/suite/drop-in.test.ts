import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "chai";
import type { Mock } from "../../mock/server.ts";
import { endsWithinMs, runFile, type Stage, useStages } from "../support/suite.ts";

const load = ["--streaming", "--concurrency", "4", "--isl", "20", "--osl", "5", "--random-seed", "7"];
const quiet = ["--no-gpu-telemetry", "--no-server-metrics", "--workers-max", "1", "--artifact-dir", "out"];

/** `aiperf profile`, where `aiperf` is an alias of `assay`. */
function profile(stage: Stage, { url }: Pick<Mock, "url">, ...args: readonly string[]) {
  return stage.start(["profile", "--model", "mock", "--url", url, "--tokenizer", "builtin", ...quiet, ...load, ...args]);
}

function summaryOf(
  stage: Stage,
): Record<string, { avg: number }> & { error_summary?: { count: number }[]; was_cancelled: boolean } {
  return JSON.parse(readFileSync(join(stage.folder, "out/profile_export_aiperf.json"), "utf8"));
}

describe("assay profile in the place of aiperf profile", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();

  for (const flags of [
    ["--goodput", "nosuch:1"],
    ["--adaptive-scale"],
    ["--request-rate", "fast"],
    ["--concurrency", "2,4"],
    ["--input-file", "nowhere.jsonl"],
    ["--warmup-concurrency", "2"],
  ]) {
    test(`refuses ${flags.join(" ")} before any traffic, by its name`, async (stage) => {
      const mock = await stage.mock();
      const { code, stdout, stderr } = await profile(stage, mock, ...flags).exit();
      expect(code, stderr).to.equal(2);
      expect(stderr).to.include(`assay profile: ${flags[0]}`);
      expect(stdout).to.equal("");
      expect(mock.stats().requests).to.equal(0);
    });
  }

  test("counts a stream with an error in it as failed, although it began well and its status is 200", async (stage) => {
    const mock = await stage.mock({ failures: { "error-event": 0.05 } });
    const { code, stderr } = await profile(stage, mock, "--request-count", "200").exit();
    const failed = mock.stats().failures["error-event"] ?? 0;
    expect(failed).to.be.above(0);
    expect(code, stderr).to.equal(failed > 20 ? 4 : 0);
    const { errors } = runFile(join(stage.folder, "out"));
    expect(errors).to.deep.equal({ "": 200 - failed, in_band_error: failed });
    const summary = summaryOf(stage);
    expect([summary.request_count?.avg, summary.error_request_count?.avg]).to.deep.equal([200 - failed, failed]);
    expect(summary.error_summary?.reduce((sum, { count }) => sum + count, 0)).to.equal(failed);
  });

  test("does not end with 0 where three in ten requests fail, unless that is allowed", async (stage) => {
    const mock = await stage.mock({ failures: { 500: 0.3 } });
    const { code, stdout, stderr } = await profile(stage, mock, "--request-count", "100").exit();
    expect(code, stderr).to.equal(4);
    expect(stderr).to.match(/\d+ of 100 requests failed \(.* %\), more than the 10\.0 % that a run may have/);
    expect(stdout).to.include("http_5xx");
    const any = ["--failed-request-threshold", "1", "--artifact-dir", "any"];
    const allowed = await profile(stage, mock, "--request-count", "100", ...any).exit();
    expect(allowed.code, allowed.stderr).to.equal(0);
  });

  test("says that a rate was missed", async (stage) => {
    const mock = await stage.mock({ ttftMs: 40, itlMs: 5 });
    const rate = ["--request-rate", "400", "--arrival-pattern", "constant", "--request-count", "60"];
    const { code, stdout, stderr } = await profile(stage, mock, ...rate).exit();
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/Note: [\d.]+ requests per second were sent, 400 were asked for/);
  });

  test("counts tokens by its built-in tokenizer without a network", async (stage) => {
    const mock = await stage.mock({ usage: "never" });
    const alone = pathToFileURL(join(import.meta.dirname, "../support/no-network.ts")).href;
    const args = ["profile", "-m", "mock", "-u", mock.url, "--tokenizer", "builtin", ...quiet, ...load, "--request-count", "10"];
    const env = { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} --import=${alone}` };
    const { code, stderr } = await stage.start(args, stage.folder, env).exit();
    expect(code, stderr).to.equal(0);
    expect(summaryOf(stage).input_sequence_length?.avg).to.equal(20);
    const away = await stage.start(["send", "-m", "m", "-u", "http://192.0.2.1:9"], stage.folder, env).exit();
    expect(away.stdout + away.stderr).to.include("there is no network");
  });

  test("fits on a page for 20 requests", async (stage) => {
    const { code, stdout, stderr } = await profile(stage, await stage.mock(), "--request-count", "20").exit();
    expect(code, stderr).to.equal(0);
    expect(`${stdout}${stderr}`.split("\n").length, stdout).to.be.below(66);
  });

  test("takes the options of a script, and the key is in no file", async (stage) => {
    const mock = await stage.mock({ prefixCache: true });
    const key = "sk-very-secret";
    const options = ["--api_key", key, "--session-header", "X-Session", "--reset-kv-cache", "--num-profile-runs", "1"];
    const { code, stdout, stderr } = await profile(
      stage,
      mock,
      "--num-requests",
      "10",
      ...options,
      "--export-level",
      "raw",
    ).exit();
    expect(code, stderr).to.equal(0);
    expect(stderr).to.include("the prefix cache of http://");
    const files = readdirSync(stage.folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.length).to.be.above(5);
    for (const { parentPath, name } of files) {
      expect(readFileSync(join(parentPath, name)).includes(key), join(parentPath, name)).to.equal(false);
    }
    expect(stdout + stderr).to.not.include(key);
  });

  test("exports what there is after a SIGINT, as cancelled", async (stage) => {
    const mock = await stage.mock();
    const command = profile(stage, mock, "--benchmark-duration", "600");
    await command.until("requests under way", () => mock.stats().requests >= 20);
    command.signalGroup("SIGINT");
    expect((await command.exit()).code).to.equal(130);
    const summary = summaryOf(stage);
    expect(summary.was_cancelled).to.equal(true);
    expect(summary.request_count?.avg).to.be.above(0);
  });

  test("takes a file of AIPerf's, with options over it", async (stage) => {
    const mock = await stage.mock();
    const text = `
schemaVersion: "2.0"
variables: {users: 3}
benchmark:
  model: mock
  endpoint: {url: ${mock.url}/v1/chat/completions, streaming: true}
  dataset: {entries: 10, isl: 20, osl: 5}
  warmup: {type: concurrency, requests: 2}
  profiling: {type: concurrency, concurrency: "{{ users }}", requests: "{{ users * 10 }}"}
  artifacts: {dir: out}
  gpuTelemetry: {enabled: false}
  runtime: {ui: none, workers: 1}
`;
    await writeFile(join(stage.folder, "bench.yaml"), text);
    const { code, stderr } = await stage.start(["profile", "--config", "bench.yaml", "--request-count", "12"]).exit();
    expect(code, stderr).to.equal(0);
    const { phases } = runFile(join(stage.folder, "out"));
    expect(phases.map(({ name, succeeded }) => [name, succeeded])).to.deep.equal([
      ["warmup", 2],
      ["profiling", 12],
    ]);
    await writeFile(join(stage.folder, "bench.yaml"), text.replace("entries: 10", "entries: many"));
    const wrong = await stage.start(["profile", "--config", "bench.yaml"]).exit();
    expect(wrong.code).to.equal(2);
    expect(wrong.stderr).to.include("bench.yaml:7:22: dataset.entries: expected an integer");
  });
});
