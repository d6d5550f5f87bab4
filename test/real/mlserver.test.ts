/** Runs against MLServer, which speaks KServe's protocol without Triton's extensions, and has streams of messages of its own. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { type Stage, useStage } from "../support/suite.ts";
import { useBudget } from "./budgets.ts";
import { freePorts } from "./free-ports.ts";
import { type RealServer, startRealServer } from "./real-server.ts";

const installed = join(process.env.ASSAY_SERVERS ?? join(homedir(), ".cache/assay-servers"), "mlserver/.installed");
const requests = 20;

describe("a run against MLServer", function () {
  this.timeout(90_000);
  useBudget("MLServer");
  const stage = useStage();
  let server: RealServer;
  let url: string;

  before(async function () {
    if (!existsSync(installed)) {
      // Not built for this machine or its Python: test/real/prepare says so.
      this.skip();
    }
    const [grpc, http, metrics] = await freePorts(3);
    const env = { MLSERVER_GRPC_PORT: `${grpc}`, MLSERVER_HTTP_PORT: `${http}`, MLSERVER_METRICS_PORT: `${metrics}` };
    server = await startRealServer("mlserver", env, "/v2/health/ready");
    url = `grpc://127.0.0.1:${grpc}`;
  });

  after(async () => {
    await server?.stop();
  });

  for (const [what, model, ...flags] of [
    ["tensors", "add", "--endpoint-type", "tensor", "--shape", "INPUT0:4", "--shape", "INPUT1:4"],
    ["texts", "repeat", "--endpoint-type", "kserve", "--isl", "8"],
  ] as const) {
    it(`has every answer of unary calls: ${what}`, async () => {
      const { code, stderr, folder } = await run(stage, url, "-m", model, ...flags);
      expect(code, stderr).to.equal(0);
      const db = new Database(join(folder, "run.db"), { readonly: true });
      const ended = db.prepare("SELECT error_code AS error, count(*) AS count FROM requests GROUP BY error_code").all();
      // It has no ModelStatistics, and is asked for none.
      const served = db.prepare("SELECT count(*) FROM served_models").pluck().get();
      db.close();
      expect({ ended, served }).to.deep.equal({ ended: [{ error: null, count: requests }], served: 0 });
    });
  }

  it("is refused with --streaming, since its streams are not Triton's", async () => {
    const { code, stderr } = await run(stage, url, "-m", "repeat", "--endpoint-type", "kserve", "--streaming");
    expect(code).to.not.equal(0);
    expect(stderr).to.match(/mlserver 1\.\d+\.\d+ streams in messages of its own, not in Triton's; leave --streaming away/);
  });

  it("says that a model is not there, and which are", async () => {
    const { stderr } = await run(stage, url, "-m", "nobody", "--endpoint-type", "tensor");
    expect(stderr).to.match(/grpc_not_found: .*; it lists: .*repeat/);
  });
});

/** A run of so many requests, in `folder`. */
async function run(stage: Stage, url: string, ...flags: readonly string[]) {
  const given = ["-u", url, "--request-count", String(requests), "--concurrency", "4", "--no-gpu-telemetry"];
  const exit = await stage.start(["run", ...given, "--artifact-dir", "out", ...flags]).exit();
  return { ...exit, folder: join(stage.folder, "out") };
}
