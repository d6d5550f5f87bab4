import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import Database from "better-sqlite3";
import { expect } from "chai";
import { IdRangeSchema } from "../../../gen/assay/common/v1/common_pb.js";
import { PhaseAccountSchema } from "../../../gen/assay/timing/v1/timing_pb.js";
import { silentLogger } from "../../../services/common/logger.ts";
import type { MetricRecord, RawAnswer } from "../../../services/common/metric-record.ts";
import { SHARD_BLOCK, shardFolderName, shardOf } from "../../../services/common/record-shard.ts";
import type { ClosedPhase } from "../../../services/records-manager/core/accounts.ts";
import { QueryClient } from "../../../services/records-manager/query-client.ts";
import { queryTimeline } from "../../../services/records-manager/query-timeline.ts";
import { RecordsRun, type ShardPlace } from "../../../services/records-manager/records-run.ts";
import { recoverRun } from "../../../services/records-manager/recover.ts";
import { mergeShards } from "../../../services/records-manager/store/merge-shards.ts";
import { RunReader } from "../../../services/records-manager/store/run-reader.ts";
import { summarizeRun } from "../../../services/records-manager/summary.ts";
import { cancelled, failed, record } from "../../unit/records-manager/records.ts";
import { until } from "../rpc/harness.ts";
import { header, type RunFolder, recordsOf, temporaryFolder } from "./run-fixture.ts";

const shards = 3;
/** Some of each shard, and chunks that are whole and some that are not. */
const rows = 3 * SHARD_BLOCK + 500;
const end = { state: "COMPLETED", wasCancelled: false, endedWallNs: 1.8e18 } as const;

function recordOf(creditId: number): MetricRecord {
  if (creditId % 97 === 0) return failed(creditId);
  if (creditId % 89 === 0) return cancelled(creditId);
  const timeToFirstToken = 10 + ((creditId * 7919) % 1000) / 10;
  return record(creditId, { metrics: { time_to_first_token: timeToFirstToken, request_latency: 2 * timeToFirstToken } });
}

const unheard = { ack: () => {}, fail: () => {} };

/** Of some the answer is kept as it was. */
function rawOf(creditId: number): RawAnswer | undefined {
  if (creditId % 1000 !== 0) return undefined;
  return { reads: Uint8Array.of(1), payload: Buffer.from(`answer ${creditId}`) };
}

/** One credit is unused, and one lost. */
const unused = 5;
const lost = SHARD_BLOCK + 6;
const ids = Array.from({ length: rows }, (_, index) => index + 1).filter((id) => ![unused, lost].includes(id));
const account = create(PhaseAccountSchema, {
  phase: 0,
  drawn: [{ first: 1n, last: BigInt(rows) }],
  unused: [{ first: BigInt(unused), last: BigInt(unused) }],
  lost: [{ first: BigInt(lost), last: BigInt(lost) }],
  abandoned: 3n,
});

/** Says of a request that was sent that it was not. */
const contradicted = create(PhaseAccountSchema, { ...account, unused: [] });
for (const id of [unused, SHARD_BLOCK + 9].map(BigInt)) contradicted.unused.push(create(IdRangeSchema, { first: id, last: id }));

