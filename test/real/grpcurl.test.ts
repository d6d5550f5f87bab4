/** The suite from a client of others' making: grpcurl, which knows it by server reflection alone. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { expect } from "chai";
import { startGuardedSuite } from "../support/guarded-suite.ts";
import { type ServedSuite, startServedSuite } from "../support/served-suite.ts";
import { runShell, shellBlocksOf } from "../support/shell-page.ts";

const servers = process.env.ASSAY_SERVERS ?? join(homedir(), ".cache/assay-servers");
const grpcurl = join(servers, "grpcurl/grpcurl");
const page = join(import.meta.dirname, "../../docs/grpcurl.md");

const controller = "assay.controller.v1";
const records = "assay.records_manager.v1.RecordsManagerService";

/** Services of the suite's process, and one message of each one's package. */
const services: readonly (readonly [string, string])[] = [
  [`${controller}.ControllerService`, `${controller}.JoinRequest`],
  [`${controller}.RunService`, "assay.common.v1.RunSpec"],
  [`${controller}.SuiteService`, `${controller}.GetSuiteResponse`],
  ["assay.dataset.v1.DatasetService", "assay.dataset.v1.PrepareDatasetRequest"],
  ["assay.record_processor.v1.RecordProcessorService", "assay.record_processor.v1.ProcessRecordsRequest"],
  [records, "assay.records_manager.v1.MetricRecord"],
  ["assay.records_manager.v1.ShardService", "assay.records_manager.v1.ReadShardRequest"],
  ["assay.telemetry.v1.TelemetryService", "assay.telemetry.v1.DiscoverSourcesRequest"],
  ["assay.timing.v1.TimingService", "assay.timing.v1.CreditsRequest"],
  ["assay.worker_manager.v1.WorkerManagerService", "assay.worker_manager.v1.SpawnWorkersRequest"],
  ["grpc.health.v1.Health", "grpc.health.v1.HealthCheckRequest"],
  ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1.ServerReflectionRequest"],
  ["grpc.reflection.v1alpha.ServerReflection", "grpc.reflection.v1alpha.ServerReflectionRequest"],
];

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** An error as `-format-error` writes it. */
interface Failure {
  readonly code: number;
  readonly message: string;
  readonly details: readonly { readonly "@type": string; readonly [field: string]: unknown }[];
}

