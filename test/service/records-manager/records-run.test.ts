import { expect } from "chai";
import type { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import { QueryClient } from "../../../services/records-manager/query-client.ts";
import { RecordsRun } from "../../../services/records-manager/records-run.ts";
import { record } from "../../unit/records-manager/records.ts";
import { failureOf, until } from "../rpc/harness.ts";
import { header, openStore, type RunFolder, temporaryFolder } from "./run-fixture.ts";

describe("a run whose disk is full", () => {
  let base: RunFolder;
  let run: RecordsRun;
  const queries = new QueryClient();
  const failures: AssayError[] = [];
  const acks: number[] = [];

  beforeEach(() => {
    base = temporaryFolder();
    failures.length = 0;
    acks.length = 0;
    run = new RecordsRun({
      folder: base.folder,
      header: header(),
      queries,
      log: silentLogger,
      maxBytes: 400_000,
      note: () => {},
      onFailure: (error) => failures.push(error),
    });
  });
  afterEach(() => {
    run.close();
    base.remove();
  });
  after(() => queries.close());

  /** Batches of 100 records until one is refused; returns how many were taken. */
  async function fill(): Promise<{ readonly taken: number; readonly error: AssayError }> {
    const stream = run.addStream({ ack: (seq) => acks.push(seq), fail: () => {} });
    for (let seq = 1; seq < 1000; seq++) {
      try {
        run.ingest(
          stream,
          seq,
          Array.from({ length: 100 }, (_, index) => ({ record: record(seq * 100 + index), recordProcessorId: "rp" })),
        );
      } catch (error) {
        return { taken: (seq - 1) * 100, error: error as AssayError };
      }
      await until("the commit", () => run.pendingRows === 0 || failures.length > 0);
    }
    throw new Error("the disk was never full");
  }

  it("says so once, to whoever sends and to whoever runs it, with the path and what is saved", async () => {
    const { error } = await fill();
    expect(error).to.include({ code: "resource_exhausted" });
    expect(error.message)
      .to.include(`${base.folder}/run.db`)
      .and.match(/\d+ records are saved in it$/);
    expect(failures).to.deep.equal([error]);
    expect(() => run.setState("RUNNING")).to.throw(error.message);
    expect(await failureOf(run.closePhase({ phase: 0 } as never))).to.equal(error);
    expect(failures).to.have.length(1);
  });

  it("has acked nothing that is not in the file", async () => {
    await fill();
    run.close();
    const store = openStore(base.folder);
    expect(store.committedRows).to.be.at.least(acks.length * 100);
    expect(acks).to.deep.equal(acks.map((_, index) => index + 1));
    store.close();
  });

  it("gives up a phase that was being closed, and does not fall over its deadline", async () => {
    const closing = failureOf(
      run.closePhase({
        $typeName: "assay.timing.v1.PhaseAccount",
        phase: 0,
        drawn: [{ $typeName: "assay.common.v1.IdRange", first: 1n, last: 1_000_000n }],
        unused: [],
        dropped: [],
        lost: [],
        abandoned: 0n,
        queued: 0n,
        strayReturns: 0n,
      }),
    );
    const { error } = await fill();
    expect(await closing).to.equal(error);
  });

  it("ends all the same, with an error", async () => {
    const { error } = await fill();
    const end = { state: "FAILED", wasCancelled: false, endedWallNs: 1e18 } as const;
    expect(await failureOf(run.finish(end))).to.equal(error);
  });
});
