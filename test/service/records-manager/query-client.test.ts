import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { RecordsManagerService } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { silentLogger } from "../../../services/common/logger.ts";
import { createClient } from "../../../services/common/rpc/client.ts";
import { createRpcServer } from "../../../services/common/rpc/server.ts";
import { INLINE_ROWS, INLINE_SCRAPES, QueryClient } from "../../../services/records-manager/query-client.ts";
import { createRecordsManagerService } from "../../../services/records-manager/service.ts";
import { summarizeRun } from "../../../services/records-manager/summary.ts";
import { record, START_NS } from "../../unit/records-manager/records.ts";
import { failureOf, until } from "../rpc/harness.ts";
import { createStore, insertAll, type RunFolder, temporaryFolder } from "./run-fixture.ts";
import { addScrapes, gpuSeries } from "./scraped.ts";

describe("the query client", () => {
  let run: RunFolder;
  let client: QueryClient;
  beforeEach(() => {
    run = temporaryFolder();
    client = new QueryClient();
  });
  afterEach(async () => {
    await client.close();
    run.remove();
  });

  function fill(rows: number): void {
    const store = createStore(run.folder);
    insertAll(
      store,
      Array.from({ length: rows }, (_, id) => record(id)),
    );
    store.close();
  }

  it("answers for a small file without a thread", async () => {
    fill(3);
    const summary = await client.ask("summarize", { folder: run.folder });
    expect(summary.phases[0]?.counts.succeeded).to.equal(3);
    expect(client.threadCount).to.equal(0);
  });

  it("answers for a large one on a thread, with the same answer", async () => {
    fill(INLINE_ROWS);
    const asked = [
      client.ask("summarize", { folder: run.folder }),
      client.ask("records", { folder: run.folder, pageSize: 2, fields: ["credit_id"] }),
      client.ask("timeline", { folder: run.folder, bucketMs: 60_000 }),
    ] as const;
    expect(client.threadCount).to.equal(2);
    const [summary, page, timeline] = await Promise.all(asked);
    expect(summary).to.deep.equal(summarizeRun(run.folder));
    expect(page.rows).to.deep.equal([
      [0, 0],
      [1, 1],
    ]);
    expect(timeline.buckets.reduce((sum, bucket) => sum + bucket.completed, 0)).to.equal(INLINE_ROWS);
  });

  it("answers on a thread where few requests have many scrapes beside them", async () => {
    const store = createStore(run.folder);
    insertAll(store, [record(0)]);
    const load = gpuSeries("host_cpu_utilization", "%", { subject: "", labels: {} });
    const scrapes = Array.from({ length: INLINE_SCRAPES }, (_, at) => [START_NS + at * 1e6, [1]] as const);
    addScrapes(store, { kind: "host", name: "h" }, [load], scrapes);
    store.close();
    expect((await client.ask("summarize", { folder: run.folder })).phases[0]?.counts.succeeded).to.equal(1);
    expect(client.threadCount).to.equal(1);
  });

  it("rejects with what the query threw, on either side", async () => {
    fill(INLINE_ROWS);
    const error = await failureOf(client.ask("records", { folder: run.folder, phase: "nope" }));
    expect(error).to.include({ code: "invalid_argument", message: 'phase must be one of profiling, got "nope"' });
    expect((await failureOf(client.ask("summarize", { folder: `${run.folder}/none` }))).code).to.equal("not_found");
  });

  it("rejects at once when it is aborted, and goes on answering", async () => {
    fill(INLINE_ROWS);
    const abort = new AbortController();
    const asked = failureOf(client.ask("summarize", { folder: run.folder }, abort.signal));
    abort.abort();
    expect((await asked).code).to.equal("cancelled");
    expect((await failureOf(client.ask("summarize", { folder: run.folder }, abort.signal))).code).to.equal("cancelled");
    expect((await client.ask("records", { folder: run.folder, pageSize: 1 })).rows).to.have.length(1);
  });

  it("refuses more queries than may wait", async () => {
    fill(INLINE_ROWS);
    const asked = Array.from({ length: 65 }, () => client.ask("records", { folder: run.folder, pageSize: 1 }));
    const settled = await Promise.allSettled(asked);
    const refused = settled.filter((each) => each.status === "rejected").map((each) => each.reason.code);
    expect(refused).to.deep.equal(["resource_exhausted"]);
  });

  it("rejects what waits when it is closed, and starts again when asked again", async () => {
    fill(INLINE_ROWS);
    const asked = failureOf(client.ask("summarize", { folder: run.folder }));
    await Promise.resolve();
    await client.close();
    expect((await asked).code).to.equal("unavailable");
    expect((await client.ask("records", { folder: run.folder, pageSize: 1 })).rows).to.have.length(1);
  });

  it("rejects when its thread cannot be started", async () => {
    fill(INLINE_ROWS);
    const broken = new QueryClient({ program: new URL("./no-such-thread.ts", import.meta.url) });
    expect((await failureOf(broken.ask("summarize", { folder: run.folder }))).code).to.equal("unavailable");
  });
});

