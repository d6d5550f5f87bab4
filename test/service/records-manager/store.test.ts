import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { IdRanges } from "../../../services/common/id-ranges.ts";
import { RUN_FILE } from "../../../services/common/run-file.ts";
import { ACCOUNTS_OPTIONS, Accounts } from "../../../services/records-manager/core/accounts.ts";
import { RunReader } from "../../../services/records-manager/store/run-reader.ts";
import { RunStore } from "../../../services/records-manager/store/run-store.ts";
import { cancelled, failed, METRIC_TAGS, record, START_NS, WALL_OFFSET_NS } from "../../unit/records-manager/records.ts";
import { servedModel } from "../../unit/records-manager/served-models.ts";
import {
  createStore,
  errorOf,
  header,
  insertAll,
  openStore,
  type RunFolder,
  temporaryFolder,
  writeUntilKilled,
} from "./run-fixture.ts";

/** Without the rights of root, who may write anything. */
function unprivileged<Result>(work: () => Result): Result {
  const user = process.geteuid?.();
  if (user !== 0) return work();
  process.seteuid?.(65_534);
  try {
    return work();
  } finally {
    process.seteuid?.(user);
  }
}

/** Rows as SQLite has them, integers exact. */
function rowsOf(folder: string, sql: string): Record<string, unknown>[] {
  const db = new Database(join(folder, "run.db"), { readonly: true });
  try {
    return db.prepare(sql).safeIntegers().all() as Record<string, unknown>[];
  } finally {
    db.close();
  }
}

