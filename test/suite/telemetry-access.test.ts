/** Pages of metrics that are not for everybody, and lists of fields that are none. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { type PageServer, servePages } from "../service/telemetry/page-server.ts";
import { createCertWorkshop, type TestCa } from "../support/certs.ts";
import { type Command, endsWithinMs, type Stage, useStages } from "../support/suite.ts";

const token = "t0ken-word";

describe("pages of metrics that are not for everybody", function () {
  this.timeout(3 * endsWithinMs);
  const workshop = createCertWorkshop();
  const trusted = workshop.ca("trusted");
  const stranger = workshop.ca("stranger");
  const opened: PageServer[] = [];
  after(async () => {
    await Promise.all(opened.map((page) => page.close()));
    workshop.remove();
  });
  const test = useStages();

  /** An exporter of this name behind TLS, which wants a key. */
  async function exporter(name: string, ca: TestCa, key: string): Promise<string> {
    const labels = `gpu="0",UUID="GPU-${name}",modelName="H100",Hostname="${name}"`;
    const page = await servePages(
      ({ headers }, response) => {
        const isKnown = headers.authorization === `Bearer ${key}`;
        response.writeHead(isKnown ? 200 : 401).end(`DCGM_FI_DEV_POWER_USAGE{${labels}} 300\n`);
      },
      ca.issue(name, "IP:127.0.0.1"),
    );
    opened.push(page);
    return page.url;
  }

  const runOf = (stage: Stage, url: string, requests: string, ...args: readonly string[]): Command =>
    stage.start(["run", "-m", "mock", "-u", url, "--osl", "5", "--request-count", requests, "--artifact-dir", "out", ...args]);

  async function played(stage: Stage, urls: readonly string[], ...args: readonly string[]) {
    const mock = await stage.mock();
    const pages = ["--gpu-telemetry", urls.join(","), "--telemetry-header", `Authorization:Bearer ${token}`, ...args];
    const { code, stdout, stderr } = await runOf(stage, mock.url, "20", ...pages).exit();
    expect(code, stderr).to.equal(0);
    const db = new Database(join(stage.folder, "out/run.db"), { readonly: true });
    try {
      const sql = `SELECT name, json_group_array(DISTINCT coalesce(gap, 'read')) FROM samples JOIN sources USING (source)
        WHERE kind = 'dcgm' GROUP BY name`;
      const rows = db.prepare(sql).raw().all() as [name: string, outcome: string][];
      const outcomesOf = (url: string) => JSON.parse(rows.find(([name]) => name === url)?.[1] ?? "[]") as string[];
      return { said: `${stdout}${stderr}`, outcomes: urls.map(outcomesOf) };
    } finally {
      db.close();
    }
  }

  test("are read with the authority and the key that belong to them; why others are not is told, and the key is not", async (stage) => {
    const urls = [
      await exporter("right", trusted, token),
      await exporter("other-key", trusted, "another"),
      await exporter("other-authority", stranger, token),
    ];
    const { outcomes, said } = await played(stage, urls, "--telemetry-ca", trusted.certPath);
    expect(outcomes[0]).to.include("read");
    expect(outcomes[1]).to.include("HTTP status 401").and.not.to.include("read");
    expect(outcomes[2]?.join("\n")).to.match(/certificate/);
    expect(outcomes[2]).not.to.include("read");
    expect(said)
      .to.match(/│ right +│ 0 +│ H100 +│/)
      .and.not.to.contain(token);
  });

  test("are read from whomever where nobody is to be verified", async (stage) => {
    const url = await exporter("unknown", stranger, token);
    const { outcomes } = await played(stage, [url], "--telemetry-insecure-skip-verify");
    expect(outcomes[0]).to.include("read");
    const asked = ["telemetry", "probe", url, "--telemetry-header", `Authorization:Bearer ${token}`, "--watch", "0"];
    const refused = await stage.start(asked, stage.folder).exit();
    expect([refused.code, refused.stdout.includes("certificate")]).to.deep.equal([1, true]);
    const taken = await stage.start([...asked, "--telemetry-insecure-skip-verify"], stage.folder).exit();
    expect(taken.code, taken.stdout).to.equal(0);
  });

  test("are not asked where a list of their fields has a line that is none, or the authorities are no file", async (stage) => {
    const mock = await stage.mock();
    writeFileSync(join(stage.folder, "fields.csv"), "# mine\nDCGM_FI_DEV_FAN_SPEED, gauge, Fan speed (in %)\nfan speed\n");
    const refused = await runOf(stage, mock.url, "1", "--gpu-telemetry", "fields.csv").exit();
    expect(refused.code, refused.stderr).to.equal(2);
    expect(refused.stderr).to.contain(
      'fields.csv:3: expected the name of a field of DCGM, gauge or counter, and a help text, with commas between them, got "fan speed"',
    );
    const missing = await runOf(stage, mock.url, "1", "--telemetry-ca", "nobody.pem").exit();
    expect(missing.code, missing.stderr).to.equal(2);
    expect(missing.stderr).to.contain("--telemetry-ca nobody.pem: cannot be read: ENOENT");
    expect(mock.stats().requests).to.equal(0);
  });
});
