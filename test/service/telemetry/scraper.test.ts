import { readFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { expect } from "chai";
import type { Gap } from "../../../services/telemetry/core/collector.ts";
import type { SourceReading } from "../../../services/telemetry/core/sources/series.ts";
import {
  createScraper,
  type Scraper,
  type ScraperClock,
  type ScraperOptions,
  type ScrapeTimes,
  systemClock,
} from "../../../services/telemetry/scraper.ts";
import { createPageFetcher } from "../../../services/telemetry/sources/http.ts";
import { openSource } from "../../../services/telemetry/sources/open-source.ts";
import type { Source } from "../../../services/telemetry/sources/source.ts";
import { type PageServer, servePages } from "./page-server.ts";

const template = readFileSync(new URL("../../fixtures/dcgm/new.prom", import.meta.url), "utf8");
const uuid = "GPU-0f8fad5b-d9cb-469f-a165-70867728950e";
/** The fixture with another reading of its energy counter. */
const pageWith = (millijoules: number) => template.replace("8412307746", String(millijoules));

type Scraped = ScrapeTimes & { readonly values: ReadonlyMap<string, number> };

/** Time that stands still but for what is waited for: a wait ends when the test lets it, and the clock is then at its end. */
function steppedClock(): ScraperClock & {
  step(): Promise<void>;
  advance(ns: number): void;
  waited(times: number): Promise<void>;
} {
  let nowNs = 1e9;
  const waits: { ns: number; end: () => void }[] = [];
  let onWait = () => {};
  let begun = 0;
  return {
    now: () => nowNs,
    advance: (ns) => {
      nowNs += ns;
    },
    waitUntil: (ns, signal) =>
      new Promise((resolve) => {
        begun++;
        if (signal.aborted) {
          resolve();
          return onWait();
        }
        const wait = { ns, end: () => {} };
        signal.addEventListener(
          "abort",
          () => {
            if (waits.includes(wait)) waits.splice(waits.indexOf(wait), 1);
            resolve();
          },
          { once: true },
        );
        wait.end = (): void => {
          nowNs = Math.max(nowNs, ns);
          resolve();
        };
        waits.push(wait);
        onWait();
      }),
    /** Resolves when so many waits have begun in all. */
    waited: async (times) => {
      while (begun < times) await new Promise<void>((resolve) => (onWait = resolve));
    },
    /** Ends the next wait, once it is there. */
    step: async () => {
      while (waits.length === 0) await new Promise<void>((resolve) => (onWait = resolve));
      waits.shift()?.end();
    },
  };
}

describe("createScraper", () => {
  const fetcher = createPageFetcher({ deadlineMs: 5000, maxBytes: 100_000 });
  const cancel = new AbortController();
  const servers: PageServer[] = [];
  const serve = async (listener: RequestListener): Promise<string> => {
    const server = await servePages(listener);
    servers.push(server);
    return server.url;
  };
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });
  after(() => fetcher.close());

  function watch(of: string | Source, changes: Partial<ScraperOptions> = {}) {
    const clock = steppedClock();
    const source = typeof of === "string" ? openSource(of, { fetcher, deadlineMs: 5000 }) : of;
    const scrapes: Scraped[] = [];
    const gaps: Gap[] = [];
    const scraper: Scraper = createScraper({
      source,
      intervalMs: 100,
      clock,
      onReading: ({ ids, values }, times) => {
        const named = Array.from(ids, (id, at) => [source.series[id]?.name ?? "", values[at] ?? Number.NaN] as const);
        scrapes.push({ ...times, values: new Map(named) });
      },
      onGap: (gap) => gaps.push(gap),
      signal: cancel.signal,
      ...changes,
    });
    return { scraper, clock, scrapes, gaps };
  }

  it("scrapes a page that moves, on its grid, and once more at the end", async () => {
    let millijoules = 1_000_000;
    const url = await serve((_, response) => {
      millijoules += 50_000;
      response.end(pageWith(millijoules));
    });
    const { scraper, clock, scrapes, gaps } = watch(url);
    expect(await scraper.start()).to.deep.equal({ url, kind: "dcgm", isPresent: true, reason: undefined, subjects: [uuid] });
    await clock.step();
    await clock.step();
    const totals = await scraper.stop(true);
    expect(totals).to.deep.equal({ samples: scrapes.length * (scrapes[0]?.values.size ?? 0), gaps: 0, skipped: 0 });
    expect(gaps).to.deep.equal([]);
    expect(scrapes.map(({ values }) => values.get("nvidia_energy_consumption")).slice(0, 3)).to.deep.equal([1050, 1100, 1150]);
    expect(scrapes.map(({ startNs }) => startNs).slice(0, 3)).to.deep.equal([1e9, 1.1e9, 1.2e9]);
    expect(scrapes.map(({ ageNs }) => ageNs).slice(0, 3)).to.deep.equal([undefined, 0, 0]);
  });

  it("scrapes at once where it is asked to, in the place of the due scrape, and at the end once", async () => {
    const url = await serve((_, response) => response.end(template));
    const { scraper, clock, scrapes } = watch(url);
    await scraper.start();
    clock.advance(30e6);
    scraper.scrapeNow();
    await clock.waited(2);
    expect(scrapes.map(({ startNs }) => startNs)).to.deep.equal([1e9, 1.03e9]);
    await clock.step();
    expect(clock.now()).to.equal(1.2e9);
    await clock.waited(3);
    scraper.scrapeNow();
    await scraper.stop(false);
    expect(scrapes).to.have.lengthOf(4);
  });

  it("lets the last scrape be where nobody wants it", async () => {
    const url = await serve((_, response) => response.end(template));
    const { scraper, scrapes } = watch(url);
    await scraper.start();
    await scraper.stop(false);
    expect(scrapes).to.have.lengthOf(1);
  });

  it("tells how old values are that the exporter repeats, whatever else on its page moves", async () => {
    let answers = 0;
    const url = await serve((_, response) => {
      answers += 1;
      response.end(`${pageWith(answers === 1 ? 1 : 2)}process_cpu_seconds_total ${answers}\n`);
    });
    const { scraper, clock, scrapes } = watch(url);
    await scraper.start();
    for (let scrape = 0; scrape < 3; scrape++) await clock.step();
    await scraper.stop(true);
    expect(scrapes.slice(0, 4).map(({ ageNs }) => ageNs)).to.deep.equal([undefined, 0, 100e6, 200e6]);
  });

  it("marks a gap for a page of garbage and goes on after it", async () => {
    const pages = [template, "<html>busy</html>\n", "busy", template];
    let answers = 0;
    const url = await serve((_, response) => response.end(pages[answers++] ?? template));
    const { scraper, clock, scrapes, gaps } = watch(url);
    await scraper.start();
    for (let scrape = 0; scrape < 3; scrape++) await clock.step();
    const totals = await scraper.stop(true);
    expect(totals.gaps).to.equal(2);
    expect(gaps).to.deep.equal([
      {
        sinceNs: 1e9,
        startNs: 1.1e9,
        endNs: 1.1e9,
        reason: "the answer is an HTML page, not metrics",
        failures: 1,
      },
      { sinceNs: 1e9, startNs: 1.3e9, endNs: 1.3e9, reason: gaps[1]?.reason, failures: 2 },
    ]);
    expect(gaps[1]?.reason).to.include("not in the Prometheus text format: line 1");
    expect(scrapes.map(({ startNs }) => startNs).slice(0, 2)).to.deep.equal([1e9, 1.7e9]);
  });

  it("marks a gap for a page that comes after the deadline", async () => {
    const slow = createPageFetcher({ deadlineMs: 30, maxBytes: 100_000 });
    const url = await serve(() => {});
    const { scraper, gaps } = watch(openSource(url, { fetcher: slow, deadlineMs: 30 }));
    expect(await scraper.start()).to.deep.include({ url, isPresent: false, reason: "no page within 30 ms" });
    await scraper.stop(true);
    await slow.close();
    expect(gaps.map((gap) => gap.reason)).to.deep.equal(["no page within 30 ms", "no page within 30 ms"]);
  });

  it("reports a dead server as absent, and its pages once it has come up", async () => {
    let isUp = false;
    const url = await serve((request, response) => (isUp ? response.end(template) : request.socket.destroy()));
    const { scraper, clock, scrapes, gaps } = watch(url);
    expect(await scraper.start()).to.deep.include({ isPresent: false, subjects: [] });
    isUp = true;
    await clock.step();
    await scraper.stop(true);
    expect(gaps).to.have.lengthOf(1);
    expect(scrapes[0]?.startNs).to.equal(1.2e9);
  });

  it("begins at once on a grid that is shifted, and stays on that", async () => {
    const url = await serve((_, response) => response.end(template));
    const { scraper, clock, scrapes } = watch(url, { shift: 0.75 });
    await scraper.start();
    await clock.step();
    await clock.step();
    expect(await scraper.stop(true)).to.include({ skipped: 0 });
    expect(scrapes.map(({ startNs }) => startNs).slice(0, 3)).to.deep.equal([1e9, 1.025e9, 1.125e9]);
  });

  it("never has two scrapes open at once, and counts the moments that a slow one takes", async () => {
    const clock = steppedClock();
    let open = 0;
    let most = 0;
    const reading: SourceReading = {
      kind: "server",
      added: [],
      ids: Uint32Array.of(),
      values: Float64Array.of(),
      timestampMs: undefined,
      isChanged: true,
      leftOut: 0,
    };
    const slow: Source = {
      name: "slow",
      series: [],
      async read() {
        most = Math.max(most, ++open);
        await new Promise(setImmediate);
        clock.advance(250e6);
        open -= 1;
        return { kind: "reading", reading, sizeBytes: 0 };
      },
    };
    const { scraper, scrapes } = watch(slow, { clock });
    await scraper.start();
    await clock.step();
    const totals = await scraper.stop(true);
    expect(most).to.equal(1);
    expect(scrapes.slice(0, 2).map(({ startNs, endNs }) => [startNs, endNs])).to.deep.equal([
      [1e9, 1.25e9],
      [1.3e9, 1.55e9],
    ]);
    expect(totals.skipped).to.be.at.least(4);
  });

  it("ends at once when it is cancelled, and neither marks that as a gap nor scrapes once more", async () => {
    const end = new AbortController();
    let answers = 0;
    let fetches = 0;
    const url = await serve((_, response) => {
      answers += 1;
      if (answers === 1) response.end(template);
      else end.abort();
    });
    const page = openSource(url, { fetcher, deadlineMs: 5000 });
    const counted: Source = {
      name: page.name,
      series: page.series,
      read(signal) {
        fetches += 1;
        return page.read(signal);
      },
    };
    const { scraper, clock, scrapes, gaps } = watch(counted, { signal: end.signal });
    await scraper.start();
    await clock.step();
    expect(await scraper.stop(true)).to.deep.include({ gaps: 0, skipped: 0 });
    expect([answers, fetches, scrapes.length, gaps.length]).to.deep.equal([2, 2, 1, 0]);
  });

  it("can be stopped before it was started", async () => {
    const { scraper } = watch("http://127.0.0.1:1/metrics");
    expect(await scraper.stop(true)).to.deep.equal({ samples: 0, gaps: 0, skipped: 0 });
  });
});

describe("systemClock", () => {
  it("waits until its moment and not less", async () => {
    const untilNs = systemClock.now() + 3e6;
    await systemClock.waitUntil(untilNs, new AbortController().signal);
    expect(systemClock.now()).to.be.at.least(untilNs);
  });

  it("does not wait for what has passed, nor when it is cancelled", async () => {
    await systemClock.waitUntil(0, new AbortController().signal);
    const cancel = new AbortController();
    const waiting = systemClock.waitUntil(systemClock.now() + 3600e9, cancel.signal);
    cancel.abort();
    await waiting;
    await systemClock.waitUntil(systemClock.now() + 3600e9, cancel.signal);
  });
});
