import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { silentLogger } from "../../../services/common/logger.ts";
import type { Addresses } from "../../../services/common/member/addresses.ts";
import { createChannel } from "../../../services/common/rpc/channel.ts";
import type { SentScrape, SentSeries } from "../../../services/common/sample-sender.ts";
import { HostCollection, type SampleSink } from "../../../services/worker-manager/host-collection.ts";
import { createHostCollections } from "../../../services/worker-manager/host-collections.ts";
import { createHostReader } from "../../../services/worker-manager/host-reader.ts";

/** What would be sent, and a wait for so much of it. */
class FakeSink implements SampleSink {
  readonly sources: string[] = [];
  readonly series: (SentSeries & { readonly source: number })[] = [];
  readonly scrapes: SentScrape[] = [];
  readonly queued = 0;
  isClosed = false;
  #changed = Promise.withResolvers<void>();

  start(): void {}
  declareSource(kind: string, name: string): number {
    return this.sources.push(`${kind} ${name}`) - 1;
  }
  declareSeries(source: number, series: SentSeries): number {
    const before = this.series.filter((other) => other.source === source).length;
    this.series.push({ ...series, source });
    return before;
  }
  send(scrape: SentScrape): void {
    this.scrapes.push(scrape);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
  async drained(): Promise<void> {}
  close(): void {
    this.isClosed = true;
  }

  /** Scrapes of a source, once there are so many. */
  async scrapesOf(source: number, atLeast: number): Promise<SentScrape[]> {
    const found = () => this.scrapes.filter((scrape) => scrape.source === source);
    while (found().length < atLeast) await this.#changed.promise;
    return found();
  }

  valueOf(scrape: SentScrape, name: string): number | undefined {
    const own = this.series.filter(({ source }) => source === scrape.source);
    return scrape.values?.[own.findIndex((series) => series.name === name)];
  }
}

const clock = { toSuite: (ns: number) => ns } as never;
const hour = 3_600_000;

describe("what a host shows while a run goes on", () => {
  let proc = "";
  let sink: FakeSink;

  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), "assay-proc-"));
    sink = new FakeSink();
  });

  afterEach(() => rmSync(proc, { recursive: true }));

  function says(path: string, text: string): void {
    mkdirSync(join(proc, path, ".."), { recursive: true });
    writeFileSync(join(proc, path), text);
  }

  function collection(targets: readonly { name: string; host: string; port: number }[] = [], intervalMs = hour) {
    const pace = { intervalMs, pingMs: intervalMs, pingLimitMs: 2000 };
    return new HostCollection({ host: "node1", reader: createHostReader(proc), targets, ...pace, clock, sender: sink });
  }

  it("is read at the start, at every moment that matters, and a last time at the end", async () => {
    says("stat", "cpu  10 0 0 10\ncpu0 10 0 0 10\n");
    says("sys/fs/file-nr", "9\t1\t100\n");
    const host = collection();
    await host.start();
    expect(sink.sources).to.deep.equal(["host node1"]);
    expect(sink.scrapes.map((scrape) => sink.valueOf(scrape, "host_open_fds"))).to.deep.equal([8]);
    says("stat", "cpu  40 0 0 20\ncpu0 40 0 0 20\n");
    await host.readNow();
    says("stat", "cpu  40 0 0 120\ncpu0 40 0 0 120\n");
    await host.stop(1000);
    const cpu = sink.scrapes.map((scrape) => sink.valueOf(scrape, "host_cpu_utilization"));
    expect(cpu).to.deep.equal([undefined, 75, 0]);
    expect(sink.isClosed).to.equal(true);
    for (const { startNs = 0, endNs = 0 } of sink.scrapes) expect(endNs).to.be.above(startNs);
  });

  it("comes again and again, and has no value of what is not there any more", async () => {
    says("meminfo", "MemTotal: 4 kB\nMemAvailable: 1 kB\n");
    says("sys/fs/file-nr", "9\t1\t100\n");
    const host = collection([], 1);
    await host.start();
    await sink.scrapesOf(0, 3);
    rmSync(join(proc, "meminfo"));
    const sent = (await sink.scrapesOf(0, sink.scrapes.length + 2)).at(-1) ?? expect.fail("nothing was sent");
    expect(sink.valueOf(sent, "host_memory_used_bytes")).to.be.NaN;
    expect(sink.valueOf(sent, "host_open_fds")).to.equal(8);
    await host.stop(1000);
    const count = sink.scrapes.length;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(sink.scrapes).to.have.length(count);
  });

  it("is nothing where there is no /proc", async () => {
    const host = collection();
    await host.start();
    await host.stop(1000);
    expect([sink.sources, sink.scrapes]).to.deep.equal([[], []]);
  });

  it("has round trips to each target, in ms, and says why there is none", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const host = collection([
      { name: "up:1", host: "127.0.0.1", port },
      { name: "down:1", host: "127.0.0.1", port: 1 },
    ]);
    await host.start();
    expect(sink.sources).to.deep.equal(["latency up:1 from node1", "latency down:1 from node1"]);
    const [up, down] = [0, 1].map((source) => sink.scrapes.find((scrape) => scrape.source === source));
    const span = ((up?.endNs ?? 0) - (up?.startNs ?? 0)) / 1e6;
    expect(up?.values).to.deep.equal([span]);
    expect(sink.series[0]).to.include({ name: "tcp_handshake", unit: "ms", subject: "node1" });
    expect(down?.gap).to.match(/ECONNREFUSED/);
    expect(down?.values).to.equal(undefined);
    await host.stop(1000);
    server.close();
  });

  it("ends at once when it is closed, and sends nothing more", async () => {
    says("sys/fs/file-nr", "9\t1\t100\n");
    const host = collection([], 1);
    await host.start();
    host.close();
    const count = sink.scrapes.length;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(sink.scrapes).to.have.length(count);
    expect(sink.isClosed).to.equal(true);
  });
});

describe("what hosts show of their runs", () => {
  it("is given up with its process while it waits for a records-manager, and nobody is dialled then", async () => {
    // Nothing listens on port 1: no reading is ever committed.
    const channel = createChannel({ address: "127.0.0.1:1" });
    const addresses = { routeTo: async () => () => channel } as unknown as Addresses;
    const collections = createHostCollections({ id: () => "m", host: "h1", log: silentLogger, clock, addresses });
    await collections.start("r", create(RunSpecSchema), new AbortController().signal);
    const stopping = collections.stop("r");
    // The last reading comes first.
    await new Promise((resolve) => setTimeout(resolve, 100));
    collections.close();
    channel.close();
    await stopping;
    // A sender that went on would dial the closed channel by now, which ends a process.
    await new Promise((resolve) => setTimeout(resolve, 400));
  });
});