describe("a suite driven by grpcurl", function () {
  this.timeout(300_000);
  let suite: ServedSuite;
  let guarded: ServedSuite & { readonly certs: string };

  before(async function () {
    if (!existsSync(grpcurl)) {
      // Without Go it cannot be built: test/real/prepare says so.
      this.skip();
    }
    suite = await startServedSuite();
    guarded = await startGuardedSuite(suite.folder);
  });

  after(async () => {
    await guarded?.stop();
    await suite?.stop();
  });

  function run(...args: readonly string[]): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    execFile(grpcurl, ["-plaintext", ...args], { timeout: 30_000, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
    return promise;
  }

  async function failureOf(method: string, message: object, token = suite.token): Promise<Failure> {
    const header = `authorization: Bearer ${token}`;
    const { code, stderr } = await run("-format-error", "-H", header, "-d", JSON.stringify(message), suite.address, method);
    const failure: Failure = JSON.parse(stderr);
    expect(code).to.equal(64 + failure.code);
    return failure;
  }

  function violationsOf({ details }: Failure): Record<string, string> {
    const request = details.find((detail) => detail["@type"].endsWith("/google.rpc.BadRequest"));
    const violations = (request?.fieldViolations ?? []) as readonly { field: string; description: string }[];
    return Object.fromEntries(violations.map(({ field, description }) => [field, description]));
  }

  it("lists every service that its process serves", async () => {
    const { stdout } = await run(suite.address, "list");
    expect(stdout.trim().split("\n")).to.have.members(services.map(([service]) => service));
  });

  for (const [service, message] of services) {
    it(`describes ${service} and ${message}`, async () => {
      const [described, shown] = await Promise.all([
        run(suite.address, "describe", service),
        run("-msg-template", suite.address, "describe", message),
      ]);
      expect(described, described.stderr).to.include({ code: 0 });
      expect(described.stdout)
        .to.contain(`${service} is a service:`)
        .and.match(/\n {2}rpc \w+ /);
      expect(shown, shown.stderr).to.include({ code: 0 });
      expect(shown.stdout).to.contain(`${message} is a message:`).and.contain("Message template:");
    });
  }

  it("runs the commands of its page, from the spec to the files", async () => {
    const env = {
      PATH: `${dirname(grpcurl)}${delimiter}${process.env.PATH}`,
      ASSAY_CONTROLLER: suite.address,
      ASSAY_TOKEN_FILE: suite.tokenFile,
      ASSAY_TLS_CONTROLLER: guarded.address,
      ASSAY_TLS_TOKEN_FILE: guarded.tokenFile,
      ASSAY_CERTS: guarded.certs,
      TARGET_URL: suite.targetUrl,
    };
    const { code, stdout, stderr } = await runShell((await shellBlocksOf(page)).join("\n"), env, suite.folder, 240_000);
    expect(code, `${stdout}${stderr}`).to.equal(0);
    const answers = jsonAnswersOf(stdout);
    expect(answers[0]).to.deep.equal({ status: "SERVING" });
    expect(answers[1]).to.have.nested.property("members[0].services").that.includes("SERVICE_KIND_CONTROLLER");
    expect(answers[2]).to.have.nested.property("effectiveSpec.dataset.entries", "100");
    expect(stdout).to.contain("refused: 67").and.contain("refused: 76").and.contain("refused: 80");
    expect(stdout).to.contain("rate 50 per second").and.contain("that was enough");
    expect(answers[3]).to.have.nested.property("run.runId", "by-grpcurl");
    const watched = answers.filter((answer) => "run" in answer);
    expect(watched.at(-1)).to.have.nested.property("run.state", "RUN_STATE_COMPLETED");
    const [summary, page1, streamed, grouped, timeline, list, members, runs] = answers.slice(-8);
    expect(members).to.have.nested.property("members[0].services").that.includes("SERVICE_KIND_CONTROLLER");
    expect(runs).to.deep.equal({});
    expect(summary).to.have.nested.property("phases[0].identity").that.deep.equals({ drawn: "50", succeeded: "50" });
    expect(summary).to.have.nested.property("verdict.verdict");
    // 8 credits went to the warm-up.
    expect(page1?.records).to.have.length(2);
    expect(page1).to.have.nested.property("records[0].creditId", "9");
    expect(page1).to.have.nested.property("records[1].status", 200);
    expect(page1?.nextPageToken).to.be.a("string");
    expect(streamed?.records).to.have.length(50);
    expect(streamed).to.have.nested.property("records[49].status", 200);
    expect(grouped).to.have.nested.property("groups[0].succeeded", "50");
    expect(grouped).to.have.nested.property("groups[0].keys[1]").that.deep.equals({ field: "turn", number: 0 });
    expect(grouped).to.have.nested.property("groups[0].metrics[0].p50").that.is.a("number");
    const buckets = (timeline?.buckets ?? []) as { completed?: string }[];
    expect(buckets.reduce((sum, { completed = "0" }) => sum + Number(completed), 0)).to.equal(58);
    expect(list).to.have.nested.property("runs[0].runId", "by-grpcurl-live");
    expect((await readFile(join(suite.folder, "run.db"))).toString("latin1", 0, 15)).to.equal("SQLite format 3");
    const exported = JSON.parse(await readFile(join(suite.folder, "profile_export_aiperf.json"), "utf8"));
    expect(exported.request_count.avg).to.equal(50);
  });

  it("answers a wrong spec with INVALID_ARGUMENT and every violation", async () => {
    const failure = await failureOf(`${controller}.RunService/CreateRun`, {
      spec: { phases: [{ name: "profiling", kind: "PHASE_KIND_PROFILING", concurrency: { limit: 0 } }] },
    });
    expect(failure.code).to.equal(3);
    expect(violationsOf(failure)).to.have.all.keys("models", "phases[0].concurrency.limit", "phases[0].stop");
    expect(violationsOf(failure)).to.include({ "phases[0].concurrency.limit": "must be at least 1, got 0" });
  });

  it("answers a field that is not supported with UNIMPLEMENTED and its name", async () => {
    const failure = await failureOf(`${controller}.RunService/CreateRun`, {
      spec: { models: ["mock"], endpoint: { templateFile: "t.jinja" }, hostFloor: { host: "h" } },
    });
    expect(failure.code).to.equal(12);
    expect(failure.message).to.contain("endpoint.template_file").and.contain("host_floor");
    expect(violationsOf(failure)).to.have.all.keys("endpoint.template_file", "host_floor");
  });

  it("answers a wrong token with UNAUTHENTICATED, and never says the right one", async () => {
    const failure = await failureOf(`${controller}.RunService/ListRuns`, {}, `${suite.token}x`);
    expect(failure.code).to.equal(16);
    expect(JSON.stringify(failure)).to.not.contain(suite.token);
  });

  it("answers NOT_FOUND for a run that it does not know, whatever is asked of it", async () => {
    for (const method of [
      `${controller}.RunService/GetRun`,
      `${controller}.RunService/WatchRun`,
      `${controller}.RunService/CancelRun`,
      `${controller}.RunService/DeleteRun`,
      ...["SummarizeRecords", "QueryRecords", "GetTimeline", "ExportRun", "WatchSummary"].map((rpc) => `${records}/${rpc}`),
    ]) {
      const failure = await failureOf(method, { runId: "nobody" });
      expect(failure.code, method).to.equal(5);
      expect(failure.message).to.equal("there is no run nobody");
    }
  });

  it("ends the live figures of a run that has ended, without an error", async () => {
    const message = JSON.stringify({ runId: "by-grpcurl" });
    const header = `authorization: Bearer ${suite.token}`;
    const answer = await run("-H", header, "-d", message, suite.address, `${records}/WatchSummary`);
    expect(answer).to.deep.equal({ code: 0, stdout: "", stderr: "" });
  });
});

/** grpcurl writes every message indented, beginning and ending on a line of its own. */
function jsonAnswersOf(output: string): Record<string, unknown>[] {
  return [...output.matchAll(/^\{\n.*?^\}$|^\{\}$/gms)].map(([text]) => JSON.parse(text));
}
