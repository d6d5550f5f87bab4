import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { AssayError } from "../../../services/common/errors.ts";
import { exportRun } from "../../../services/records-manager/exports/export-run.ts";
import { fixedRun } from "../../service/records-manager/export-fixture.ts";
import { expectAccounted } from "../../support/accounted.ts";
import { endsWithinMs, useStage } from "../../support/suite.ts";

describe("a disk", function () {
  this.timeout(2 * endsWithinMs);
  const stage = useStage();

  it("the folder of a run cannot be written: the run is refused before anything is sent, and names the path (accounts: there are none)", async () => {
    const target = await stage.target();
    const file = join(stage.folder, "a-file");
    writeFileSync(file, "");
    const command = stage.run(target, "--artifact-dir", join(file, "out"));
    const { code, stderr } = await command.exit();
    expect(code, stderr).to.equal(2);
    expect(stderr).to.contain(`--output-artifact-dir ${join(file, "out")}: ${file} is no folder`);
    expect(target.stats().requests).to.equal(0);
  });

  it("the disk is full when the files are written: those that fitted are kept and named (accounts: as the run had closed them)", function () {
    const folder = join(stage.folder, "run");
    fixedRun(folder);
    const whole = join(stage.folder, "whole");
    exportRun({ folder, outputFolder: whole });
    const disk = join(stage.folder, "disk");
    mkdirSync(disk);
    // Room for the summary and a page more, which is less than any of the others takes.
    const pages = Math.ceil(statSync(join(whole, "profile_export_aiperf.json")).size / 4096) + 1;
    if (!mountTiny(disk, `${4 * pages}k`)) this.skip();
    try {
      const summary = join(disk, "profile_export_aiperf.json");
      expect(() => exportRun({ folder, outputFolder: disk }))
        .to.throw(AssayError, /cannot write ".*disk\/profile_export_.*": ENOSPC/)
        .that.satisfies(({ code, message }: AssayError) => {
          return code === "resource_exhausted" && message.includes(`saved are ${join(folder, "run.db")}, ${summary}`);
        });
      expect(JSON.parse(readFileSync(summary, "utf8"))).to.have.property("request_latency");
      expect(readdirSync(disk).filter((name) => name.endsWith(".tmp"))).to.deep.equal([]);
    } finally {
      execFileSync("umount", [disk]);
    }
  });

  it("the disk is full: the run fails, and names the file and how many records are saved in it (accounts: by `assay runs recover`, from the rows)", async function () {
    const disk = join(stage.folder, "disk");
    mkdirSync(disk);
    if (!mountTiny(disk)) {
      // Only root of a machine of its own may mount; nothing else fills a disk without filling that of others.
      this.skip();
    }
    try {
      const target = await stage.target({ ttftMs: 1, itlMs: 0 });
      const out = join(disk, "out");
      const command = stage.run(target, "--request-count", "100000", "--artifact-dir", out);
      const { code, stderr } = await command.exit();
      expect(code, stderr).to.equal(1);
      expect(stderr).to.match(new RegExp(`the run failed: .*${out}/run\\.db.*(full|disk).*; \\d+ records are saved in it`));
      await command.gone();
      // Whoever has made room has the accounts closed.
      execFileSync("mount", ["-o", "remount,size=64m", disk]);
      const recovery = await stage.start(["runs", "recover", out]).exit();
      expect(recovery.code, recovery.stderr).to.equal(0);
      const file = expectAccounted(out, target);
      expect(file.state).to.equal("FAILED");
      const saved = Number(/; (\d+) records are saved in it/.exec(stderr)?.[1]);
      expect(file.rows).to.equal(saved);
      expect(saved).to.be.at.least(1).and.at.most(target.stats().requests);
    } finally {
      execFileSync("umount", [disk]);
    }
  });
});

function mountTiny(folder: string, size = "2m"): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
