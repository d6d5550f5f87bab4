/** A network that fails between the hosts of a suite, which are processes of this machine with relays between them. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { expect } from "chai";
import { until } from "../../service/rpc/harness.ts";
import { expectAccounted } from "../../support/accounted.ts";
import type { LoggedTarget } from "../../support/logged-target.ts";
import { Parts, type RunUnderWay, stateOf } from "../../support/parts.ts";
import { endsWithinMs, eventsIn } from "../../support/suite.ts";

const requests = 600;

describe("a network between hosts", function () {
  this.timeout(4 * endsWithinMs);
  let parts: Parts;
  let target: LoggedTarget;

  beforeEach(async () => {
    parts = new Parts();
    target = await parts.target();
    await parts.start("controller,dataset,timing,telemetry,records-manager,record-processor");
    await Promise.all(["h1", "h2"].map((host) => parts.start("worker-manager", { host, args: [`--host-name=${host}`] })));
  });

  afterEach(async () => {
    await parts.close();
  });

  async function expectCompleted(run: RunUnderWay) {
    expect(stateOf(await run.ended())).to.deep.equal(["COMPLETED", ""]);
    const file = expectAccounted(run.folder, target, requests);
    expect(file.phases[0]).to.include({ closed: 1, is_account_complete: 1 });
    return file;
  }

  it("a host is cut off for 5 s: its worker stops when its lease is over, its slots go to others after timing's, and what it has recorded comes afterwards (accounts: complete)", async () => {
    const run = await parts.runUnderWay(target, { requests });
    const host = parts.nameOf("h2");
    parts.network.cut(host);
    await delay(5_000);
    // Timing's lease runs from the last renewal that it has read, and is over by then, or at most a busy machine's moment later.
    await until("its worker to be lost", () => eventsIn(run.folder).includes("worker_lost"), endsWithinMs);
    expect(parts.network.heldBytesOf(host), "bytes that wait to arrive").to.be.above(0);
    const before = rowsOf(run.folder, "h2");
    parts.network.heal(host);
    const file = await expectCompleted(run);
    expect(rowsOf(run.folder, "h2"), "rows of the host, of which some could not come before").to.be.above(before);
    // What was in flight when a lease ended; on a busy machine leases end by themselves, too.
    const { "": succeeded = 0, fenced: _, ...others } = file.errors;
    expect(others).to.deep.equal({});
    expect(succeeded).to.be.at.least(requests - 100);
    expect(target.stats().maxOpenStreams).to.be.at.most(8);
  });

  it("a host is cut off for good: its worker is lost after its lease, and the run completes on the other one (accounts: complete; what it held and what it had not sent in is lost or missing)", async () => {
    const run = await parts.runUnderWay(target, { requests });
    parts.network.cut(parts.nameOf("h2"));
    const file = await expectCompleted(run);
    const [phase] = file.phases;
    expect((phase?.missing_lost ?? 0) + (phase?.missing_record ?? 0)).to.be.at.least(1);
    expect(file.verdict).to.be.oneOf(["suspect", "invalid"]);
    expect(target.stats().maxOpenStreams).to.be.at.most(8);
  });

  it("2 % of the packets between all hosts are lost: the run takes longer, and nothing else (accounts: complete; nothing is missing)", async () => {
    parts.network.lossRatio = 0.02;
    const file = await expectCompleted(await parts.runUnderWay(target, { requests }));
    expect(file).to.deep.include({ rows: requests, errors: { "": requests } });
    expect(parts.network.resent, "packets that were lost").to.be.above(0);
  });

  it("everything between hosts takes 50 ms each way: the run is as any other (accounts: complete; nothing is missing)", async () => {
    parts.network.delayMs = 50;
    const run = await parts.runUnderWay(target, { requests });
    const client = parts.client();
    const tookMs: number[] = [];
    for (let call = 0; call < 10; call++) {
      const startMs = performance.now();
      await client.getRun({ runId: run.runId });
      tookMs.push(performance.now() - startMs);
    }
    expect(Math.min(...tookMs), "the fastest call, there and back").to.be.at.least(100);
    const file = await expectCompleted(run);
    expect(file).to.deep.include({ rows: requests, errors: { "": requests } });
    expect(target.stats().maxOpenStreams).to.be.at.most(8);
  });

  it("the connections of a host are half open, as after a power cut of what is between: they are given up and dialled again (accounts: complete)", async () => {
    const run = await parts.runUnderWay(target, { requests });
    const host = parts.nameOf("h2");
    expect(parts.network.halfOpen(host)).to.be.at.least(3);
    await until("new connections of the host", () => parts.network.connectionsOf(host) >= 3, 2 * endsWithinMs);
    const file = await expectCompleted(run);
    const { "": succeeded = 0, fenced: _, ...others } = file.errors;
    expect(others).to.deep.equal({});
    expect(succeeded).to.be.at.least(requests - 100);
  });
});

/** Committed rows of a host's workers. */
function rowsOf(folder: string, host: string): number {
  const db = new Database(join(folder, "run.db"), { readonly: true, timeout: 5000 });
  try {
    const query = "SELECT count(*) FROM requests JOIN members ON member_id = worker_id WHERE host = ?";
    return db.prepare(query).pluck().get(host) as number;
  } finally {
    db.close();
  }
}