describe("the query client while a long question is under way", () => {
  let run: RunFolder;
  let other: RunFolder;
  let client: QueryClient;
  const program = new URL("./held-thread.ts", import.meta.url);

  function filled(): RunFolder {
    const made = temporaryFolder();
    const store = createStore(made.folder);
    insertAll(
      store,
      Array.from({ length: INLINE_ROWS }, (_, id) => record(id)),
    );
    store.close();
    return made;
  }

  before(() => {
    run = filled();
    other = filled();
  });
  after(() => {
    run.remove();
    other.remove();
  });
  beforeEach(() => {
    client = new QueryClient({ program });
    writeFileSync(join(run.folder, "held"), "");
  });
  afterEach(async () => {
    await client.close();
    rmSync(join(run.folder, "held"), { force: true });
  });

  const succeeded = async (folder: string, signal?: AbortSignal) => {
    const { phases } = await client.ask("summarize", { folder }, signal);
    return phases[0]?.counts.succeeded;
  };
  const firstIds = async () => {
    const { rows } = await client.ask("records", { folder: run.folder, fields: [], pageSize: 3 });
    return rows.map(([id]) => id);
  };

  it("answers short ones meanwhile, and further long ones after it", async () => {
    const settled: string[] = [];
    const long = succeeded(run.folder).finally(() => settled.push("long"));
    const further = succeeded(other.folder).finally(() => settled.push("further"));
    for (let each = 0; each < 3; each++) expect(await firstIds()).to.deep.equal([0, 1, 2]);
    expect(client.threadCount).to.equal(2);
    expect(settled).to.deep.equal([]);
    rmSync(join(run.folder, "held"));
    expect(await Promise.all([long, further])).to.deep.equal([INLINE_ROWS, INLINE_ROWS]);
    expect(settled).to.deep.equal(["long", "further"]);
  });

  it("answers beside it what a run waits for, however many others wait", async () => {
    const long = succeeded(run.folder);
    const waiting = Array.from({ length: 63 }, () => succeeded(other.folder));
    expect((await failureOf(succeeded(other.folder))).code).to.equal("resource_exhausted");
    const { phases } = await client.askFirst("summarize", { folder: other.folder });
    expect(phases[0]?.counts.succeeded).to.equal(INLINE_ROWS);
    rmSync(join(run.folder, "held"));
    expect(new Set(await Promise.all([long, ...waiting]))).to.deep.equal(new Set([INLINE_ROWS]));
  });

  it("ends it when its signal aborts, and goes on to the next", async () => {
    const abort = new AbortController();
    const long = failureOf(succeeded(run.folder, abort.signal));
    const further = succeeded(other.folder);
    await firstIds();
    abort.abort();
    expect((await long).code).to.equal("cancelled");
    expect(await further).to.equal(INLINE_ROWS);
  });

  it("never asks what was given up while it waited", async () => {
    const long = succeeded(run.folder);
    const abort = new AbortController();
    const waiting = failureOf(client.ask("export", { folder: other.folder }, abort.signal));
    await firstIds();
    abort.abort();
    expect((await waiting).code).to.equal("cancelled");
    rmSync(join(run.folder, "held"));
    expect(await long).to.equal(INLINE_ROWS);
    expect(await succeeded(other.folder)).to.equal(INLINE_ROWS);
    expect(existsSync(join(other.folder, "half.json"))).to.equal(false);
  });

  it("leaves nothing of an export that it ended", async () => {
    const abort = new AbortController();
    const ended = failureOf(client.ask("export", { folder: run.folder }, abort.signal));
    const unfinished = () => readdirSync(run.folder).filter((name) => name.startsWith("half.json"));
    await until("a file that is begun", () => unfinished().length > 0);
    abort.abort();
    expect((await ended).code).to.equal("cancelled");
    await until("the file to be gone", () => unfinished().length === 0);
    expect(await succeeded(other.folder)).to.equal(INLINE_ROWS);
  });

  it("gives a question up that nobody bounds", async () => {
    const bounded = new QueryClient({ program, longestMs: 50 });
    try {
      expect((await failureOf(bounded.ask("summarize", { folder: run.folder }))).code).to.equal("deadline_exceeded");
      await until("its thread to end", () => bounded.threadCount === 0);
    } finally {
      await bounded.close();
    }
  });

  it("ends threads that are asked nothing", async () => {
    const brief = new QueryClient({ program, idleMs: 20 });
    try {
      await brief.ask("summarize", { folder: other.folder });
      expect(brief.threadCount).to.equal(1);
      await until("its thread to end", () => brief.threadCount === 0);
      expect((await brief.ask("records", { folder: other.folder, pageSize: 1 })).rows).to.have.length(1);
    } finally {
      await brief.close();
    }
  });

  it("ends it when the one who called has gone, or set a deadline", async () => {
    const service = createRecordsManagerService({
      runOf: () => undefined,
      folderOf: async (runId) => (runId === "held" ? run.folder : other.folder),
      phaseOf: () => {
        throw new Error("nobody asks");
      },
      queries: client,
    });
    const server = createRpcServer({ services: [service], listen: {}, auth: { insecure: true }, log: silentLogger });
    const { address } = await server.start();
    const callers = [createClient(RecordsManagerService, { address }), createClient(RecordsManagerService, { address })] as const;
    try {
      const gone = failureOf(callers[0].summarizeRecords({ runId: "held" }, { timeoutMs: 20_000 }));
      await until("the question", () => client.threadCount > 0);
      callers[0].close();
      await gone;
      expect((await callers[1].summarizeRecords({ runId: "other" }, { timeoutMs: 20_000 })).phases).to.have.length(1);
      const late = await failureOf(callers[1].summarizeRecords({ runId: "held" }, { timeoutMs: 100 }));
      expect(late.code).to.equal("deadline_exceeded");
      expect((await callers[1].summarizeRecords({ runId: "other" }, { timeoutMs: 20_000 })).phases).to.have.length(1);
    } finally {
      for (const caller of callers) caller.close();
      await server.stop(0);
    }
  });
});
