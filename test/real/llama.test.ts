/**
 * The real command against a real language model: llama.cpp's server, which nobody of this project wrote, with SmolLM2. What
 * the server says of itself, in its answers (`usage`, `timings`) and in its counters, is held against what was recorded.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { PhaseKind } from "../../gen/assay/common/v1/common_pb.js";
import type { PhaseProgress } from "../../gen/assay/controller/v1/controller_pb.js";
import { RunService, SuiteService } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { decodeStamps } from "../../services/common/chunk-stamps.ts";
import { createClient } from "../../services/common/rpc/client.ts";
import { startServedSuite } from "../support/served-suite.ts";
import { useStage } from "../support/suite.ts";
import { useBudget } from "./budgets.ts";
import { type Counted, type LlamaServer, model, startLlama, type Told } from "./llama-server.ts";
import { type Exchange, type RecordingProxy, recordTo } from "./recording-proxy.ts";
import { expectClose, type Row, runAgainst } from "./run-against.ts";

interface Event {
  readonly choices: readonly { readonly delta: { readonly content?: string | null } }[];
}

const osl = 16;
const isl = 64;
describe("a run against llama.cpp's server", function () {
  this.timeout(180_000);
  useBudget("llama.cpp");
  const stage = useStage();
  let server: LlamaServer;
  let countedBefore: Counted;

  before(async () => {
    server = await startLlama();
  });

  beforeEach(async () => {
    countedBefore = await server.counted();
  });

  after(async () => {
    await server?.stop();
  });

  /** The command as a person types it. Resolves with the rows of its run, once it has ended as it should. */
  async function run(url: string, requests: number, ...flags: readonly string[]): Promise<readonly Row[]> {
    const { exit, rows, folder } = await runAgainst(
      stage,
      { url, model, requests },
      ...["--endpoint-type", "chat", "--isl", String(isl), "--osl", String(osl)],
      // Without these the model may end early, and answers would depend on those before.
      ...["--extra-inputs", "ignore_eos:true", "--extra-inputs", "temperature:0", ...flags],
    );
    expect(exit.code, exit.stderr).to.equal(0);
    expect(
      rows.map(({ error_code, status }) => error_code ?? status),
      exit.stdout,
    ).to.deep.equal(Array(requests).fill(200));
    const lines = (await readFile(join(folder, "profile_export.jsonl"), "utf8")).trim().split("\n");
    const exported = lines.map((line) => JSON.parse(line).metadata.x_request_id);
    expect(exported).to.have.members(rows.map((row) => row.request_id));
    return rows;
  }

  /** Tokens are the server's own, and so many as it counts altogether. */
  async function expectCounted(rows: readonly Row[]): Promise<void> {
    const countedAfter = await server.counted();
    const sum = (of: (row: Row) => number | null): number => rows.reduce((total, row) => total + (of(row) ?? 0), 0);
    expect(new Set(rows.map((row) => row.token_source))).to.deep.equal(new Set(["usage"]));
    expect(rows.map((row) => row.output_sequence_length)).to.deep.equal(Array(rows.length).fill(osl));
    expect(rows.map((row) => row.finish_reason)).to.deep.equal(Array(rows.length).fill("length"));
    expect(sum((row) => row.input_sequence_length)).to.equal(countedAfter.promptTokens - countedBefore.promptTokens);
    expect(sum((row) => row.usage_prompt_cache_read_tokens)).to.equal(countedAfter.cachedTokens - countedBefore.cachedTokens);
    expect(sum((row) => row.output_sequence_length)).to.equal(countedAfter.outputTokens - countedBefore.outputTokens);
    // The prompt's template and another vocabulary than the one that made the prompts add to what was asked for.
    for (const row of rows) expect(row.input_sequence_length).to.be.within(isl, 2 * isl);
  }

  it("is found there and ready by the look before the run", async () => {
    const asked = { url: server.url, model, requests: 2, isLookedAt: true };
    const { exit } = await runAgainst(stage, asked, "--endpoint-type", "chat", "--streaming", "--isl", "16", "--osl", "4");
    expect(exit.code, exit.stderr).to.equal(0);
  });

  it("has all answers of streams whose connections the server closes, though it promises to keep them", async () => {
    const rows = await run(server.url, 12, "--streaming", "--concurrency", "2");
    await expectCounted(rows);
    expect(rows.map((row) => row.is_connection_reused)).to.deep.equal(Array(12).fill(0));
  });

  it("has all answers of documents, over connections that are kept", async () => {
    const rows = await run(server.url, 8, "--concurrency", "2");
    await expectCounted(rows);
    expect(rows.map((row) => row.time_to_first_token)).to.deep.equal(Array(8).fill(null));
    // Two at the beginning, and two more until the server is known to keep them.
    expect(rows.filter((row) => row.is_connection_reused === 0).length).to.be.within(2, 4);
  });

  describe("through a relay that keeps the server's answers", () => {
    let relay: RecordingProxy;

    beforeEach(async () => {
      relay = await recordTo(server.port);
    });

    afterEach(async () => {
      await relay.stop();
    });

    function joined(rows: readonly Row[]): { readonly row: Row; readonly exchange: Exchange; readonly told: Told }[] {
      const exchanges = relay.exchanges();
      return rows.map((row) => {
        const exchange = exchanges.get(row.request_id);
        if (exchange === undefined) expect.fail(`no request ${row.request_id} has passed`);
        const told = exchange.objects.find((object) => typeof object === "object" && object !== null && "timings" in object);
        return { row, exchange, told: told as Told };
      });
    }

    it("agrees with its times: prefill with the time to the first token, decoding with what follows", async () => {
      const all = joined(await run(relay.url, 6, "--streaming", "--concurrency", "1", "--extra-inputs", "cache_prompt:false"));
      for (const { row, told } of all) {
        expect(row.usage_prompt_tokens).to.equal(told.usage.prompt_tokens);
        expect(row.usage_completion_tokens).to.equal(told.usage.completion_tokens).and.to.equal(told.timings.predicted_n);
        // Its work lies between what is stamped here; 1 ms for the rates of two clocks and its own rounding.
        expect(row.time_to_first_token).to.be.above(told.timings.prompt_ms - 1);
        expect(row.request_latency).to.be.above(told.timings.prompt_ms + told.timings.predicted_ms - 1);
      }
      expectClose(all.map(({ row, told }) => [row.time_to_first_token, told.timings.prompt_ms]));
      expectClose(all.map(({ row, told }) => [row.decode_duration, told.timings.predicted_ms]));
    });

    it("takes a delta whose content is null for no token, and stamps every other one", async () => {
      const all = joined(await run(relay.url, 4, "--streaming", "--concurrency", "2"));
      for (const { row, exchange } of all) {
        const contents = (exchange.objects as Event[]).flatMap(({ choices }) => choices.map(({ delta }) => delta.content));
        expect(contents[0]).to.equal(null);
        const texts = contents.filter((content) => typeof content === "string" && content !== "");
        expect(decodeStamps(row.content_stamps)).to.have.length(texts.length);
        expect(exchange.isDone).to.equal(true);
      }
      expect(new Set(all.map(({ exchange }) => exchange.connection)).size, "connections").to.equal(4);
    });

    it("agrees with its times for documents", async () => {
      const all = joined(await run(relay.url, 4, "--concurrency", "1", "--extra-inputs", "cache_prompt:false"));
      expectClose(all.map(({ row, told }) => [row.request_latency, told.timings.prompt_ms + told.timings.predicted_ms]));
    });
  });

  it("counts the connections that it replaces, where a suite's members can be watched", async () => {
    const served = await startServedSuite();
    const { address, token } = served;
    const [runs, members] = [createClient(RunService, { address, token }), createClient(SuiteService, { address, token })];
    try {
      await runs.createRun({ runId: "replaced", spec: specOf(server.url) });
      let replaced = 0;
      let last: PhaseProgress | undefined;
      for await (const { run: now } of runs.watchRun({ runId: "replaced", intervalMs: 100 }, { timeoutMs: 150_000 })) {
        const { members: all } = await members.getSuite({});
        for (const { counters } of all) replaced = Math.max(replaced, Number(counters.replaced_connections ?? 0));
        last = now?.phases[0];
      }
      expect(last?.identity).to.include({ succeeded: 12n, errored: 0n });
      // Members tell their counts twice a second, so that the last few connections may be missing.
      expect(replaced).to.be.within(6, 12);
    } finally {
      runs.close();
      members.close();
      await served.stop();
    }
  });
});

function specOf(url: string) {
  return {
    models: [model],
    target: { urls: [{ url }] },
    endpoint: { type: "chat", streaming: true, extraInputs: { ignore_eos: true, temperature: 0 } },
    dataset: { source: { case: "synthetic" as const, value: { inputTokens: { mean: isl }, outputTokens: { mean: 2 * osl } } } },
    phases: [
      {
        name: "profiling",
        kind: PhaseKind.PROFILING,
        load: { case: "concurrency" as const, value: { limit: 2 } },
        stop: { requestCount: 12n },
      },
    ],
    telemetry: { disableGpu: true },
  };
}
