/** A network that fails between workers and the server that they measure. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { expect } from "chai";
import { until } from "../../service/rpc/harness.ts";
import { expectAccounted } from "../../support/accounted.ts";
import type { LoggedTarget } from "../../support/logged-target.ts";
import { Parts, type RunOptions, type RunUnderWay, stateOf } from "../../support/parts.ts";
import { endsWithinMs, type RunFile } from "../../support/suite.ts";

const host = "target";
const atOnce = 8;
/** Of the target. */
const firstTokenMs = 20;
/** Of the requests' own limits. */
const limitSec = 1;

describe("the way to a target", function () {
  this.timeout(4 * endsWithinMs);
  let parts: Parts;
  let target: LoggedTarget;
  let network: { cut(): void; heal(): void; reset(): number };

  beforeEach(async () => {
    parts = new Parts();
    target = await parts.targetOn(host, { ttftMs: firstTokenMs, itlMs: 5 });
    const name = parts.nameOf(host);
    network = {
      cut: () => parts.network.cut(name),
      heal: () => parts.network.heal(name),
      reset: () => parts.network.reset(name),
    };
    await parts.start("controller,dataset,timing,telemetry,records-manager,record-processor,worker-manager");
  });

  afterEach(async () => {
    await parts.close();
  });

  const limits = (): NonNullable<RunOptions["change"]> => ({
    target: { urls: [{ url: target.url }], noProbe: true, firstByteTimeoutSec: limitSec, idleTimeoutSec: limitSec },
  });

  /** Every request has a row. */
  async function expectCompleted(run: RunUnderWay, requests: number): Promise<RunFile> {
    expect(stateOf(await run.ended())).to.deep.equal(["COMPLETED", ""]);
    const file = expectAccounted(run.folder, target, requests);
    expect(file.phases[0]).to.include({ closed: 1, is_account_complete: 1, missing_lost: 0, missing_record: 0 });
    expect(file.rows).to.equal(requests);
    return file;
  }

  it("the target is silent for 4 s in the middle of answers: they go on afterwards, and have the pause in their figures (accounts: complete; nothing is missing)", async () => {
    const requests = 400;
    const run = await parts.runUnderWay(target, { requests });
    network.cut();
    await delay(4_000);
    network.heal();
    const { errors } = await expectCompleted(run, requests);
    expect(errors).to.deep.equal({ "": requests });
    const slow = figureIn(run.folder, "count(*) FROM requests WHERE request_latency >= 4000");
    expect(slow, "requests that waited").to.be.within(1, atOnce);
  });

  it("the target is silent for longer than a request may wait: answers end by `idle_timeout`, requests by `first_byte_timeout`, and when it is back the run goes on over new connections (accounts: complete; nothing is missing)", async () => {
    const requests = 400;
    const run = await parts.runUnderWay(target, { requests, change: limits() });
    network.cut();
    await until("requests to be given up", () => failedIn(run.folder) >= 2 * atOnce, endsWithinMs);
    network.heal();
    const {
      "": succeeded = 0,
      idle_timeout: idle = 0,
      first_byte_timeout: first = 0,
      ...others
    } = (await expectCompleted(run, requests)).errors;
    expect(others).to.deep.equal({});
    expect(idle, "answers that were cut in the middle").to.be.within(1, atOnce);
    expect(first, "requests without a byte of an answer").to.be.at.least(atOnce);
    expect(succeeded).to.be.at.least(requests / 2);
    const soonest = figureIn(run.folder, "min(end_ns) FROM requests WHERE error_code IS NOT NULL");
    expect(soonest, "ns until a request is given up").to.be.at.least(limitSec * 1e9);
  });

  it("the target is half open for good, takes connections and answers nothing: each request ends by its limit, and the run with the last one (accounts: complete; nothing is missing)", async () => {
    const requests = 60;
    const run = await parts.runUnderWay(target, { requests, change: limits() });
    network.cut();
    const { errors } = await expectCompleted(run, requests);
    const { "": _, idle_timeout: idle = 0, first_byte_timeout: first = 0, ...others } = errors;
    expect(others).to.deep.equal({});
    expect(idle).to.be.within(1, atOnce);
    expect(first).to.be.at.least(1);
  });

  it("the connections to the target are reset in the middle of answers: these requests fail by `reset`, those on connections at rest by `stale_connection`, and others have new ones (accounts: complete; nothing is missing)", async () => {
    const requests = 200;
    const run = await parts.runUnderWay(target, { requests });
    const connections = network.reset();
    const {
      "": succeeded = 0,
      reset = 0,
      stale_connection: stale = 0,
      ...others
    } = (await expectCompleted(run, requests)).errors;
    expect(others).to.deep.equal({});
    expect(reset).to.be.within(1, atOnce);
    // The next request may find one that was at rest, before it is known that it is cut, too.
    expect(reset + stale).to.be.at.most(connections);
    expect(succeeded).to.equal(requests - reset - stale);
  });

  it("the target is 50 ms away: first tokens come that much later both ways, and gaps between tokens are as they were (accounts: complete; nothing is missing)", async () => {
    const requests = 200;
    parts.network.delay(parts.nameOf(host), 50);
    const run = await parts.runUnderWay(target, { requests });
    const { errors } = await expectCompleted(run, requests);
    expect(errors).to.deep.equal({ "": requests });
    const soonest = figureIn(run.folder, "min(time_to_first_token) FROM requests");
    expect(soonest, "ms to the soonest first token").to.be.within(100 + firstTokenMs, 200);
    const least = figureIn(run.folder, "min(inter_token_latency) FROM requests");
    expect(least, "ms between tokens").to.be.below(50);
  });
});

function failedIn(folder: string): number {
  return figureIn(folder, "count(*) FROM requests WHERE error_code IS NOT NULL");
}

/** Of a run's file, while it is written too. */
function figureIn(folder: string, query: string): number {
  const db = new Database(join(folder, "run.db"), { readonly: true, timeout: 5000 });
  try {
    return db.prepare(`SELECT ${query}`).pluck().get() as number;
  } finally {
    db.close();
  }
}
