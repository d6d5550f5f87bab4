/** The suite over HTTP/1.1, from curl: the commands of the page as they stand there. */
import { readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect } from "chai";
import { parse } from "yaml";
import { startGuardedSuite } from "../support/guarded-suite.ts";
import { root } from "../support/installed.ts";
import { type ServedSuite, startServedSuite } from "../support/served-suite.ts";
import { runShell, shellBlocksOf } from "../support/shell-page.ts";

const page = join(import.meta.dirname, "../../docs/curl.md");

describe("a suite driven by curl", function () {
  this.timeout(300_000);
  let suite: ServedSuite;
  let guarded: ServedSuite & { readonly certs: string };

  before(async () => {
    suite = await startServedSuite();
    guarded = await startGuardedSuite(suite.folder);
  });

  after(async () => {
    await guarded?.stop();
    await suite?.stop();
  });

  it("runs the commands of its page, from the spec to the files", async () => {
    const env = {
      PATH: [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter),
      ASSAY_CONTROLLER: suite.address,
      ASSAY_TOKEN_FILE: suite.tokenFile,
      ASSAY_TLS_CONTROLLER: guarded.address,
      ASSAY_CERTS: guarded.certs,
      ASSAY_PROTOS: root,
      TARGET_URL: suite.targetUrl,
    };
    const { code, stdout, stderr } = await runShell((await shellBlocksOf(page)).join("\n"), env, suite.folder, 240_000);
    expect(code, `${stdout}${stderr}`).to.equal(0);
    const lines = stdout.trim().split("\n");
    expect(lines.filter((line) => line.startsWith("refused"))).to.deep.equal(["refused: 22", "refused: 22"]);
    const answers = lines.filter((line) => line.startsWith("{") && line.endsWith("}")).map((line) => JSON.parse(line));
    const fileOf = async (name: string) => JSON.parse(await readFile(join(suite.folder, name), "utf8"));
    const [validated, created, ended, summary, records, timeline, list, members, health, wrong, unsupported] = answers;
    expect(answers.length).to.be.at.least(11);
    expect(validated.effectiveSpec.dataset.entries).to.equal("100");
    expect(created.run.runId).to.equal("by-curl");
    expect(ended.run.state).to.equal("RUN_STATE_COMPLETED");
    expect(summary.phases[0].identity).to.deep.equal({ drawn: "50", succeeded: "50" });
    expect(records.records.map(({ creditId }: { creditId: string }) => creditId)).to.deep.equal(["1", "2"]);
    expect(timeline.buckets).to.be.an("array").that.is.not.empty;
    expect(list.runs[0].runId).to.equal("by-curl");
    expect(members.members[0].services).to.include("SERVICE_KIND_RECORDS_MANAGER");
    expect(health).to.deep.equal({ status: "SERVING" });
    expect(wrong.code).to.equal("invalid_argument");
    expect(wrong.message).to.contain("models: at least one model is needed");
    expect(unsupported.code).to.equal("unimplemented");
    expect(unsupported.message).to.contain("endpoint.template_file");
    expect((await fileOf("profile_export_aiperf.json")).request_count.avg).to.equal(50);
    expect((await fileOf("adjusted.json")).run.phases[0].ratePerSec).to.equal(50);
    expect((await fileOf("cancelled.json")).run.runId).to.equal("by-curl-live");
    expect((await fileOf("by-buf.json")).runs[0].runId).to.equal("by-curl-live");
    expect((await fileOf("guarded.json")).members[0].services).to.include("SERVICE_KIND_CONTROLLER");
    const { components } = parse(await readFile(join(root, "docs/openapi.yaml"), "utf8"));
    const ajv = new Ajv2020({ strict: false, validateFormats: false }).addSchema({ $id: "page", components });
    for (const [schema, answer] of [
      ["controller.v1.ValidateRunResponse", validated],
      ["controller.v1.CreateRunResponse", created],
      ["controller.v1.GetRunResponse", ended],
      ["controller.v1.AdjustRunResponse", await fileOf("adjusted.json")],
      ["controller.v1.ListRunsResponse", list],
      ["controller.v1.GetSuiteResponse", members],
      ["records_manager.v1.SummarizeRecordsResponse", summary],
      ["records_manager.v1.QueryRecordsResponse", records],
      ["records_manager.v1.GetTimelineResponse", timeline],
    ]) {
      const isValid = ajv.validate(`page#/components/schemas/assay.${schema}`, answer);
      expect(isValid, `${schema}: ${ajv.errorsText()}`).to.equal(true);
    }
  });

  it("answers a wrong token with 401, and a method that is not there with 404", async () => {
    const post = (path: string, token: string): Promise<Response> =>
      fetch(`http://${suite.address}/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: "{}",
        signal: AbortSignal.timeout(10_000),
      });
    const refused = await post("assay.controller.v1.RunService/ListRuns", "nobody");
    expect(refused.status).to.equal(401);
    expect(await refused.json()).to.include({ code: "unauthenticated" });
    const missing = await post("assay.controller.v1.RunService/Nothing", suite.token);
    expect(missing.status).to.equal(404);
    await missing.text();
  });
});
