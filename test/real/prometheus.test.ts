/**
 * The reader of metrics pages and the built-in server's pages beside Prometheus, which others wrote: it takes the pages without a complaint, reads
 * from its own page and the node exporter's the very values that are read here, and tells the rates of a counter alike.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { expect } from "chai";
import { createMock, type Mock } from "../../mock/server.ts";
import { createSlots } from "../../services/records-manager/core/series-slots.ts";
import { type PageSample, parseMetricsPage } from "../support/metrics-page.ts";
import { useBudget } from "./budgets.ts";
import { freePorts } from "./free-ports.ts";
import { type RealServer, startRealServer } from "./real-server.ts";

const programs = ["prometheus", "promtool", "prometheus-node-exporter"];
const isInstalled = programs.every((program) => spawnSync(program, ["--version"]).error === undefined);
const within = 20_000;

/** Complaints about names alone: they are those of the programs whose pages these are. */
const aboutNames =
  /^\S+ (counter metrics should have "_total" suffix|metric names should not contain ':'|(metric|label) names should be written in 'snake_case' not 'camelCase'|metric names should not contain abbreviated units|use base unit .*|metric name should not include type .*|non-histogram and non-summary metrics should not have "_(count|sum|bucket)" suffix|no help text)$/;

describe("metrics pages beside Prometheus", function () {
  this.timeout(120_000);
  useBudget("Prometheus");
  let mock: Mock;
  let pages: Map<string, string>;
  const stops: (() => Promise<unknown>)[] = [];

  before(async function () {
    if (!isInstalled) this.skip();
    mock = await createMock({ grpcPort: 0, dcgmIntervalMs: 60_000, itlMs: 1 });
    stops.push(() => mock.stop());
    await Promise.all([1, 2, 3].map((length) => ask(length)));
    pages = new Map([
      ["vllm", await textOf(`${mock.url}/metrics`)],
      ["dcgm", await textOf(mock.dcgmUrl)],
      ["triton", await textOf(mock.tritonMetricsUrl)],
      ["node", await nodeExporterPage()],
    ]);
  });

  after(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  async function ask(length: number): Promise<void> {
    const body = JSON.stringify({ messages: [{ role: "user", content: "Hi" }], max_tokens: length });
    await (await fetch(`${mock.url}/v1/chat/completions`, { method: "POST", body })).text();
  }

  async function nodeExporterPage(): Promise<string> {
    const [port = 0] = await freePorts(1);
    const child = spawn("prometheus-node-exporter", ["--log.level=error", `--web.listen-address=127.0.0.1:${port}`], {
      stdio: "ignore",
    });
    try {
      return await eventually(`the node exporter on port ${port}`, () => textOf(`http://127.0.0.1:${port}/metrics`));
    } finally {
      await ended(child);
    }
  }

  async function startPrometheus(targets: readonly string[]): Promise<RealServer> {
    const [port] = await freePorts(1);
    const env = { PROMETHEUS_PORT: String(port), PROMETHEUS_TARGETS: targets.join(",") };
    const prometheus = await startRealServer("prometheus", env, "/-/ready");
    stops.push(() => prometheus.stop());
    return prometheus;
  }

  for (const name of ["vllm", "dcgm", "triton"]) {
    it(`are right in promtool's eyes, but for their programs' own names: ${name}`, async () => {
      const check = promisify(execFile)("promtool", ["check", "metrics"]);
      check.child.stdin?.end(pages.get(name));
      const { stderr } = await check.catch((error: { code?: number; stderr: string }) => {
        // 3: it has read the page and found something to say; of one that it cannot read it says 1.
        if (error.code !== 3) throw error;
        return error;
      });
      const complaints = stderr.split("\n").filter((line) => line !== "");
      expect(complaints.filter((line) => !aboutNames.test(line))).to.deep.equal([]);
    });
  }

  it("are read here as Prometheus reads them, series by series: its own page, the node exporter's, the built-in server's", async () => {
    const own = await startPrometheus(["127.0.0.1:1"]);
    const all = new Map([...pages, ["prometheus", await own.page("/metrics")]]);
    const servers = await Promise.all([...all].map(async ([name, text]) => ({ name, text, host: await servedOnce(text) })));
    const prometheus = await startPrometheus(servers.map(({ host }) => host));
    for (const { name, text, host } of servers) {
      const { samples } = parseMetricsPage(text);
      expect(samples, name).to.have.length.above(8);
      const theirs = await eventually(`Prometheus to have scraped ${name}`, async () => {
        const found = await query(prometheus, `{instance="${host}", __name__!~"up|scrape_.*"}`);
        if (found.length < samples.length) throw new Error(`${found.length} of ${samples.length} series`);
        return found;
      });
      const expected = new Map(samples.map((sample) => [seriesKey(sample), sample.value]));
      const got = new Map(theirs.map(({ metric, value }) => [keyOfMetric(metric), numberOf(value[1])]));
      expect([...got].sort(byKey), name).to.deep.equal([...expected].sort(byKey));
    }
  });

  it("have counters whose rates are told alike", async () => {
    let count = 0;
    const host = await served(() => {
      count += count < 40 ? 7 : 1;
      return `# TYPE requests_total counter\nrequests_total ${count}\n`;
    });
    const prometheus = await startPrometheus([host]);
    const raw = await eventually("Prometheus to have scraped a counter six times", async () => {
      const [found] = await query<{ values: [number, string][] }>(prometheus, "requests_total[1m]");
      if ((found?.values.length ?? 0) < 6) throw new Error(`${found?.values.length ?? 0} scrapes`);
      return found?.values ?? [];
    });
    const [before, last] = raw.slice(-2) as [[number, string], [number, string]];
    const atSec = last[0] + 0.001;
    const [irate] = await query<{ value: [number, string] }>(prometheus, "irate(requests_total[1m])", atSec);
    // Of times since the epoch a double has no single ns.
    const nsOf = (sec: number): number => (sec - (raw[0]?.[0] ?? 0)) * 1e9;
    const slots = createSlots("counter", { originNs: nsOf(before[0]), bucketNs: (last[0] - before[0]) * 1e9, bucketCount: 1 });
    for (const [sec, value] of raw) slots.add(nsOf(sec), Number(value));
    expect(slots.columns().mean[0]).to.be.closeTo(Number(irate?.value[1]), 1e-6);
  });

  async function served(text: () => string): Promise<string> {
    const server = createServer((_, response) => response.setHeader("content-type", "text/plain; version=0.0.4").end(text()));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    stops.push(() => closed(server));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const servedOnce = (text: string) => served(() => text);
});

interface Found {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: [number, string];
}

async function query<T = Found>(prometheus: RealServer, text: string, atSec?: number): Promise<T[]> {
  const asked = new URLSearchParams({ query: text, ...(atSec === undefined ? {} : { time: String(atSec) }) });
  const { status, data, error } = JSON.parse(await prometheus.page(`/api/v1/query?${asked}`));
  expect(status, error).to.equal("success");
  return data.result;
}

/** Prometheus sets labels of its own beside the page's, and leaves empty ones away. */
function keyOfMetric({ __name__: name = "", instance, job, ...labels }: Readonly<Record<string, string>>): string {
  return keyOf(name, Object.entries(labels));
}

function seriesKey({ name, labels }: PageSample): string {
  const renamed = [...labels].filter(([, value]) => value !== "");
  return keyOf(
    name,
    renamed.map(([label, value]) => [label === "job" || label === "instance" ? `exported_${label}` : label, value]),
  );
}

function keyOf(name: string, labels: readonly (readonly [string, string])[]): string {
  const told = labels.map(([label, value]) => {
    // It writes the bounds of buckets in one way, whatever the page's is.
    const isBound = label === "le" || label === "quantile";
    return `${label}=${isBound ? numberOf(value) : value}`;
  });
  return `${name} ${told.sort().join(" ")}`;
}

function numberOf(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  return text === "-Inf" ? Number.NEGATIVE_INFINITY : Number(text);
}

function byKey([a]: readonly [string, number], [b]: readonly [string, number]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function textOf(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(within), headers: { connection: "close" } });
  expect(response.status).to.equal(200);
  return response.text();
}

async function closed(server: { close(done: () => void): unknown }): Promise<void> {
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  await exit;
}

/** What `attempt` gives once it does not reject, within a deadline that says what was waited for. */
async function eventually<T>(what: string, attempt: () => Promise<T>): Promise<T> {
  const deadlineMs = performance.now() + within;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadlineMs) throw new Error(`waited ${within} ms for ${what}`, { cause: error });
      await delay(100);
    }
  }
}