describe("rows of a run that several records-managers share", function () {
  this.timeout(120_000);
  const queries = new QueryClient();
  let one: RunFolder;
  let several: RunFolder;
  const runs: RecordsRun[] = [];
  const notes: string[] = [];

  beforeEach(() => {
    one = temporaryFolder();
    several = temporaryFolder();
    notes.length = 0;
  });
  afterEach(() => {
    for (const run of runs.splice(0)) run.close();
    one.remove();
    several.remove();
  });
  after(() => queries.close());

  function open(base: RunFolder, place: ShardPlace): RecordsRun {
    const run = new RecordsRun({
      folder: place.shard === 0 ? base.folder : join(base.folder, shardFolderName(place.shard)),
      shard: place,
      header: header({ otherShards: place.shard === 0 ? place.count - 1 : 0 }),
      queries,
      log: silentLogger,
      note: (message) => notes.push(message),
      onFailure: () => {},
    });
    runs.push(run);
    return run;
  }

  /** Sends every row to whom it belongs; resolves when all are committed. */
  async function fill(managers: readonly RecordsRun[], wanted: readonly number[] = ids): Promise<void> {
    for (const [shard, run] of managers.entries()) {
      const own = wanted.filter((id) => shardOf(id, managers.length) === shard);
      const stream = run.addStream(unheard);
      for (let at = 0, seq = 1; at < own.length; at += 400, seq++) {
        const records = own.slice(at, at + 400).map((id) => ({ record: recordOf(id), recordProcessorId: "rp", raw: rawOf(id) }));
        run.ingest(stream, seq, records);
      }
    }
    await until("the commits", () => managers.every(({ pendingRows }) => pendingRows === 0));
  }

  const managersOf = (base: RunFolder, count: number): RecordsRun[] =>
    Array.from({ length: count }, (_, shard) => open(base, { shard, count }));

  /** As the controller has it: the others first. `late`: rows that come when the phase is closed. */
  async function finish(managers: readonly RecordsRun[], by = account, late: readonly number[] = []): Promise<void> {
    await Promise.all(managers.map((run) => run.closePhase(by)));
    await fill(managers, late);
    for (const run of managers.slice(1)) await run.finish(end);
    await managers[0]?.finish(end);
  }

  it("are one file in the end, the same as that of one records-manager", async () => {
    for (const [base, count] of [
      [one, 1],
      [several, shards],
    ] as const) {
      const managers = managersOf(base, count);
      await fill(managers);
      await finish(managers);
    }
    expect(existsSync(join(several.folder, "shard-1"))).to.equal(false);
    expect(existsSync(join(several.folder, "run.db-wal"))).to.equal(false);
    expect(tablesOf(one.folder).raw).to.not.be.empty;
    const merged = tablesOf(several.folder);
    const { chunks, ...tables } = tablesOf(one.folder);
    for (const [table, found] of Object.entries(tables)) expect(merged[table], table).to.deep.equal(found);
    // A shard that has one chunk alone, and not all of it, leaves it to be read from its rows.
    expect(merged.chunks).to.not.be.empty;
    expect(chunks).to.deep.include.members(merged.chunks ?? []);
    const [whole, joined] = [one, several].map(({ folder }) => summarizeRun(folder));
    expect(joined).to.deep.equal(whole);
    expect(joined?.phases[0]).to.deep.include({ abandoned: 3, isAccountComplete: true });
    expect(joined?.phases[0]?.counts).to.include({ drawn: rows, unused: 1, missingLost: 1, missingRecord: 0 });
  });

  it("are beside what came late and what contradicts the account, as those of one records-manager", async () => {
    for (const [base, count] of [
      [one, 1],
      [several, shards],
    ] as const) {
      const managers = managersOf(base, count);
      await fill(managers);
      await finish(managers, contradicted, [lost]);
    }
    const [lone, merged] = [one, several].map(({ folder }) => tablesOf(folder));
    expect(merged?.late).to.have.lengthOf(1).and.to.deep.equal(lone?.late);
    expect(merged?.conflicts).to.have.lengthOf(1).and.to.deep.equal(lone?.conflicts);
    expect(merged?.phases).to.deep.equal(lone?.phases);
  });

  it("are read as one while they are written", async () => {
    const lone = managersOf(one, 1);
    const managers = managersOf(several, shards);
    await fill(lone);
    await fill(managers);
    const figures = ({ folder }: RunFolder) => [summarizeRun(folder), queryTimeline({ folder, bucketMs: 60_000, series: [] })];
    expect(plain(figures(several))).to.deep.equal(plain(figures(one)));
    const seen = (folder: string, filter: string) => {
      const fields = ["phase", "time_to_first_token", "error_code"];
      return recordsOf({ folder, fields, filter, orderBy: "ttft desc", pageSize: 500 });
    };
    expect(seen(several.folder, "ttft > 100ms")).to.deep.equal(seen(one.folder, "ttft > 100ms"));
  });

  it("are read once, however far one file of them has come", async () => {
    const managers = managersOf(several, shards);
    await fill(managers);
    for (const run of managers) run.close();
    const before = plain(summarizeRun(several.folder));
    const db = new Database(join(several.folder, "run.db"));
    db.prepare("ATTACH ? AS other").run(join(several.folder, "shard-1", "run.db"));
    // As a merge leaves it that dies behind the first chunk.
    const to = 2 * SHARD_BLOCK - 1;
    db.transaction(() => {
      db.exec(`INSERT INTO main.requests SELECT * FROM other.requests WHERE credit_id <= ${to}`);
      db.exec(`INSERT INTO main.chunks SELECT * FROM other.chunks WHERE chunk * ${SHARD_BLOCK} <= ${to}`);
      db.exec(`UPDATE main.shards SET merged_to = ${to} WHERE shard = 1`);
    })();
    db.close();
    expect(plain(summarizeRun(several.folder))).to.deep.equal(before);
    const moving = ids.filter((id) => id > to && shardOf(id, shards) > 0);
    expect(mergeShards(several.folder)).to.deep.equal({
      rows: moving.length,
      missing: [],
    });
    expect(plain(summarizeRun(several.folder))).to.deep.equal(before);
    expect(mergeShards(several.folder)).to.deep.equal({ rows: 0, missing: [] });
  });

  it("are read once by whoever has the files open while one is made of them", async () => {
    const managers = managersOf(several, shards);
    await fill(managers);
    await Promise.all(managers.map((run) => run.closePhase(contradicted)));
    await fill(managers, [lost]);
    for (const run of managers) run.close();
    const reader = RunReader.open(several.folder);
    try {
      const seen = () => ({ phases: reader.phases(), rows: reader.page(["phase"], { pageRows: 2 * rows }).length });
      const before = seen();
      expect(before.rows).to.equal(ids.length - 1);
      expect(before.phases[0]).to.deep.include({ late: 1, conflicts: 1 });
      mergeShards(several.folder);
      expect(seen()).to.deep.equal(before);
    } finally {
      reader.close();
    }
  });

  it("are those of the others where one has made no more than its file", async () => {
    const managers = managersOf(several, shards);
    await fill(managers);
    for (const run of managers) run.close();
    const last = join(several.folder, "shard-2");
    const others = ids.filter((id) => shardOf(id, shards) !== 2);
    rmSync(last, { recursive: true });
    mkdirSync(last);
    writeFileSync(join(last, "run.db"), "");
    const reader = RunReader.open(several.folder);
    const found = reader.page(["phase"], { pageRows: 2 * rows }).map(([id]) => id);
    reader.close();
    expect(found).to.deep.equal(others);
  });

  it("are recovered when all are killed, closed by the rows of all", async () => {
    const managers = managersOf(several, shards);
    await fill(managers);
    // One shard had closed the phase, the others not yet.
    await managers[1]?.closePhase(account);
    for (const run of managers) run.close();
    const { summary, isRecovered } = recoverRun(several.folder, "killed");
    expect(isRecovered).to.equal(true);
    expect(summary.phases[0]).to.deep.include({ isClosed: true, isAccountComplete: false });
    const { succeeded = 0, errored = 0, cancelled: givenUp = 0 } = summary.phases[0]?.counts ?? {};
    expect(succeeded + errored + givenUp).to.equal(ids.length);
    expect(existsSync(join(several.folder, "shard-1"))).to.equal(false);
  });

  it("are closed without timing's account over each one's own credits, and what it said last counts once", async () => {
    const managers = managersOf(several, shards);
    await fill(managers);
    const heartbeat = { phase: 0, lowestId: 1, highestId: rows, unused: 1, dropped: 0, lost: 1 };
    const closed = await Promise.all(managers.map((run) => run.closeFromRows(heartbeat)));
    const sum = (of: (one: ClosedPhase) => number): number => closed.reduce((total, one) => total + of(one), 0);
    expect(sum(({ drawn }) => drawn)).to.equal(rows);
    expect(sum(({ recorded }) => recorded)).to.equal(ids.length);
    expect(closed.map(({ unused: told }) => told)).to.deep.equal([1, 0, 0]);
    for (const [shard, { drawn }] of closed.entries()) {
      const own = Array.from({ length: rows }, (_, index) => index + 1).filter((id) => shardOf(id, shards) === shard);
      expect(drawn).to.equal(own.length);
    }
  });

  it("that have moved are in the run's file alone, though nothing was concluded", async () => {
    const managers = managersOf(several, shards);
    await fill(managers);
    for (const run of managers) run.close();
    const before = plain(summarizeRun(several.folder));
    const change = (sql: string): void => {
      const db = new Database(join(several.folder, "run.db"));
      db.exec(sql);
      db.close();
    };
    change("CREATE TRIGGER dies BEFORE UPDATE OF is_merged ON shards BEGIN SELECT RAISE(ABORT, 'it died'); END");
    expect(() => mergeShards(several.folder)).to.throw("it died");
    expect(plain(summarizeRun(several.folder))).to.deep.equal(before);
    change("DROP TRIGGER dies");
    expect(mergeShards(several.folder)).to.deep.equal({ rows: 0, missing: [] });
    expect(plain(summarizeRun(several.folder))).to.deep.equal(before);
  });

  it("are named as missing where a file is gone, and the account is not complete then", async () => {
    const managers = managersOf(several, shards);
    await fill(managers);
    await Promise.all(managers.map((run) => run.closePhase(account)));
    for (const run of managers.slice(1)) await run.finish(end);
    rmSync(join(several.folder, "shard-2"), { recursive: true });
    await managers[0]?.finish(end);
    expect(notes).to.deep.equal(["rows of shard 2 are missing: its file is not there"]);
    const { phases, client } = summarizeRun(several.folder);
    expect(phases[0]).to.deep.include({ isClosed: true, isAccountComplete: false });
    expect(client.reasons.map(({ message }) => message).join()).to.match(/no complete account/);
  });

  it("are refused by whoever does not write them", () => {
    const [, second] = managersOf(several, shards);
    const stream = second?.addStream(unheard) ?? 0;
    const send = () => second?.ingest(stream, 1, [{ record: recordOf(1), recordProcessorId: "rp" }]);
    expect(send).to.throw("credit 1 is of shard 0, this is shard 1");
  });

  /** Rows of every table that summaries are made of. */
  function tablesOf(folder: string): Readonly<Record<string, unknown[]>> {
    const db = new Database(join(folder, "run.db"), { readonly: true });
    const all = (sql: string) => db.prepare(sql).all();
    const tables = {
      requests: all("SELECT * FROM requests ORDER BY credit_id"),
      chunks: all("SELECT * FROM chunks ORDER BY chunk, name"),
      phases: all("SELECT * FROM phases"),
      raw: all("SELECT * FROM raw ORDER BY credit_id"),
      late: all("SELECT * FROM late"),
      conflicts: all("SELECT * FROM conflicts"),
      run: all("SELECT drawn, succeeded, errored, cancelled, missing_record, missing_lost, state, verdict FROM run"),
    };
    expect(db.pragma("integrity_check", { simple: true })).to.equal("ok");
    db.close();
    return tables;
  }
});

/** As it crosses to another thread or process. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
