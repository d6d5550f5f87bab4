import { expect } from "chai";
import { LiveFeed } from "../../../services/records-manager/live-feed.ts";
import { failed, record } from "../../unit/records-manager/records.ts";
import { createStore, insertAll, type RunFolder, temporaryFolder } from "./run-fixture.ts";

describe("the live feed", () => {
  let run: RunFolder;
  beforeEach(() => {
    run = temporaryFolder();
  });
  afterEach(() => run.remove());

  it("counts rows from before its start and inserts from after it, each once", async () => {
    const store = createStore(run.folder);
    const feed = new LiveFeed();
    expect(feed.snapshot()).to.equal(undefined);
    const started = feed.start(run.folder);
    const early = [record(0), failed(1)];
    insertAll(store, early);
    feed.add(early);
    await started;
    const later = [record(2, { metrics: { request_latency: 80 } })];
    insertAll(store, later);
    feed.add(later);
    const [phase] = feed.snapshot() ?? [];
    expect(phase).to.include({ succeeded: 2, errored: 1, cancelled: 0 });
    const latency = phase?.metrics.get("request_latency");
    expect(latency?.count).to.equal(2);
    expect(latency?.p50).to.be.closeTo(40, 0.04);
    expect(latency?.max).to.be.closeTo(80, 0.08);
    store.close();
  });
});
