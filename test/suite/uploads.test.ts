/** A file of one's own measured on a suite elsewhere, and what the suite keeps of it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { type ServedSuite, startServedSuite } from "../support/served-suite.ts";
import { endsWithinMs, useStage } from "../support/suite.ts";

describe("a file for a suite elsewhere", function () {
  this.timeout(3 * endsWithinMs);
  const stage = useStage();
  let served: ServedSuite;

  before(async () => {
    served = await startServedSuite({ args: ["--max-upload-bytes", "1000"] });
  });
  after(() => served.stop());

  const there = () => ["--controller", served.address, "--token-file", served.tokenFile];

  it("is uploaded, named as its owner does, and listed until it is deleted", async () => {
    const mock = await stage.mock();
    writeFileSync(join(stage.folder, "mine.jsonl"), '{"text":"one"}\n{"text":"two"}\n');
    const run = ["run", "-m", "mock", "-u", mock.url, ...there(), "--request-count", "4", "--workers-max", "1"];
    const quick = ["--no-gpu-telemetry", "--artifact-dir", "out", "--tokenizer", "none"];
    const ended = await stage.start([...run, ...quick, "--input-file", "mine.jsonl"]).exit();
    expect(ended.code, ended.stderr).to.equal(0);
    expect(mock.stats().requests).to.equal(4);

    writeFileSync(join(stage.folder, "bad.jsonl"), '{"text":"one"}\n{"text"\n');
    const bad = await stage.start([...run, ...quick, "--input-file", "bad.jsonl"]).exit();
    expect(bad.code).to.equal(2);
    expect(bad.stderr).to.match(/--input-file bad\.jsonl: .*line 2, column 8/);
    writeFileSync(join(stage.folder, "large.jsonl"), `{"text":"${"x".repeat(1000)}"}\n`);
    const large = await stage.start([...run, ...quick, "--input-file", "large.jsonl"]).exit();
    expect(large.code).to.equal(2);
    expect(large.stderr).to.match(/--input-file large\.jsonl: cannot be uploaded: .*1000 bytes at most \(--max-upload-bytes\)/);

    const listed = await stage.start(["dataset", "list", ...there(), "--json"]).exit();
    const datasets: { dataset_id: string; description: string; is_in_use: boolean }[] = JSON.parse(listed.stdout);
    expect(datasets.map(({ description }) => description)).to.have.members(["mine.jsonl", "bad.jsonl"]);
    const table = await stage.start(["dataset", "list", ...there()]).exit();
    expect(table.stdout)
      .to.match(/upload-[0-9a-f]{32} .*mine\.jsonl/)
      .and.match(/of at most 20480\.0 MiB in /);
    const [first, ...others] = datasets.map(({ dataset_id }) => dataset_id);
    const deleted = await stage.start(["dataset", "delete", ...there(), first ?? "", "upload-none"]).exit();
    expect([deleted.code, deleted.stdout]).to.deep.equal([1, `deleted ${first}\n`]);
    expect(deleted.stderr).to.match(/upload-none: .*there is no dataset/);
    expect((await stage.start(["dataset", "delete", ...there()]).exit()).code).to.equal(2);
    const all = await stage.start(["dataset", "delete", "--all", ...there()]).exit();
    expect([all.code, all.stdout]).to.deep.equal([0, others.map((id) => `deleted ${id}\n`).join("")]);
    expect((await stage.start(["dataset", "list", ...there()]).exit()).stderr).to.match(/holds no dataset yet/);
  });
});