describe("the store of a run", () => {
  let run: RunFolder;
  beforeEach(() => {
    run = temporaryFolder();
  });
  afterEach(() => run.remove());

  it("keeps every time exactly, whatever the host's uptime", () => {
    const store = createStore(run.folder);
    const sentNs = 2 ** 52 + 12_345;
    insertAll(store, [
      record(7, { sentNs, dueNs: sentNs - 1001, issuedNs: sentNs - 7, firstByteNs: 9_000_001, endNs: 41_000_003.4 }),
    ]);
    store.close();
    const [row] = rowsOf(run.folder, "SELECT sent_ns, due_ns, issued_ns, first_byte_ns, end_ns, wall_offset_ns FROM requests");
    expect(row).to.deep.equal({
      sent_ns: BigInt(sentNs),
      due_ns: BigInt(sentNs - 1001),
      issued_ns: BigInt(sentNs - 7),
      first_byte_ns: 9_000_001n,
      end_ns: 41_000_003n,
      wall_offset_ns: BigInt(WALL_OFFSET_NS),
    });
  });

  it("stores what does not apply as NULL, and metrics in columns of their tags", () => {
    const store = createStore(run.folder);
    insertAll(store, [record(1, { metrics: { time_to_first_token: 10.25 } })]);
    store.close();
    const [row] = rowsOf(run.folder, "SELECT time_to_first_token, request_latency, due_ns, connect_ns, error_code FROM requests");
    expect(row).to.deep.equal({
      time_to_first_token: 10.25,
      request_latency: null,
      due_ns: null,
      connect_ns: null,
      error_code: null,
    });
  });

  it("tells first and last content from the stamps", () => {
    const store = createStore(run.folder);
    insertAll(store, [record(1), failed(2)]);
    store.close();
    expect(rowsOf(run.folder, "SELECT first_content_ns, last_content_ns FROM requests ORDER BY credit_id")).to.deep.equal([
      { first_content_ns: 10_000_000n, last_content_ns: 40_000_000n },
      { first_content_ns: null, last_content_ns: null },
    ]);
  });

  it("takes the first record of a credit and no other", () => {
    const store = createStore(run.folder);
    expect(insertAll(store, [record(1), record(1, { status: 500 }), record(2)])).to.deep.equal([true, false, true]);
    expect(insertAll(store, [record(2)])).to.deep.equal([false]);
    expect(store.committedRows).to.equal(2);
    store.close();
    expect(rowsOf(run.folder, "SELECT status FROM requests WHERE credit_id = 1")).to.deep.equal([{ status: 200n }]);
  });

  it("knows the ids of each phase", () => {
    const store = createStore(run.folder);
    insertAll(store, [record(1), record(3), record(2), record(9, { phase: 1 }), record(5)]);
    const keys = [...store.keys()].map(({ phase, creditId }) => [phase, creditId]);
    expect(keys).to.deep.equal([...[1, 2, 3, 5].map((id) => [0, id]), [1, 9]]);
    expect(store.has(5)).to.equal(true);
    expect(store.has(4)).to.equal(false);
    store.close();
  });

  it("closes a phase by its account: late records and conflicts are kept apart", () => {
    const store = createStore(run.folder);
    const accounts = new Accounts(ACCOUNTS_OPTIONS, store, { publish: () => {}, commitSoon: () => {} });
    const arrive = (each: ReturnType<typeof record>) => {
      return accounts.arrived({ phase: 0, creditId: each.creditId, record: each, recordProcessorId: "p" }, 0);
    };
    for (const each of [record(1), failed(2), cancelled(3), record(4), record(8)]) arrive(each);
    const account = {
      phase: 0,
      drawn: IdRanges.ofRanges([{ first: 1, last: 7 }]),
      unused: IdRanges.ofIds([4]),
      dropped: IdRanges.ofIds([5]),
      lost: IdRanges.ofIds([7]),
    };
    accounts.accountReceived(account, 0);
    accounts.advance(60e9);
    expect(arrive(record(6))).to.equal("late");
    expect(arrive(record(6))).to.equal("late");
    expect(arrive(record(1))).to.equal("duplicate");
    store.close();
    const counts = "drawn, unused, dropped, succeeded, errored, cancelled, missing_record, missing_lost, unaccounted";
    const expected = {
      drawn: 7n,
      unused: 1n,
      dropped: 1n,
      succeeded: 1n,
      errored: 1n,
      cancelled: 1n,
      missing_record: 1n,
      missing_lost: 1n,
      unaccounted: 0n,
    };
    expect(rowsOf(run.folder, `SELECT ${counts} FROM phases`)).to.deep.equal([expected]);
    expect(rowsOf(run.folder, `SELECT ${counts} FROM run`)).to.deep.equal([expected]);
    expect(rowsOf(run.folder, "SELECT credit_id FROM requests").map((row) => row.credit_id)).to.deep.equal([1n, 2n, 3n]);
    expect(rowsOf(run.folder, "SELECT credit_id FROM conflicts").map((row) => row.credit_id)).to.deep.equal([4n, 8n]);
    expect(rowsOf(run.folder, "SELECT credit_id FROM late").map((row) => row.credit_id)).to.deep.equal([6n]);
  });

  it("gives the stored answer to an account that comes again after a restart", () => {
    const store = createStore(run.folder);
    const account = {
      phase: 0,
      drawn: IdRanges.ofRanges([{ first: 1, last: 3 }]),
      unused: new IdRanges(),
      dropped: new IdRanges(),
      lost: IdRanges.ofIds([3]),
    };
    const before = new Accounts(ACCOUNTS_OPTIONS, store, { publish: () => {}, commitSoon: () => {} });
    insertAll(store, [record(1), record(2)]);
    before.accountReceived(account, 0);
    before.advance(60e9);
    store.close();
    const reopened = openStore(run.folder);
    const published: unknown[] = [];
    const after = new Accounts(ACCOUNTS_OPTIONS, reopened, { publish: (closed) => published.push(closed), commitSoon: () => {} });
    after.accountReceived(account, 0);
    reopened.close();
    expect(published).to.have.length(1);
    expect(published[0]).to.include({ phase: 0, drawn: 3, recorded: 0, isIncomplete: false });
    expect((published[0] as { missingLost: IdRanges }).missingLost.ranges()).to.deep.equal([{ first: 3, last: 3 }]);
  });

  it("knows after a restart what it knew before", () => {
    const store = createStore(run.folder);
    insertAll(store, [record(1), failed(2), record(4, { phase: 1 })]);
    store.close();
    const reopened = openStore(run.folder);
    expect(reopened.committedRows).to.equal(3);
    expect([...reopened.keys()]).to.deep.equal([
      { phase: 0, creditId: 1 },
      { phase: 0, creditId: 2 },
      { phase: 1, creditId: 4 },
    ]);
    expect(insertAll(reopened, [record(1), record(3)])).to.deep.equal([false, true]);
    reopened.close();
  });

  it("shows readers what is committed, and nothing else", () => {
    const store = createStore(run.folder);
    insertAll(store, [record(1)]);
    store.insert({ phase: 0, creditId: 2, record: record(2), recordProcessorId: "p" });
    expect(store.pendingRows).to.equal(1);
    const count = () => rowsOf(run.folder, "SELECT count(*) AS count FROM requests")[0]?.count;
    expect(count()).to.equal(1n);
    store.commit();
    expect(count()).to.equal(2n);
    store.close();
  });

  it("leaves one whole file behind", () => {
    const store = createStore(run.folder);
    insertAll(store, [record(1)]);
    store.close();
    expect(readdirSync(run.folder)).to.deep.equal(["run.db"]);
    const copy = join(run.folder, "elsewhere");
    mkdirSync(copy);
    copyFileSync(join(run.folder, "run.db"), join(copy, "run.db"));
    expect(rowsOf(copy, "SELECT credit_id FROM requests")).to.deep.equal([{ credit_id: 1n }]);
  });

  it("leaves all of a run in its one file even while somebody reads it", () => {
    const store = createStore(run.folder);
    const reader = RunReader.open(run.folder);
    insertAll(store, [record(1), record(2)]);
    store.close();
    const copy = join(run.folder, "elsewhere");
    mkdirSync(copy);
    copyFileSync(join(run.folder, "run.db"), join(copy, "run.db"));
    reader.close();
    expect(rowsOf(copy, "SELECT count(*) AS count FROM requests")).to.deep.equal([{ count: 2n }]);
  });

  it("keeps what servers say of a phase, the last word on each model", () => {
    const store = createStore(run.folder);
    const model = servedModel({ times: { success: { count: 5, ns: 5e9 + 0.4 } } });
    store.addServed([model, servedModel({ version: "2" })]);
    store.addServed([{ ...model, inferences: 40 }]);
    store.close();
    const columns = "version, inferences, success_count, success_ns, first_response_count, batches";
    expect(rowsOf(run.folder, `SELECT ${columns} FROM served_models ORDER BY version`)).to.deep.equal([
      {
        ...{ version: "1", inferences: 40n, success_count: 5n, success_ns: 5_000_000_000n },
        ...{ first_response_count: 0n, batches: "[[4,2,3000000]]" },
      },
      { version: "2", inferences: 8n, success_count: 2n, success_ns: 20n, first_response_count: 0n, batches: "[[4,2,3000000]]" },
    ]);
  });

  it("keeps workers' usage and events", () => {
    const store = createStore(run.folder);
    const usage = {
      loopDelayP99Ns: 1e6,
      loopDelayMaxNs: 2e6,
      gcNs: 4e6,
      gcCount: 2,
      gcMaxNs: 3e6,
      cpuRatio: 0.5,
      rssBytes: 1e8,
      maxFds: 1024,
      outboxBytes: 0,
      connections: 3,
      openedConnections: 5,
      replacedConnections: 1,
    };
    store.addWorkerUsage([
      { workerId: "w", ns: START_NS + 0.5, loopUtilisation: Number.NaN, openFds: 20, inFlight: 3, ...usage },
    ]);
    store.addEvents([{ ns: START_NS, service: "worker", kind: "outbox_full", message: "full" }]);
    store.close();
    expect(
      rowsOf(run.folder, "SELECT worker_id, loop_utilisation, open_fds, gc_max_ns, opened_connections FROM worker_usage"),
    ).to.deep.equal([{ worker_id: "w", loop_utilisation: null, open_fds: 20, gc_max_ns: 3e6, opened_connections: 5 }]);
    expect(rowsOf(run.folder, "SELECT kind, detail FROM events")).to.deep.equal([{ kind: "outbox_full", detail: null }]);
  });

  it("opens a file that was written before a metric existed", () => {
    const old = RunStore.create(run.folder, header(), { metricTags: METRIC_TAGS.slice(0, 3) });
    old.close();
    const store = openStore(run.folder);
    insertAll(store, [record(1, { metrics: { http_req_data_received: 2 } })]);
    store.close();
    expect(rowsOf(run.folder, "SELECT http_req_data_received AS kb FROM requests")).to.deep.equal([{ kb: 2 }]);
  });

  it("reads a file from before the steps of a request were kept, and goes on writing it with them", () => {
    const old = createStore(run.folder);
    insertAll(old, [record(1)]);
    old.close();
    const db = new Database(join(run.folder, RUN_FILE));
    for (const column of ["blocked_ns", "written_ns", "local_address"]) db.exec(`ALTER TABLE requests DROP COLUMN ${column}`);
    db.close();
    const reader = RunReader.open(run.folder);
    expect([...reader.pages(["blocked_ns", "sent_ns"])].flat()).to.deep.equal([[1, null, record(1).sentNs]]);
    reader.close();
    const store = openStore(run.folder);
    insertAll(store, [record(2, { blockedNs: 5, writtenNs: 7000, localAddress: "10.0.0.1:9" })]);
    store.close();
    const rows = rowsOf(run.folder, "SELECT blocked_ns, written_ns, local_address, content_stamps IS NULL AS bare FROM requests");
    expect(rows).to.deep.equal([
      { blocked_ns: null, written_ns: null, local_address: null, bare: 0n },
      { blocked_ns: 5n, written_ns: 7000n, local_address: "10.0.0.1:9", bare: 0n },
    ]);
  });
});

