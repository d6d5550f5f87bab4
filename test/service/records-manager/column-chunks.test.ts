import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { IdRanges } from "../../../services/common/id-ranges.ts";
import type { MetricRecord } from "../../../services/common/metric-record.ts";
import { CHUNK_ROWS } from "../../../services/records-manager/store/column-chunks.ts";
import { RunReader } from "../../../services/records-manager/store/run-reader.ts";
import { summarizeRun } from "../../../services/records-manager/summary.ts";
import { cancelled, failed, record } from "../../unit/records-manager/records.ts";
import { createStore, insertAll, openStore, type RunFolder, temporaryFolder, writeUntilKilled } from "./run-fixture.ts";

function onFile<Result>(folder: string, work: (db: Database.Database) => Result): Result {
  const db = new Database(join(folder, "run.db"));
  try {
    return work(db);
  } finally {
    db.close();
  }
}

function chunksIn(folder: string): number[] {
  return onFile(folder, (db) => db.prepare("SELECT DISTINCT chunk FROM chunks ORDER BY chunk").pluck().all() as number[]);
}

/** That figures are the same without what was stored beside the rows. */
function expectSameFromRows(folder: string): void {
  const withChunks = summarizeRun(folder);
  onFile(folder, (db) => db.exec("DELETE FROM chunks"));
  expect(withChunks).to.deep.equal(summarizeRun(folder));
}

function various(id: number, phase = 0): MetricRecord {
  if (id % 7 === 3) return { ...failed(id), phase };
  if (id % 31 === 5) return { ...cancelled(id), phase };
  const contentMs = [10, 10 + (id % 50), 70 + ((id * 7919) % 1000), 1300 + (id % 3) * 1000];
  const metrics = { request_latency: ((id * 7919) % 1000) / 7, time_to_first_token: 10, input_sequence_length: id % 90 };
  return record(id, { phase, contentMs, metrics, workerId: `worker-${id % 3}`, dueNs: record(id).sentNs - ((id * 31) % 5000) });
}

/** Ids from 0 on, in an order in which they may arrive. */
function arrivals(count: number, make: (id: number) => MetricRecord = various): MetricRecord[] {
  const order = Array.from({ length: count }, (_, id) => id).sort((one, other) => {
    return one + ((one * 7919) % 900) - (other + ((other * 7919) % 900));
  });
  return order.map((id) => make(id));
}

