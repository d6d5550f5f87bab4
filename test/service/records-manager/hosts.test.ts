import { readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { parquetReadObjects } from "hyparquet";
import { exportRun } from "../../../services/records-manager/exports/export-run.ts";
import { queryGroups } from "../../../services/records-manager/query-groups.ts";
import { queryRecords, queryRecordsOf, type RecordRow } from "../../../services/records-manager/query-records.ts";
import { queryTimeline, type TimelineQuery } from "../../../services/records-manager/query-timeline.ts";
import { columnsOf, recordMessages } from "../../../services/records-manager/record-wire.ts";
import { summarizeRun } from "../../../services/records-manager/summary.ts";
import { cancelled, failed, record } from "../../unit/records-manager/records.ts";
import { createStore, insertAll, openStore, type RunFolder, recordsOf, temporaryFolder } from "./run-fixture.ts";

const member = (memberId: string, host: string, clock?: { offsetNs: number; uncertaintyNs: number; driftPpm: number }) => ({
  memberId,
  host,
  services: ["worker"],
  pid: 7,
  cores: 4,
  labels: { zone: "a" },
  version: "0.1.0",
  clock,
});
/** As an older program left it. */
function dropMembers(folder: string): void {
  const db = new Database(join(folder, "run.db"));
  db.exec("DROP VIEW records; DROP TABLE members");
  db.close();
}

const own = { offsetNs: 0, uncertaintyNs: 0, driftPpm: 0 };

describe("requests of several load hosts", () => {
  let run: RunFolder;

  before(() => {
    run = temporaryFolder();
    const store = createStore(run.folder);
    store.addMembers([
      member("w1", "h1", own),
      member("w2", "h2"),
      member("w3", "h2", { offsetNs: 5e12, uncertaintyNs: 9e4, driftPpm: 3 }),
    ]);
    store.addMembers([member("w3", "h2", { offsetNs: 6e12, uncertaintyNs: 5e4, driftPpm: 4 })]);
    insertAll(store, [
      record(0, { workerId: "w1" }),
      record(1, { workerId: "w2" }),
      record(2, { workerId: "w3" }),
      failed(3, { workerId: "w3" }),
      { ...cancelled(4), workerId: "w1" },
      record(5, { workerId: "gone" }),
    ]);
    store.close();
  });
  after(() => run.remove());

  it("are found by their host, and by that of nobody", () => {
    const idsOf = (filter: string) =>
      recordsOf({ folder: run.folder, filter, fields: ["credit_id"] }).records.map(({ credit_id: id }) => id);
    expect(idsOf('host = "h2"')).to.deep.equal([1, 2, 3]);
    expect(idsOf('host != "h2"')).to.deep.equal([0, 4, 5]);
    expect(idsOf('host ~ "H1" AND cancelled = true')).to.deep.equal([4]);
    expect(idsOf("host = none")).to.deep.equal([5]);
  });

  it("say it themselves, one by one, in an order and as a table", async () => {
    const columns = columnsOf(["host"]);
    const { messageOf } = recordMessages(columns);
    const asked = { folder: run.folder, fields: columns };
    const hostsOf = (rows: readonly RecordRow[]) => rows.map((row) => [messageOf(row).creditId, messageOf(row).host]);
    const all = [
      [0n, "h1"],
      [1n, "h2"],
      [2n, "h2"],
      [3n, "h2"],
      [4n, "h1"],
      [5n, ""],
    ];
    expect(hostsOf(queryRecords(asked).rows)).to.deep.equal(all);
    expect(hostsOf(queryRecordsOf({ ...asked, ids: Float64Array.of(5, 1) }))).to.deep.equal([all[5], all[1]]);
    const last = queryRecords({ ...asked, orderBy: "host desc" }).rows;
    expect(hostsOf(last).map(([, host]) => host)).to.deep.equal(["h2", "h2", "h2", "h1", "h1", ""]);
    expect(columnsOf(undefined)).to.include("host");
    const file = join(run.folder, "profile_export.parquet");
    exportRun({ folder: run.folder, names: ["parquet"] });
    const table = await parquetReadObjects({ file: Uint8Array.from(readFileSync(file)).buffer, columns: ["host"] });
    expect(table.map(({ host }) => host ?? "")).to.deep.equal(all.map(([, host]) => host));
  });

  it("are those of a timeline of one host", () => {
    const completed = (query: Partial<TimelineQuery>) =>
      queryTimeline({ folder: run.folder, bucketMs: 1e6, ...query }).buckets.reduce((sum, bucket) => sum + bucket.completed, 0);
    expect([completed({}), completed({ host: "h2" }), completed({ host: "h2", workerId: "w1" })]).to.deep.equal([6, 3, 0]);
    expect([completed({ host: "h1" }), completed({ host: "nobody" })]).to.deep.equal([2, 0]);
  });

  it("are grouped by it, with a filter as without", () => {
    const groupsOf = (filter?: string) =>
      queryGroups({
        folder: run.folder,
        ...(filter === undefined ? {} : { filter }),
        groupBy: ["host"],
        metrics: ["ttft"],
      }).groups.map(({ keys, succeeded, errored, cancelled: given }) => [keys[0]?.value, succeeded, errored, given]);
    const all = [
      ["h1", 1, 0, 1],
      ["h2", 2, 1, 0],
      [undefined, 1, 0, 0],
    ];
    expect(groupsOf()).to.deep.equal(all);
    expect(groupsOf("credit >= 0")).to.deep.equal(all);
  });

  it("are told apart in the summary, each host with its least certain clock", () => {
    const [phase] = summarizeRun(run.folder).phases;
    expect(
      phase?.hosts.map(({ name, workers, succeeded, errored, cancelled: given }) => [name, workers, succeeded, errored, given]),
    ).to.deep.equal([
      ["h1", 1, 1, 0, 1],
      ["h2", 2, 2, 1, 0],
    ]);
    expect(phase?.hosts.map(({ clock }) => clock)).to.deep.equal([own, { offsetNs: 6e12, uncertaintyNs: 9e4, driftPpm: 4 }]);
    expect(phase?.hosts[0]?.throughputShare).to.equal(1 / 3);
  });

  it("are nobody's in a file that does not know its members", () => {
    const old = temporaryFolder();
    try {
      const store = createStore(old.folder);
      insertAll(store, [record(0, { workerId: "w1" })]);
      store.close();
      dropMembers(old.folder);
      expect(summarizeRun(old.folder).phases[0]?.hosts).to.deep.equal([]);
      expect(recordsOf({ folder: old.folder, filter: 'host = "h1"', fields: ["credit_id"] }).records).to.deep.equal([]);
      openStore(old.folder).close();
      expect(recordsOf({ folder: old.folder, filter: "host = none", fields: ["credit_id"] }).records).to.have.lengthOf(1);
    } finally {
      old.remove();
    }
  });
});
