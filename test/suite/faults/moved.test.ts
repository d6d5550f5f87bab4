/** Services on processes of their own that are killed in the middle of a run and come back at other addresses. */
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { RunService } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { createMock } from "../../../mock/server.ts";
import { createClient } from "../../../services/common/rpc/client.ts";
import { phaseOf, RunWatch, specOf } from "../../service/controller/suite.ts";
import { until } from "../../service/rpc/harness.ts";
import { ServeFolder } from "../../support/served.ts";
import { expectReconciled, rowsIn, runFile } from "../../support/suite.ts";

const requests = 400;

describe("a service that comes back elsewhere", function () {
  this.timeout(120_000);

  it("records-manager and record-processor are killed and come back at other addresses: what was not committed is sent again (accounts: complete; nothing is missing)", async () => {
    const place = new ServeFolder();
    const mock = await createMock({ ttftMs: 20, itlMs: 1 });
    try {
      const base = await place.start("--services=controller,dataset,timing,worker-manager,telemetry", "--insecure", "--cores=2");
      const started = (service: string) => place.start(`--services=${service}`, "--insecure", `--controller=${base.address}`);
      const services = ["records-manager", "record-processor"];
      const before = await Promise.all(services.map(started));
      const client = createClient(RunService, { address: base.address });
      const phases = [{ ...phaseOf("profiling"), stop: { requestCount: BigInt(requests) } }];
      const spec = specOf({ target: { urls: [{ url: mock.url }], noProbe: true }, phases, workers: { maxWorkers: 1 } });
      const { run } = await client.createRun({ spec, runId: "moved" });
      const folder = run?.folder ?? "";
      const watch = new RunWatch(client.watchRun({ runId: "moved" }, { timeoutMs: 90_000 }));
      await until("rows of a run under way", () => rowsIn(folder) >= 20);
      for (const { child } of before) child.kill("SIGKILL");
      const after = await Promise.all(services.map(started));
      expect(after.map(({ address }) => address)).to.not.have.members(before.map(({ address }) => address));
      const ended = await watch.end;
      client.close();
      expect([RunState[ended.state], ended.reason]).to.deep.equal(["COMPLETED", ""]);
      const file = runFile(folder);
      expect(file).to.deep.include({ rows: requests, errors: { "": requests } });
      expectReconciled(file, mock.stats());
      expect(hostReadingsAfterwards(folder)).to.be.above(0);
    } finally {
      await place.close();
      await mock.stop();
    }
  });
});

/** What the worker-manager has sent of its host since a records-manager took over. */
function hostReadingsAfterwards(folder: string): number {
  const db = new Database(join(folder, "run.db"), { readonly: true });
  try {
    const rejoined = "SELECT max(ns) FROM events WHERE kind = 'rejoined'";
    const query = `SELECT count(*) FROM samples JOIN sources USING (source) WHERE kind = 'host' AND start_ns > (${rejoined})`;
    return db.prepare(query).pluck().get() as number;
  } finally {
    db.close();
  }
}
