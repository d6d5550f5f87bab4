/** What docs/telemetry.md says, carried out. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { runShell, shellBlocksOf } from "../support/shell-page.ts";
import { endsWithinMs, useStages } from "../support/suite.ts";

const root = join(import.meta.dirname, "../..");

interface Timeline {
  readonly buckets: readonly { readonly sent: number }[];
  readonly series: readonly { readonly name: string; readonly buckets: readonly number[]; readonly mean?: readonly number[] }[];
}

describe("telemetry", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();

  test("does what docs/telemetry.md says: GPUs, the host and the network beside the requests", async (stage) => {
    const folder = join(stage.folder, "bin");
    mkdirSync(folder);
    writeFileSync(join(folder, "assay"), `#!/bin/sh\nexec '${process.execPath}' '${join(root, "services/main.ts")}' "$@"\n`);
    chmodSync(join(folder, "assay"), 0o755);
    const script = (await shellBlocksOf(join(root, "docs/telemetry.md"))).join("\n");
    const { code, stdout, stderr } = await runShell(script, { PATH: `${folder}:${process.env.PATH}` }, stage.folder);
    expect(code, `${stdout}${stderr}`).to.equal(0);
    expect(stdout).to.contain("Timeline").and.to.contain("Network RTT (ms)");
    const { buckets, series } = JSON.parse(readFileSync(join(stage.folder, "timeline.json"), "utf8")) as Timeline;
    expect(buckets.reduce((sum, { sent }) => sum + sent, 0)).to.be.above(10);
    const powers = series.filter(({ name }) => name === "nvidia_power_usage");
    expect(powers).to.have.lengthOf(2);
    // Idle it is 86 W at most.
    for (const { mean = [] } of powers) expect(Math.max(...mean)).to.be.above(90);
    const [header = "", ...lines] = readFileSync(join(stage.folder, "timeline.csv"), "utf8").trim().split("\n");
    expect(header).to.match(/^start_sec,in_flight,ttft_p99_ms,host_network_receive_bytes_total rate,/);
    expect(lines.some((line) => Number(line.split(",")[3]) > 1000)).to.equal(true);
  });
});
