import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import fc from "fast-check";
import { RecordsManagerService } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { silentLogger } from "../../../services/common/logger.ts";
import { type Client, createClient } from "../../../services/common/rpc/client.ts";
import { createRpcServer, type RpcServer } from "../../../services/common/rpc/server.ts";
import { QueryClient } from "../../../services/records-manager/query-client.ts";
import { type RecordsStreamOptions, streamRecords } from "../../../services/records-manager/records-stream.ts";
import { createRecordsManagerService } from "../../../services/records-manager/service.ts";
import { failed, METRIC_TAGS, record } from "../../unit/records-manager/records.ts";
import { failureOf, gather } from "../rpc/harness.ts";
import { createStore, insertAll, type RunFolder, recordsOf, temporaryFolder } from "./run-fixture.ts";

/** Which queries were asked. */
class CountingQueries extends QueryClient {
  readonly asked: string[] = [];

  override ask: QueryClient["ask"] = (name, argument, signal) => {
    this.asked.push(name);
    return super.ask(name, argument, signal);
  };
}

const rowCount = 40;

describe("streaming records", () => {
  let run: RunFolder;
  let queries: CountingQueries;
  before(() => {
    run = temporaryFolder();
    const store = createStore(run.folder);
    const ttfts = [30, 10, undefined, 20, 10];
    insertAll(
      store,
      Array.from({ length: rowCount }, (_, id) => {
        const ttft = ttfts[id % ttfts.length];
        return id % 7 === 6 ? failed(id) : record(id, { metrics: ttft === undefined ? {} : { time_to_first_token: ttft } });
      }),
    );
    store.close();
  });
  after(() => run.remove());
  beforeEach(() => {
    queries = new CountingQueries();
  });
  afterEach(() => queries.close());

  const idsOf = async (options: Partial<RecordsStreamOptions>): Promise<unknown[]> => {
    const pages = await gather(streamRecords(queries, { folder: run.folder, fields: ["credit_id"], ...options }));
    for (const page of pages) expect(page).to.not.have.length(0);
    return pages.flat().map(([id]) => id);
  };

  it("gives the rows of the query, in its order, in pages of any size", async () => {
    const options = fc.record(
      {
        filter: fc.constantFrom('error = ""', "ttft > 10ms", "ttft = none", "turn > 3"),
        orderBy: fc.constantFrom("ttft", "ttft desc", "credit desc", "error", "turn"),
        limit: fc.integer({ min: 1, max: rowCount + 5 }),
      },
      { requiredKeys: [] },
    );
    const size = fc.integer({ min: 1, max: rowCount + 5 });
    await fc.assert(
      fc.asyncProperty(options, size, size, async ({ limit, ...query }, pageRows, orderedIds) => {
        const whole = recordsOf({ folder: run.folder, fields: ["credit_id"], pageSize: 1000, ...query });
        const wanted = whole.records.map((row) => row.credit_id).slice(0, limit);
        const bound = limit === undefined ? {} : { limit };
        expect(await idsOf({ ...query, ...bound, pageRows, orderedIds })).to.deep.equal(wanted);
      }),
    );
  });

  it("reads no page before the one before it was taken", async () => {
    const plain = streamRecords(queries, { folder: run.folder, pageRows: 5 });
    expect(queries.asked).to.deep.equal([]);
    await plain.next();
    expect(queries.asked).to.deep.equal(["records"]);
    await plain.return(undefined);
    const ordered = streamRecords(queries, { folder: run.folder, orderBy: "ttft", pageRows: 5 });
    await ordered.next();
    await ordered.next();
    expect(queries.asked.slice(1)).to.deep.equal(["order", "recordsOf", "recordsOf"]);
    await ordered.return(undefined);
  });

  describe("over the wire", () => {
    let server: RpcServer;
    let client: Client<typeof RecordsManagerService>;
    let wide: RunFolder;
    const pages = 24;

    before(() => {
      wide = temporaryFolder();
      const store = createStore(wide.folder, { runId: "wide" });
      // Each page of 500 is more than a megabyte.
      const contentMs = Array.from({ length: 1000 }, (_, chunk) => chunk * 20);
      const stamped = record(0, { contentMs });
      insertAll(
        store,
        Array.from({ length: pages * 500 }, (_, id) => record(id, { contentStamps: stamped.contentStamps })),
      );
      store.close();
    });
    after(() => wide.remove());
    beforeEach(async () => {
      const service = createRecordsManagerService({
        runOf: () => undefined,
        folderOf: async (runId) => (runId === "wide" ? wide.folder : run.folder),
        phaseOf: () => {
          throw new Error("nobody asks");
        },
        queries,
      });
      server = createRpcServer({ services: [service], listen: {}, auth: { insecure: true }, log: silentLogger });
      client = createClient(RecordsManagerService, { address: (await server.start()).address });
    });
    afterEach(async () => {
      client.close();
      await server.stop(0);
    });

    it("has the fields asked for, of the rows that pass, as QueryRecords", async () => {
      const query = { runId: "run-1", filter: "ttft > 10ms", orderBy: "credit desc", fields: { paths: ["values", "status"] } };
      const messages = await gather(client.streamRecords({ ...query, limit: 4n }));
      const page = await client.queryRecords({ ...query, pageSize: 4 });
      expect(messages.flatMap(({ records }) => records)).to.deep.equal(page.records);
      expect(messages[0]?.tags).to.deep.equal(METRIC_TAGS);
      expect(page.records[0]).to.include({ status: 200, sentNs: 0 });
    });

    it("gives many rows where QueryRecords gives pages of 250", async () => {
      const fields = { paths: ["credit_id"] };
      const first = await client.queryRecords({ runId: "wide", fields, pageSize: 10_000 });
      expect(first.records).to.have.length(250);
      const next = await client.queryRecords({ runId: "wide", fields, pageSize: 10_000, pageToken: first.nextPageToken });
      expect(next.records.map(({ creditId }) => Number(creditId))).to.deep.equal(
        Array.from({ length: 250 }, (_, at) => 250 + at),
      );
    });

    it("refuses what QueryRecords refuses", async () => {
      const refused = (change: object) => failureOf(gather(client.streamRecords({ runId: "run-1", ...change })));
      expect((await refused({ filter: "turn = x" })).message).to.include("\n    turn = x\n           ^");
      for (const change of [{ filter: "x" }, { orderBy: "x" }, { fields: { paths: ["x"] } }, { phase: "x" }]) {
        expect(await refused(change), JSON.stringify(change)).to.include({ code: "invalid_argument" });
      }
    });

    it("reads on as far as the reader does, and not at all once it has gone", async () => {
      const stream = client.streamRecords({ runId: "wide" })[Symbol.asyncIterator]();
      const first = await stream.next();
      expect(first.value?.records.length).to.be.within(1, 500);
      // What connection and streams hold is far less than the 40 MB that the run has; a slow machine has only read less by then.
      await delay(1000);
      const readAhead = queries.asked.length;
      expect(readAhead).to.be.at.most(pages / 2);
      await stream.return?.();
      await delay(200);
      expect(queries.asked.length).to.be.at.most(readAhead + 1);
      const all = await gather(client.streamRecords({ runId: "wide", fields: { paths: ["credit_id"] } }));
      expect(all.flatMap(({ records }) => records.map(({ creditId }) => Number(creditId)))).to.deep.equal(
        Array.from({ length: pages * 500 }, (_, id) => id),
      );
    });
  });
});
