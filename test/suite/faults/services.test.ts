/** Services in processes of their own that are killed under load. */
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { until } from "../../service/rpc/harness.ts";
import { expectAccounted } from "../../support/accounted.ts";
import type { LoggedTarget } from "../../support/logged-target.ts";
import { Parts, type RunUnderWay, stateOf } from "../../support/parts.ts";
import { endsWithinMs, rowsIn } from "../../support/suite.ts";

const base = "controller,dataset,timing,telemetry";

describe("a service that is killed", function () {
  this.timeout(4 * endsWithinMs);
  let parts: Parts;

  beforeEach(() => {
    parts = new Parts();
  });

  afterEach(async () => {
    await parts.close();
  });

  it("one of two worker-managers is killed: its workers end with it, and the run completes on the other host (accounts: complete; what its workers held is lost)", async () => {
    const target = await parts.target();
    await parts.start(`${base},records-manager,record-processor`);
    const [, killed] = await Promise.all(["h1", "h2"].map((host) => parts.start("worker-manager", { host })));
    if (killed === undefined) throw new Error("there is no second host");
    const run = await parts.runUnderWay(target);
    expect(parts.pidsOf("h2")).to.have.lengthOf(2);
    await parts.kill(killed);
    await until("the end of its worker", () => parts.pidsOf("h2").length === 0, endsWithinMs);
    expect(stateOf(await run.ended())).to.deep.equal(["COMPLETED", ""]);
    const file = expectAccounted(run.folder, target, 400);
    const [phase] = file.phases;
    expect(phase).to.include({ closed: 1, is_account_complete: 1 });
    expect(phase?.missing_lost).to.be.at.least(1);
    expect(file.verdict).to.be.oneOf(["suspect", "invalid"]);
  });

  it("one of two record-processors is killed: its workers send to the other one what is not committed (accounts: complete; nothing is missing)", async () => {
    const target = await parts.target();
    await parts.start(`${base},records-manager,worker-manager`);
    const [killed] = await Promise.all(Array.from({ length: 2 }, () => parts.start("record-processor")));
    if (killed === undefined) throw new Error("there is no record-processor");
    const run = await parts.runUnderWay(target);
    await parts.kill(killed);
    expect(stateOf(await run.ended())).to.deep.equal(["COMPLETED", ""]);
    expect(expectAccounted(run.folder, target, 400)).to.deep.include({ rows: 400, errors: { "": 400 } });
  });

  it("the records-manager is killed and comes back at another address: what was not committed is sent again (accounts: complete; nothing is missing)", async () => {
    const target = await parts.target();
    await parts.start(`${base},worker-manager,record-processor`);
    const before = await parts.start("records-manager");
    const run = await parts.runUnderWay(target);
    await parts.kill(before);
    const committed = rowsIn(run.folder);
    const after = await parts.start("records-manager");
    expect(after.relay.address).to.not.equal(before.relay.address);
    expect(stateOf(await run.ended())).to.deep.equal(["COMPLETED", ""]);
    expect(committed, "rows before its death").to.be.below(400);
    expect(expectAccounted(run.folder, target, 400)).to.deep.include({ rows: 400, errors: { "": 400 } });
  });

  it("records-manager and record-processor are killed and come back at other addresses: what was not committed is sent again (accounts: complete; nothing is missing)", async () => {
    const target = await parts.target();
    await parts.start(`${base},worker-manager`);
    const services = ["records-manager", "record-processor"];
    const before = await Promise.all(services.map((service) => parts.start(service)));
    const run = await parts.runUnderWay(target, { workers: 1 });
    await Promise.all(before.map((part) => parts.kill(part)));
    const after = await Promise.all(services.map((service) => parts.start(service)));
    expect(after.map(({ relay }) => relay.address)).to.not.have.members(before.map(({ relay }) => relay.address));
    expect(stateOf(await run.ended())).to.deep.equal(["COMPLETED", ""]);
    expect(expectAccounted(run.folder, target, 400)).to.deep.include({ rows: 400, errors: { "": 400 } });
    expect(hostReadingsAfterwards(run.folder)).to.be.above(0);
  });

  it("the controller is killed and comes back: its members end the run, and the new one knows it as failed (accounts: from the rows and timing's last heartbeat; nothing that was sent is missing)", async () => {
    const target = await parts.target();
    const controller = await parts.start("controller");
    const others = ["dataset,timing,telemetry", "records-manager,record-processor", "worker-manager"];
    await Promise.all(others.map((services) => parts.start(services)));
    const run = await parts.runUnderWay(target, { requests: 100_000 });
    await parts.kill(controller);
    await parts.start("controller", { relay: controller.relay });
    const client = parts.client();
    await closedAsFailed(run, target);
    const { run: shown } = await client.getRun({ runId: run.runId });
    expect(shown && stateOf(shown)[0]).to.equal("FAILED");
    const file = expectAccounted(run.folder, target);
    expect(file.phases[0]).to.include({ closed: 1, is_account_complete: 0 });
    expect(file.phases[0]?.unaccounted).to.equal(0);
    expect(file.reason).to.match(/controller/);
    // The suite has its members again: the next run is as any other.
    const next = await parts.runUnderWay(target, { requests: 100 });
    expect(stateOf(await next.ended())).to.deep.equal(["COMPLETED", ""]);
  });

  it("a suite of one process is killed and comes back: it knows the run as failed, and closes its file (accounts: from the rows and timing's last heartbeat; no equality is claimed)", async () => {
    const target = await parts.target();
    const all = "controller,dataset,timing,worker-manager,record-processor,records-manager,telemetry";
    const suite = await parts.start(all);
    const run = await parts.runUnderWay(target, { requests: 100_000, workers: 1 });
    await parts.kill(suite);
    expect(expectable(() => expectAccounted(run.folder, target).state === "FAILED")).to.equal(false);
    await parts.start(all, { relay: suite.relay });
    await closedAsFailed(run, target);
    const file = expectAccounted(run.folder, target);
    expect(file.phases[0]).to.include({ closed: 1, is_account_complete: 0 });
    expect(file.rows).to.be.at.least(20);
  });
});

/** Whoever comes in the place of a controller that died has a run's accounts closed. */
async function closedAsFailed(run: RunUnderWay, target: LoggedTarget): Promise<void> {
  const isClosed = (): boolean => expectable(() => expectAccounted(run.folder, target).state === "FAILED");
  await until("the run's file to be closed", isClosed, 2 * endsWithinMs);
}

function expectable(is: () => boolean): boolean {
  try {
    return is();
  } catch {
    return false;
  }
}

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
