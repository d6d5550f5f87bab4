import { once } from "node:events";
import { expect } from "chai";
import type { MockOptions } from "../../../mock/options.ts";
import { createMock, type Mock } from "../../../mock/server.ts";
import { parseMetricsPage } from "../../support/metrics-page.ts";
import { askRaw, openSocket, rawRequest, statsReach } from "./raw-client.ts";

let mock: Mock;

async function start(options: Partial<MockOptions> = {}): Promise<void> {
  mock = await createMock(options);
}

/** The page's values by name without `vllm:`, and by finish reason; of one model. */
async function scrape(model = "mock"): Promise<Record<string, number>> {
  const response = await fetch(`${mock.url}/metrics`);
  expect(response.headers.get("content-type")).to.match(/^text\/plain; version=0\.0\.4/);
  const { samples } = parseMetricsPage(await response.text());
  const entries = samples
    .filter(({ labels }) => labels.get("model_name") === model && !labels.has("le"))
    .map(({ name, labels, value }) => [
      [name.replace(/^vllm:/, ""), labels.get("finished_reason")].filter(Boolean).join(" "),
      value,
    ]);
  return Object.fromEntries(entries);
}

const ask = (body: object) => askRaw(mock, body, "connection: close\r\n");

describe("the mock's metrics", () => {
  afterEach(async () => {
    await mock.stop();
  });

  it("count what streams and whole answers did", async () => {
    await start({ ttftMs: 4, itlMs: 1 });
    await ask({ stream: true, max_tokens: 6 });
    await ask({ max_tokens: 3 });
    await ask({ stream: true });
    const values = await scrape();
    expect(values).to.include({
      num_requests_running: 0,
      num_requests_waiting: 0,
      kv_cache_usage_perc: 0,
      prompt_tokens_total: 9,
      generation_tokens_total: 73,
      "request_success_total length": 2,
      "request_success_total stop": 1,
      "request_success_total abort": 0,
      time_to_first_token_seconds_count: 3,
      inter_token_latency_seconds_count: 70,
      time_per_output_token_seconds_count: 70,
      e2e_request_latency_seconds_count: 3,
      request_generation_tokens_sum: 73,
      prefix_cache_queries_total: 0,
    });
    expect(values.time_to_first_token_seconds_sum).to.be.at.least(0.012);
    expect(values.inter_token_latency_seconds_sum).to.be.above(0);
    expect(values.inter_token_latency_seconds_sum).to.be.closeTo(values.request_decode_time_seconds_sum ?? 0, 1e-9);
    expect(values.e2e_request_latency_seconds_sum).to.be.at.least(0.082);
  });

  it("move while answers are in progress", async () => {
    await start({ itlMs: 1, kvCacheTokens: 1000 });
    const socket = await openSocket(mock.port);
    socket.write(rawRequest({ stream: true, max_tokens: 1_000_000 }));
    await statsReach(mock, ({ chunksWritten }) => chunksWritten >= 20);
    const values = await scrape();
    expect(values.num_requests_running).to.equal(1);
    expect(values.generation_tokens_total).to.be.at.least(20);
    expect(values.kv_cache_usage_perc).to.be.at.least(0.023);
    expect(values.e2e_request_latency_seconds_count).to.equal(0);
    socket.destroy();
    await statsReach(mock, ({ openStreams }) => openStreams === 0);
    expect(await scrape()).to.include({ num_requests_running: 0, kv_cache_usage_perc: 0, "request_success_total abort": 1 });
  });

  it("tell how failures on purpose ended, and give back what they held", async () => {
    const kinds = ["reset-midway", "stall", "stall-midway", "cut", "truncate", "error-event"];
    for (const kind of kinds) {
      await start({ failures: { [kind]: 1 }, stallMs: 1 });
      await ask({ stream: true, max_tokens: 6 });
      await ask({ max_tokens: 6 });
      const values = await scrape();
      const reason = kind === "error-event" ? "error" : "abort";
      expect(values, kind).to.include({
        num_requests_running: 0,
        kv_cache_usage_perc: 0,
        [`request_success_total ${reason}`]: 2,
      });
      expect(values[`request_success_total length`], kind).to.equal(0);
      if (kind !== kinds.at(-1)) await mock.stop();
    }
  });

  it("are kept for each named model, and for the first where any name is served", async () => {
    await start({ models: ["a", "b"] });
    await ask({ model: "b", max_tokens: 2 });
    expect(await scrape("a")).to.include({ generation_tokens_total: 0 });
    expect(await scrape("b")).to.include({ generation_tokens_total: 2 });
    await mock.stop();
    await start();
    await ask({ model: "whatever", max_tokens: 2 });
    expect(await scrape("mock")).to.include({ generation_tokens_total: 2 });
    expect(await scrape("whatever")).to.deep.equal({});
  });

  it("count prompts that were seen before with --prefix-cache, in usage too", async () => {
    await start({ prefixCache: true });
    const messages = [{ role: "user", content: "The sea, the ships on it, and the wind. ".repeat(20) }];
    const usageOf = async () => JSON.parse((await ask({ messages, max_tokens: 1 })).text.split("\r\n\r\n")[1] ?? "").usage;
    const first = await usageOf();
    expect(first).to.deep.include({ prompt_tokens: 200, prompt_tokens_details: { cached_tokens: 0 } });
    expect((await usageOf()).prompt_tokens_details.cached_tokens).to.equal(192);
    expect(await scrape()).to.include({
      prefix_cache_queries_total: 400,
      prefix_cache_hits_total: 192,
      prompt_tokens_cached_total: 192,
    });
  });

  for (const path of ["/reset_prefix_cache", "/flush_cache"]) {
    it(`count prompts as new again after a POST of ${path}`, async () => {
      await start({ prefixCache: true });
      const messages = [{ role: "user", content: "The sea, the ships on it, and the wind. ".repeat(20) }];
      await ask({ messages, max_tokens: 1 });
      expect((await fetch(`${mock.url}${path}`)).status).to.equal(405);
      expect((await fetch(`${mock.url}${path}`, { method: "POST" })).status).to.equal(200);
      await ask({ messages, max_tokens: 1 });
      expect(await scrape()).to.include({ prefix_cache_queries_total: 400, prefix_cache_hits_total: 0 });
    });
  }

  it("are served by GET alone, on the main port", async () => {
    await start({ dcgmPort: 0 });
    expect((await fetch(`${mock.url}/metrics`, { method: "POST" })).status).to.equal(405);
    expect(await (await fetch(mock.dcgmUrl)).text()).to.match(/^# HELP DCGM_/);
  });

  it("come while a client does not read its stream", async () => {
    await start({ osl: 400_000 });
    const socket = await openSocket(mock.port);
    socket.pause();
    socket.write(rawRequest({ stream: true }));
    await statsReach(mock, ({ chunksWritten }) => chunksWritten > 2000);
    expect((await scrape()).num_requests_running).to.equal(1);
    const closed = once(socket, "close");
    socket.destroy();
    await closed;
  });
});
