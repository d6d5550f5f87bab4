import { expect } from "chai";
import type { RunSummary } from "../../../services/records-manager/core/run-summary.ts";
import { KeptSummaries } from "../../../services/records-manager/kept-summaries.ts";
import { QueryClient } from "../../../services/records-manager/query-client.ts";
import { record, START_NS } from "../../unit/records-manager/records.ts";
import { createStore, insertAll, openStore, type RunFolder, temporaryFolder } from "./run-fixture.ts";
import { addScrapes, gpuSeries } from "./scraped.ts";

const gpus = { kind: "dcgm", name: "http://127.0.0.1:9400/metrics" };
const power = gpuSeries("nvidia_power_usage", "W", { subject: "GPU-1", labels: { index: "0" } });
const end = { state: "COMPLETED", wasCancelled: false, endedWallNs: 1, verdict: "valid", verdictReasons: [] } as const;

describe("the summary of a run that has ended", () => {
  const opened: RunFolder[] = [];
  const queries = new QueryClient();
  let summaries: KeptSummaries;
  beforeEach(() => {
    summaries = new KeptSummaries(queries);
  });
  after(() => queries.close());
  afterEach(() => {
    for (const run of opened.splice(0)) run.remove();
  });

  /** A run of one request, whose GPU had 300 W. */
  function written(hasEnded = true): string {
    const run = temporaryFolder();
    opened.push(run);
    const store = createStore(run.folder);
    insertAll(store, [record(0)]);
    store.startPhase(0, START_NS);
    addScrapes(store, gpus, [power], [[START_NS + 1e6, [300]]]);
    store.endPhase(0, START_NS + 2e9);
    if (hasEnded) store.endRun(end);
    store.close();
    return run.folder;
  }

  it("is made once for the same question, and is the same answer", async () => {
    const folder = written();
    const first = await summaries.ask({ folder });
    expect(await summaries.ask({ folder })).to.equal(first);
    expect(first.phases[0]?.gpus).to.have.lengthOf(1);
    const without = await summaries.ask({ folder, withTelemetry: false });
    expect(without.phases[0]?.gpus).to.deep.equal([]);
    expect(await summaries.ask({ folder, withTelemetry: false })).to.equal(without);
    expect(await summaries.ask({ folder })).to.equal(first);
  });

  it("is made anew when the file has changed, and while it is written", async () => {
    const folder = written();
    expect((await summaries.ask({ folder })).phases[0]?.gpus[0]?.maxWatts).to.equal(300);
    const store = openStore(folder);
    addScrapes(store, gpus, [power], [[START_NS + 2e6, [500]]]);
    store.commit();
    expect((await summaries.ask({ folder })).phases[0]?.gpus[0]?.maxWatts).to.equal(500);
    addScrapes(store, gpus, [power], [[START_NS + 3e6, [700]]]);
    store.commit();
    expect((await summaries.ask({ folder })).phases[0]?.gpus[0]?.maxWatts).to.equal(700);
    store.close();
    expect((await summaries.ask({ folder })).phases[0]?.gpus[0]?.maxWatts).to.equal(700);
  });

  it("is not kept of a run that goes on, and of other runs for the last ones alone", async () => {
    const open = written(false);
    expect(await summaries.ask({ folder: open })).not.to.equal(await summaries.ask({ folder: open }));
    const folders = Array.from({ length: 9 }, () => written());
    const told: RunSummary[] = [];
    for (const folder of folders) told.push(await summaries.ask({ folder }));
    const [first, second] = told;
    expect(await summaries.ask({ folder: folders[1] ?? "" })).to.equal(second);
    expect(await summaries.ask({ folder: folders[0] ?? "" })).not.to.equal(first);
  });
});