describe("the store of a run in trouble", () => {
  let run: RunFolder;
  beforeEach(() => {
    run = temporaryFolder();
  });
  afterEach(() => {
    chmodSync(run.folder, 0o755);
    run.remove();
  });

  it("says what is saved when the disk is full, and keeps it", () => {
    const store = createStore(run.folder, {}, { maxBytes: 400_000 });
    insertAll(
      store,
      Array.from({ length: 100 }, (_, index) => record(index)),
    );
    const fill = () => {
      for (let id = 100; id < 10_000; id++) insertAll(store, [record(id, { requestId: "x".repeat(500) })]);
    };
    const error = errorOf(fill);
    const saved = store.committedRows;
    expect(error.code).to.equal("resource_exhausted");
    expect(error.message).to.match(
      /^cannot write .* run file ".*run\.db": database or disk is full; \d+ records are saved in it$/,
    );
    expect(error.message).to.include(join(run.folder, "run.db"));
    expect(error.message).to.include(`${saved} records are saved`);
    expect(errorOf(() => store.commit()).code).to.equal("resource_exhausted");
    store.close();
    expect(rowsOf(run.folder, "SELECT count(*) AS count FROM requests")).to.deep.equal([{ count: BigInt(saved) }]);
    expect(saved).to.be.greaterThan(99);
  });

  it("refuses a folder that holds a run already", () => {
    createStore(run.folder).close();
    const error = errorOf(() => createStore(run.folder));
    expect(error.code).to.equal("already_exists");
    expect(error.message).to.include(join(run.folder, "run.db"));
  });

  it("refuses a folder that cannot be made", () => {
    writeFileSync(join(run.folder, "file"), "");
    const error = errorOf(() => createStore(join(run.folder, "file", "run")));
    expect(error.code).to.equal("permission_denied");
    expect(error.message).to.include(join(run.folder, "file", "run"));
  });

  it("refuses a folder that cannot be written", () => {
    chmodSync(run.folder, 0o555);
    const error = unprivileged(() => errorOf(() => createStore(run.folder)));
    expect(error.code).to.equal("permission_denied");
    expect(error.message).to.include(join(run.folder, "run.db"));
  });

  it("refuses to go on writing a file that is read-only, and still reads it", () => {
    const store = createStore(run.folder);
    insertAll(store, [record(1)]);
    store.close();
    chmodSync(join(run.folder, "run.db"), 0o444);
    chmodSync(run.folder, 0o555);
    unprivileged(() => {
      const error = errorOf(() => openStore(run.folder));
      expect(error.code).to.equal("permission_denied");
      expect(error.message).to.include(join(run.folder, "run.db"));
      const reader = RunReader.open(run.folder);
      expect([...reader.pages(["phase"])]).to.deep.equal([[[1, 0]]]);
      reader.close();
    });
  });

  it("says that there is no run", () => {
    expect(errorOf(() => openStore(run.folder)).code).to.equal("not_found");
    expect(errorOf(() => RunReader.open(run.folder)).code).to.equal("not_found");
  });

  it("says of a file whose making was cut short that there is nothing in it", () => {
    writeFileSync(join(run.folder, "run.db"), "");
    for (const open of [openStore, RunReader.open]) {
      const error = errorOf(() => open(run.folder));
      expect(error.code).to.equal("failed_precondition");
      expect(error.message).to.match(/run\.db" is empty: nothing was ever committed to it/);
    }
  });

  it("refuses a file that is no database", () => {
    writeFileSync(join(run.folder, "run.db"), "not a database, but long enough to be taken for one at first sight".repeat(50));
    for (const open of [() => openStore(run.folder), () => RunReader.open(run.folder)]) {
      expect(errorOf(open)).to.include({ code: "data_loss" });
      expect(errorOf(open).message).to.include(join(run.folder, "run.db"));
    }
  });

  it("refuses a database of somebody else and leaves it as it is", () => {
    const path = join(run.folder, "run.db");
    const foreign = new Database(path);
    foreign.exec("CREATE TABLE t (a)");
    foreign.close();
    const before = readFileSync(path);
    const error = errorOf(() => openStore(run.folder));
    expect(error.code).to.equal("failed_precondition");
    expect(error.message).to.include("is not an Assay run file");
    expect(readFileSync(path).equals(before)).to.equal(true);
  });

  it("refuses a file of a newer Assay", () => {
    createStore(run.folder).close();
    const db = new Database(join(run.folder, "run.db"));
    db.pragma("user_version = 99");
    db.close();
    for (const open of [() => openStore(run.folder), () => RunReader.open(run.folder)]) {
      const error = errorOf(open);
      expect(error.code).to.equal("failed_precondition");
      expect(error.message).to.include("newer Assay (schema version 99");
    }
  });

  it("says that a file is damaged when it meets the damage", () => {
    const store = createStore(run.folder);
    insertAll(
      store,
      Array.from({ length: 500 }, (_, index) => record(index)),
    );
    store.close();
    const path = join(run.folder, "run.db");
    const bytes = readFileSync(path);
    bytes.fill(0xff, bytes.length / 2);
    writeFileSync(path, bytes);
    const error = errorOf(() => {
      const reader = RunReader.open(run.folder);
      try {
        for (const page of reader.pages(["phase"])) expect(page.length).to.be.greaterThan(0);
      } finally {
        reader.close();
      }
    });
    expect(error.code).to.equal("data_loss");
    expect(error.message).to.include(path);
  });

  it("has everything that was committed after its writer was killed", async () => {
    const committed = await writeUntilKilled(run.folder, 2000);
    const store = openStore(run.folder);
    const rows = store.committedRows;
    expect(rows).to.be.at.least(committed);
    expect(rows % 100, "whole transactions only").to.equal(0);
    expect([...store.keys()].map(({ creditId }) => creditId)).to.deep.equal(Array.from({ length: rows }, (_, id) => id));
    store.close();
    expect(rowsOf(run.folder, "PRAGMA integrity_check")).to.deep.equal([{ integrity_check: "ok" }]);
  });
});