describe("rows stored once more as columns", () => {
  let run: RunFolder;
  beforeEach(() => {
    run = temporaryFolder();
  });
  afterEach(() => run.remove());

  it("give the figures of the rows, in whatever order these came and whatever became of them", () => {
    const store = createStore(run.folder);
    insertAll(store, arrivals(2 * CHUNK_ROWS + 500));
    store.close();
    expect(chunksIn(run.folder)).to.deep.equal([0, 1]);
    expectSameFromRows(run.folder);
  });

  it("give the figures of every phase that shares a chunk", () => {
    const phases = [
      { phase: 0, name: "warmup", kind: "warmup", hasCeiling: false },
      { phase: 1, name: "profiling", kind: "profiling", hasCeiling: false },
    ] as const;
    const store = createStore(run.folder, { phases });
    insertAll(
      store,
      arrivals(CHUNK_ROWS, (id) => various(id, id < 1000 ? 0 : 1)),
    );
    store.close();
    expect(chunksIn(run.folder)).to.deep.equal([0]);
    expectSameFromRows(run.folder);
  });

  it("are there while the run goes on, without the rows that are on their way", () => {
    const store = createStore(run.folder);
    insertAll(store, arrivals(CHUNK_ROWS + 10));
    expect(summarizeRun(run.folder).phases[0]?.counts.drawn).to.equal(CHUNK_ROWS + 10);
    store.close();
  });

  it("are not made of a short run", () => {
    const store = createStore(run.folder);
    insertAll(store, arrivals(1000));
    store.writeClosed(closedPhase());
    store.close();
    expect(chunksIn(run.folder)).to.deep.equal([]);
  });

  it("wait for credits that never come until their phase is closed", () => {
    const store = createStore(run.folder);
    insertAll(
      store,
      arrivals(3 * CHUNK_ROWS).filter(({ creditId }) => creditId % 100 !== 17),
    );
    expect(chunksIn(run.folder)).to.deep.equal([]);
    store.writeClosed(closedPhase());
    store.close();
    expect(chunksIn(run.folder)).to.deep.equal([0, 1, 2]);
    expectSameFromRows(run.folder);
  });

  it("give way to the rows where one more comes, or one is taken away", () => {
    const store = createStore(run.folder);
    insertAll(
      store,
      arrivals(3 * CHUNK_ROWS).filter(({ creditId }) => creditId !== 40),
    );
    store.writeClosed(closedPhase());
    insertAll(store, [various(40)]);
    store.markConflict(CHUNK_ROWS + 7);
    store.close();
    expect(chunksIn(run.folder)).to.deep.equal([2]);
    expectSameFromRows(run.folder);
  });

  it("do not wait for one credit for as long as a run takes", () => {
    const store = createStore(run.folder);
    const ids = Array.from({ length: 20 }, (_, chunk) => chunk * CHUNK_ROWS);
    insertAll(
      store,
      ids.map((id) => various(id)),
    );
    // Sixteen wait; the oldest are written as they are, and are left to the rows when more comes.
    expect(chunksIn(run.folder)).to.deep.equal([0, 1, 2, 3]);
    insertAll(store, [various(1)]);
    store.close();
    expect(chunksIn(run.folder)).to.deep.equal([1, 2, 3]);
    expectSameFromRows(run.folder);
  });

  it("are right after the death of their writer, and when another goes on", async () => {
    await writeUntilKilled(run.folder, CHUNK_ROWS + 300);
    const store = openStore(run.folder);
    const next = [...store.keys()].reduce((most, { creditId }) => Math.max(most, creditId), 0) + 1;
    insertAll(
      store,
      Array.from({ length: 2 * CHUNK_ROWS }, (_, index) => various(next + index)),
    );
    store.close();
    const broken = Math.floor((next - 1) / CHUNK_ROWS);
    expect(chunksIn(run.folder)).to.include(0).and.not.include(broken);
    expect(chunksIn(run.folder)).to.include(broken + 1);
    expectSameFromRows(run.folder);
  });

  it("are read in any number of passes", () => {
    const store = createStore(run.folder);
    insertAll(store, arrivals(CHUNK_ROWS + 100));
    store.close();
    expect(summarizeRun(run.folder, { columnBudgetBytes: 1 })).to.deep.equal(summarizeRun(run.folder));
  });

  it("are made by whoever goes on with an older file, which has none", () => {
    const older = createStore(run.folder);
    insertAll(older, arrivals(100));
    older.close();
    onFile(run.folder, (db) => db.exec("DROP TABLE chunks"));
    expect(summarizeRun(run.folder).phases[0]?.counts.drawn).to.equal(100);
    const store = openStore(run.folder);
    insertAll(
      store,
      Array.from({ length: CHUNK_ROWS }, (_, index) => various(CHUNK_ROWS + index)),
    );
    store.close();
    expect(chunksIn(run.folder)).to.deep.equal([1]);
    expectSameFromRows(run.folder);
  });

  it("give way to the rows where an older program made them without a column that is asked for", () => {
    const store = createStore(run.folder);
    insertAll(store, arrivals(CHUNK_ROWS));
    store.close();
    const whole = summarizeRun(run.folder);
    onFile(run.folder, (db) => {
      const made = "SELECT CAST(data AS TEXT) FROM chunks WHERE name = 'columns'";
      const columns = JSON.parse(db.prepare(made).pluck().get() as string) as string[];
      const older = Buffer.from(JSON.stringify(columns.filter((column) => column !== "finish_reason")));
      db.prepare("UPDATE chunks SET data = ? WHERE name = 'columns'").run(older);
      db.exec("DELETE FROM chunks WHERE name = 'finish_reason'");
    });
    expect(whole.phases[0]?.finishReasons).to.have.length(1);
    expect(whole.phases[0]?.finishReasons[0]?.reason).to.equal("stop");
    expect(summarizeRun(run.folder)).to.deep.equal(whole);
    onFile(run.folder, (db) => db.exec("DELETE FROM chunks WHERE name = 'columns'"));
    expect(summarizeRun(run.folder)).to.deep.equal(whole);
  });

  it("name the file where they are damaged", () => {
    const store = createStore(run.folder);
    insertAll(store, arrivals(CHUNK_ROWS));
    store.close();
    onFile(run.folder, (db) => db.exec("UPDATE chunks SET data = x'00' WHERE name = 'sent_ns'"));
    expect(() => summarizeRun(run.folder)).to.throw(join(run.folder, "run.db"));
  });

  it("are of some columns, each with its value or none", () => {
    const store = createStore(run.folder);
    insertAll(store, arrivals(CHUNK_ROWS + 1));
    store.close();
    const reader = RunReader.open(run.folder);
    const seen: unknown[][] = [];
    for (const { phases, columns, texts } of reader.chunks(["sent_ns", "error_message", "request_latency", "unknown_tag"])) {
      seen.push([...[phases, ...columns].map((column) => column[3]), texts[1]]);
    }
    reader.close();
    const { sentNs } = various(3);
    const none = Number.NaN;
    expect(seen).to.deep.equal([
      [0, sentNs, 0, none, none, ["503 overloaded", "cancelled after 30 ms"]],
      [none, none, none, none, none, []],
    ]);
  });
});

function closedPhase() {
  const none = new IdRanges();
  return {
    phase: 0,
    drawn: 0,
    recorded: 0,
    unused: 0,
    dropped: 0,
    missingRecord: none,
    missingLost: none,
    conflicts: none,
    unaccounted: 0,
    isIncomplete: false,
    abandoned: 0,
    queued: 0,
  };
}
