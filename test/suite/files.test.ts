import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { expect } from "chai";
import { exportFormats } from "../../services/common/export-files.ts";
import { violationsOf, violationsOfLines } from "../support/schemas.ts";
import { endsWithinMs, useStage } from "../support/suite.ts";

const secrets = ["k3y-s3cret", "t3am-s3cret"];

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => statSync(join(folder, file)).isFile());
}

/** Of a file of JSON; undefined: it is none, or has no schema by its name. */
function violationsIn(path: string, file: string): string[] | undefined {
  const text = readFileSync(path, "utf8");
  if (file === "logs/assay.log") return violationsOfLines("log", text);
  if (file === "server_metrics_export.jsonl") return violationsOfLines("server_metrics_export_lines", text);
  if (file.endsWith(".jsonl")) return violationsOfLines(file.slice(0, -".jsonl".length), text);
  return file.endsWith(".json") ? violationsOf(file.slice(0, -".json".length), JSON.parse(text)) : undefined;
}

describe("the files of a run", function () {
  this.timeout(4 * endsWithinMs);
  const stage = useStage();

  it("are what their schemas say, in every format, and none of them has a secret", async () => {
    const mock = await stage.mock({ failures: { 500: 0.1, "error-event": 0.1, cut: 0.1 } });
    const run = await stage
      .run(
        mock,
        ...["--request-count", "40", "--warmup-request-count", "4", "--session-turns-mean", "2", "--isl", "12", "--osl", "4"],
        ...["--export-level", "raw", "--export-outputs-json", "--export-http-trace", "--slice-duration", "1"],
        ...[
          "--goodput",
          "request_latency:1000",
          "--slo",
          "ttft:p50 < 10s",
          "--api-key",
          "k3y-s3cret",
          "-H",
          "X-Team: t3am-s3cret",
        ],
        ...["--failed-request-threshold", "0.9"],
      )
      .exit();
    expect(run.code, run.stderr).to.equal(0);
    const folder = join(stage.folder, "out");
    for (const format of Object.keys(exportFormats)) {
      const args = ["runs", "export", "latest", "--format", format, "--artifact-dir", `as-${format}`];
      const { code, stdout, stderr } = await stage.start(args).exit();
      expect(code, stderr).to.equal(0);
      expect(stdout + stderr).to.not.include("s3cret");
    }
    const paths = filesBelow(stage.folder)
      .filter((file) => /^(out|as-[a-z-]+)\//.test(file))
      .map((file) => join(stage.folder, file));
    const checked = new Set<string>();
    for (const path of paths) {
      for (const secret of secrets) expect(readFileSync(path).includes(secret), `${secret} in ${path}`).to.equal(false);
      const file = relative(stage.folder, path).replace(/^[^/]+\//, "");
      const violations = violationsIn(path, file);
      if (violations === undefined) continue;
      expect(violations, path).to.deep.equal([]);
      checked.add(file);
    }
    expect([...checked]).to.have.members([
      "benchmark_report_v0.2.json",
      "gpu_telemetry_export.jsonl",
      "inputs.json",
      "logs/assay.log",
      "outputs.json",
      "profile_export.jsonl",
      "profile_export_aiperf.json",
      "profile_export_aiperf_timeslices.json",
      "profile_export_raw.jsonl",
      "run_config.json",
      "server_metrics_export.json",
      "server_metrics_export.jsonl",
      "vllm_bench.json",
    ]);
    const raw = readFileSync(join(folder, "profile_export_raw.jsonl"), "utf8");
    expect(raw).to.include('"authorization":"Bearer ***"').and.to.include('"x-team":"***"');
    // The second turn of a session has the first one and its answer in front.
    const bodies = raw
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
      .filter(({ metadata, status }) => metadata.turn_index === 1 && status === 200);
    expect(bodies.length).to.be.above(0);
    for (const { payload } of bodies) expect(payload.messages.map(({ role }: { role: string }) => role)).to.include("assistant");
  });
});
