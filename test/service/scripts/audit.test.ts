import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { type RegistryAdvisory, startRegistry } from "../../support/registry.ts";

const root = join(import.meta.dirname, "../../..");
const nodeModules = join(root, "node_modules");
const everyVersion = (severity: string): RegistryAdvisory[] => [
  { id: 1, url: "https://example.org/advisories/GHSA-test", title: "reads too much", severity, vulnerable_versions: ">=0.0.0" },
];

describe("the audit of packages", function () {
  this.timeout(120_000);
  let folder: string;
  let exceptions: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-audit-"));
    exceptions = join(folder, "exceptions.json");
    await writeFile(exceptions, "[]");
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function audit(registry: string): Promise<{ readonly code: number | null; readonly text: string }> {
    const env = {
      ...process.env,
      npm_config_registry: registry,
      npm_config_cache: join(folder, "cache"),
      npm_config_userconfig: join(folder, "npmrc"),
    };
    const child = spawn(process.execPath, [join(root, "scripts/audit.mjs"), exceptions], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (piece) => (text += piece));
    const [code] = await once(child, "close");
    return { code, text };
  }

  async function auditOf(advisories: Readonly<Record<string, readonly RegistryAdvisory[]>> | undefined) {
    const registry = await startRegistry(nodeModules, advisories);
    try {
      return await audit(registry.url);
    } finally {
      await registry.stop();
    }
  }

  const rows: readonly (readonly [string, Readonly<Record<string, readonly RegistryAdvisory[]>>, number, RegExp])[] = [
    ["passes where nothing is known", {}, 0, /^audit: 0 problems, 0 excepted, 0 of tools passed over\n$/],
    ["fails on anything known of a package that ships", { yaml: everyVersion("low") }, 1, /yaml \(ships\): low: reads too much/],
    [
      "passes over what is not severe of a tool, and says so",
      { chai: everyVersion("moderate") },
      0,
      /chai \(does not ship\): moderate: .*\naudit: 0 problems, 0 excepted, 1 of/,
    ],
    ["fails on what is severe of a tool", { chai: everyVersion("high") }, 1, /chai \(does not ship\): high: /],
  ];
  for (const [title, advisories, code, text] of rows) {
    it(title, async () => {
      const outcome = await auditOf(advisories);
      expect(outcome.text).to.match(text);
      expect(outcome.code, outcome.text).to.equal(code);
    });
  }

  it("is left out of CI's result, and told in its last lines, where nothing was audited", async () => {
    const bin = join(folder, "bin");
    const ci = join(folder, ".ci/run");
    await mkdir(bin);
    await mkdir(join(folder, ".ci"));
    // Every step passes but for the audit, which ends as it is told.
    for (const name of ["node", "npm", "timeout"]) {
      await writeFile(join(bin, name), '#!/bin/sh\ncase "$*" in *audit*) exit "$AUDIT";; *-p*) echo 0;; esac\nexit 0\n', {
        mode: 0o755,
      });
    }
    await cp(join(root, ".ci/run"), ci);
    const outcome = async (AUDIT: string, more = {}) => {
      const { PATH, ...rest } = process.env;
      const child = spawn("bash", [ci], {
        env: { ...rest, ...more, AUDIT, PATH: `${bin}:${PATH}` },
        stdio: ["ignore", "pipe", "ignore"],
      });
      let text = "";
      child.stdout.setEncoding("utf8").on("data", (piece) => (text += piece));
      const [code] = await once(child, "close");
      return { code, lines: text.trim().split("\n") };
    };
    const [clean, unknown, bad] = [await outcome("0"), await outcome("3"), await outcome("1")];
    const passed = Number(/^(\d+) passed, 0 failed$/.exec(clean.lines.at(-1) ?? "")?.[1]);
    expect([clean.code, unknown.code, bad.code]).to.deep.equal([0, 0, 1]);
    expect(clean.lines.join("\n")).to.not.match(/nothing was audited/);
    expect(unknown.lines.at(-1)).to.equal(`${passed - 1} passed, 0 failed`);
    expect(unknown.lines.slice(-4).join("\n")).to.match(/^LEFT OUT: known vulnerabilities, .* nothing was audited/m);
    expect(bad.lines.at(-1)).to.equal(`${passed - 1} passed, 1 failed`);
    expect((await outcome("3", { ASSAY_REQUIRE_AUDIT: "1" })).code).to.equal(1);
  });

  it("excepts what the table names, until its last day, with the reason", async () => {
    const exception = { package: "yaml", advisory: "GHSA-test", reason: "nothing of it is called", until: "9999-12-31" };
    await writeFile(exceptions, JSON.stringify([exception]));
    const excused = await auditOf({ yaml: everyVersion("high") });
    expect(excused.text).to.include("excepted until 9999-12-31: nothing of it is called");
    expect(excused.code).to.equal(0);
    await writeFile(
      exceptions,
      JSON.stringify([
        { ...exception, until: "2020-01-31" },
        { ...exception, reason: " " },
        { ...exception, until: "soon" },
      ]),
    );
    const { code, text } = await auditOf({});
    expect(code).to.equal(1);
    expect(text).to.include("the exception for GHSA-test of yaml was good until 2020-01-31");
    expect(text)
      .to.include("must name package, advisory and reason")
      .and.to.include("must say until when, as 2027-01-31, got soon");
  });

  it("is neither passed nor failed where the registry offers none, or nobody answers, and says that nothing was audited", async () => {
    const refused = await auditOf(undefined);
    expect(refused.text).to.match(
      /^NOT AUDITED: whether any package has a known vulnerability is not known: 405 Method Not Allowed - POST /,
    );
    expect(refused.code).to.equal(3);
    const registry = await startRegistry(nodeModules);
    await registry.stop();
    const silent = await audit(registry.url);
    expect(silent.text).to.match(/^NOT AUDITED: .* is not known: request to \S+ failed, reason: /);
    expect(silent.code).to.equal(3);
    const stale = { package: "yaml", advisory: "GHSA-test", reason: "nothing of it is called", until: "2020-01-31" };
    await writeFile(exceptions, JSON.stringify([stale]));
    expect((await audit(registry.url)).code).to.equal(1);
  });
});
