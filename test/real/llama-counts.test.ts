/**
 * Hundreds of short requests against llama.cpp's server, at several concurrencies: how each ended and how many tokens it had is held
 * against the server's own answer, as a relay has seen it, and the sums against the counters of its `/metrics` page.
 */
import { expect } from "chai";
import { decodeStamps } from "../../services/common/chunk-stamps.ts";
import { useStage } from "../support/suite.ts";
import { useBudget } from "./budgets.ts";
import { type LlamaServer, model, startLlama, type Told } from "./llama-server.ts";
import { type Exchange, type RecordingProxy, recordTo } from "./recording-proxy.ts";
import { type Row, runAgainst } from "./run-against.ts";

interface Choice {
  readonly finish_reason: string | null;
  /** Of a stream's event. */
  readonly delta?: { readonly content?: string | null };
}

/** What the server has said of one request, as far as a record has it. */
type Said = Pick<
  Row,
  | "request_id"
  | "finish_reason"
  | "usage_prompt_tokens"
  | "usage_completion_tokens"
  | "usage_prompt_cache_read_tokens"
  | "input_sequence_length"
  | "output_sequence_length"
>;

const loads = [
  { what: "streams, one at a time", requests: 50, flags: ["--streaming", "--concurrency", "1"] },
  { what: "streams, 2 at once", requests: 70, flags: ["--streaming", "--concurrency", "2"] },
  { what: "streams, 4 at once", requests: 100, flags: ["--streaming", "--concurrency", "4"] },
  { what: "documents, 4 at once", requests: 40, flags: ["--concurrency", "4"] },
] as const;

describe("records of hundreds of requests to llama.cpp's server", function () {
  this.timeout(180_000);
  useBudget("llama.cpp");
  const stage = useStage();
  let server: LlamaServer;
  let relay: RecordingProxy;

  before(async () => {
    server = await startLlama({ slots: 4 });
  });

  beforeEach(async () => {
    relay = await recordTo(server.port);
  });

  afterEach(async () => {
    await relay.stop();
  });

  after(async () => {
    await server?.stop();
  });

  for (const { what, requests, flags } of loads) {
    it(`agree with its answers and its counters: ${requests} ${what}`, async () => {
      const before = await server.counted();
      const { exit, rows: all } = await runAgainst(
        stage,
        { url: relay.url, model, requests },
        // Either the model comes to one of these, or to the limit.
        ...["--isl", "16", "--osl", "8", "--extra-inputs", 'stop:[".", ","]', "--extra-inputs", "temperature:0", ...flags],
      );
      const after = await server.counted();
      expect(exit.code, exit.stderr).to.equal(0);
      const exchanges = relay.exchanges();
      // The server closes connections that it promises to keep; one that it closes at the moment of a request leaves that without an answer.
      const rows = all.filter(({ error_code: code }) => code !== "stale_connection");
      expect(rows.map(({ error_code: code }) => code ?? "").filter((code) => code !== "")).to.deep.equal([]);
      expect(rows.length).to.be.within(requests - 1, requests);
      expect(exchanges.size).to.equal(rows.length);
      expect(rows.map(recorded)).to.have.deep.members([...exchanges.values()].map(said));
      expect([...new Set(rows.map((row) => row.finish_reason))]).to.have.members(["stop", "length"]);
      expect(new Set(rows.map((row) => row.token_source))).to.deep.equal(new Set(["usage"]));
      const sum = (of: (row: Row) => number | null): number => rows.reduce((total, row) => total + (of(row) ?? 0), 0);
      expect({
        promptTokens: sum((row) => row.input_sequence_length),
        cachedTokens: sum((row) => row.usage_prompt_cache_read_tokens),
        outputTokens: sum((row) => row.output_sequence_length),
      }).to.deep.equal({
        promptTokens: after.promptTokens - before.promptTokens,
        cachedTokens: after.cachedTokens - before.cachedTokens,
        outputTokens: after.outputTokens - before.outputTokens,
      });
      // The word that ended an answer was drawn and is not in it, so that pieces are not tokens.
      for (const row of rows) {
        expect(decodeStamps(row.content_stamps)).to.have.length(piecesOf(exchanges.get(row.request_id)?.objects ?? []));
      }
    });
  }
});

function recorded(row: Row): Said {
  return {
    request_id: row.request_id,
    finish_reason: row.finish_reason,
    usage_prompt_tokens: row.usage_prompt_tokens,
    usage_completion_tokens: row.usage_completion_tokens,
    usage_prompt_cache_read_tokens: row.usage_prompt_cache_read_tokens,
    input_sequence_length: row.input_sequence_length,
    output_sequence_length: row.output_sequence_length,
  };
}

function said({ requestId, objects }: Exchange): Said {
  const { usage } = objects.find((object) => typeof object === "object" && object !== null && "usage" in object) as Told;
  return {
    request_id: requestId,
    finish_reason: choicesOf(objects).findLast((choice) => choice.finish_reason !== null)?.finish_reason ?? null,
    usage_prompt_tokens: usage.prompt_tokens,
    usage_completion_tokens: usage.completion_tokens,
    usage_prompt_cache_read_tokens: usage.prompt_tokens_details.cached_tokens,
    input_sequence_length: usage.prompt_tokens,
    output_sequence_length: usage.completion_tokens,
  };
}

/** Of a stream: its events with text; of a document: one. */
function piecesOf(objects: readonly unknown[]): number {
  return choicesOf(objects).filter(({ delta }) => delta === undefined || (delta.content ?? "") !== "").length;
}

function choicesOf(objects: readonly unknown[]): Choice[] {
  return (objects as readonly { readonly choices: readonly Choice[] }[]).flatMap(({ choices }) => choices);
}
