import { readFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { expect } from "chai";
import type { Gap } from "../../../services/telemetry/core/collector.ts";
import {
  createScraper,
  type Scraper,
  type ScraperClock,
  type ScraperOptions,
  systemClock,
  type TelemetrySample,
} from "../../../services/telemetry/scraper.ts";
import { createPageFetcher } from "../../../services/telemetry/sources/http.ts";
import { type PageServer, servePages } from "./page-server.ts";

const template = readFileSync(new URL("../../fixtures/dcgm/new.prom", import.meta.url), "utf8");
const uuid = "GPU-0f8fad5b-d9cb-469f-a165-70867728950e";
/** The fixture with another reading of its energy counter. */
const pageWith = (millijoules: number) => template.replace("8412307746", String(millijoules));

/** Time that stands still but for what is waited for: a wait ends when the test lets it, and the clock is then at its end. */
function steppedClock(): ScraperClock & { step(): Promise<void>; advance(ns: number): void } {
  let nowNs = 1e9;
  const waits: { ns: number; end: () => void }[] = [];
  let onWait = () => {};
  return {
    now: () => nowNs,
    advance: (ns) => {
      nowNs += ns;
    },
    waitUntil: (ns, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        signal.addEventListener("abort", () => resolve(), { once: true });
        const end = (): void => {
          nowNs = Math.max(nowNs, ns);
          resolve();
        };
        waits.push({ ns, end });
        onWait();
      }),
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

  function watch(url: string, changes: Partial<ScraperOptions> = {}) {
    const clock = steppedClock();
    const scrapes: (readonly TelemetrySample[])[] = [];
    const gaps: (Gap & { source: string })[] = [];
    const scraper: Scraper = createScraper({
      url,
      intervalMs: 100,
      clock,
      fetchPage: fetcher.fetch,
      onSamples: (samples) => scrapes.push(samples),
      onGap: (gap) => gaps.push(gap),
      signal: cancel.signal,
      ...changes,
    });
    return { scraper, clock, scrapes, gaps };
  }
  const sampleOf = (samples: readonly TelemetrySample[] | undefined, field: string) =>
    samples?.find((sample) => sample.field === field);

  it("scrapes a page that moves, on its grid, and once more at the end", async () => {
    let millijoules = 1_000_000;
    const url = await serve((_, response) => {
      millijoules += 50_000;
      response.end(pageWith(millijoules));
    });
    const { scraper, clock, scrapes, gaps } = watch(url);
    expect(await scraper.start()).to.deep.equal({ url, isPresent: true, reason: undefined, subjects: [uuid] });
    await clock.step();
    await clock.step();
    const totals = await scraper.stop();
    expect(totals).to.deep.equal({ samples: scrapes.length * 9, gaps: 0, skipped: 0 });
    expect(gaps).to.deep.equal([]);
    const energies = scrapes.map((samples) => sampleOf(samples, "nvidia_energy_consumption"));
    expect(energies.map((sample) => sample?.value).slice(0, 3)).to.deep.equal([1050, 1100, 1150]);
    expect(energies.map((sample) => sample?.scrapeStartNs).slice(0, 3)).to.deep.equal([1e9, 1.1e9, 1.2e9]);
    expect(energies.map((sample) => sample?.ageNs).slice(0, 3)).to.deep.equal([undefined, 0, 0]);
  });

  it("gives each sample its source, subject, unit, times and labels", async () => {
    const url = await serve((_, response) => response.end(template));
    const { scraper, scrapes } = watch(url);
    await scraper.start();
    await scraper.stop();
    expect(sampleOf(scrapes[0], "nvidia_memory_used")).to.deep.equal({
      source: url,
      subject: uuid,
      field: "nvidia_memory_used",
      unit: "GB",
      type: "gauge",
      value: 41.94304,
      scrapeStartNs: 1e9,
      scrapeEndNs: 1e9,
      ageNs: undefined,
      labels: {
        index: "0",
        model: "NVIDIA H100 80GB HBM3",
        device: "nvidia0",
        pci_bus_id: "00000000:01:00.0",
        hostname: "node1",
      },
    });
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
    await scraper.stop();
    expect(scrapes.slice(0, 4).map((samples) => samples[0]?.ageNs)).to.deep.equal([undefined, 0, 100e6, 200e6]);
  });

  it("marks a gap for a page of garbage and goes on after it", async () => {
    const pages = [template, "<html>busy</html>\n", "up 1\n", template];
    let answers = 0;
    const url = await serve((_, response) => response.end(pages[answers++] ?? template));
    const { scraper, clock, scrapes, gaps } = watch(url);
    await scraper.start();
    for (let scrape = 0; scrape < 3; scrape++) await clock.step();
    const totals = await scraper.stop();
    expect(totals.gaps).to.equal(2);
    expect(gaps).to.deep.equal([
      {
        source: url,
        sinceNs: 1e9,
        startNs: 1.1e9,
        endNs: 1.1e9,
        reason: "the answer is an HTML page, not metrics",
        failures: 1,
      },
      { source: url, sinceNs: 1e9, startNs: 1.3e9, endNs: 1.3e9, reason: "page has no GPU values", failures: 2 },
    ]);
    expect(scrapes.map((samples) => samples[0]?.scrapeStartNs).slice(0, 2)).to.deep.equal([1e9, 1.7e9]);
  });

  it("marks a gap for a page that comes after the deadline", async () => {
    const slow = createPageFetcher({ deadlineMs: 30, maxBytes: 100_000 });
    const url = await serve(() => {});
    const { scraper, gaps } = watch(url, { fetchPage: slow.fetch });
    expect(await scraper.start()).to.deep.equal({ url, isPresent: false, reason: "no page within 30 ms", subjects: [] });
    await scraper.stop();
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
    await scraper.stop();
    expect(gaps).to.have.lengthOf(1);
    expect(scrapes[0]?.[0]?.scrapeStartNs).to.equal(1.2e9);
  });

  it("never has two scrapes open at once, and counts the moments that a slow one takes", async () => {
    const clock = steppedClock();
    let open = 0;
    let most = 0;
    const fetchPage: ScraperOptions["fetchPage"] = async () => {
      most = Math.max(most, ++open);
      await new Promise(setImmediate);
      clock.advance(250e6);
      open -= 1;
      return { kind: "page", text: template, sizeBytes: 0, isOpenMetrics: false };
    };
    const { scraper, scrapes } = watch("http://slow/metrics", { fetchPage, clock });
    await scraper.start();
    await clock.step();
    const totals = await scraper.stop();
    expect(most).to.equal(1);
    expect(scrapes.slice(0, 2).map((samples) => [samples[0]?.scrapeStartNs, samples[0]?.scrapeEndNs])).to.deep.equal([
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
    const fetchPage: ScraperOptions["fetchPage"] = (page, signal) => {
      fetches += 1;
      return fetcher.fetch(page, signal);
    };
    const { scraper, clock, scrapes, gaps } = watch(url, { signal: end.signal, fetchPage });
    await scraper.start();
    await clock.step();
    expect(await scraper.stop()).to.deep.equal({ samples: 9, gaps: 0, skipped: 0 });
    expect([answers, fetches, scrapes.length, gaps.length]).to.deep.equal([2, 2, 1, 0]);
  });

  it("can be stopped before it was started", async () => {
    const { scraper } = watch("http://127.0.0.1:1/metrics");
    expect(await scraper.stop()).to.deep.equal({ samples: 0, gaps: 0, skipped: 0 });
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
