/**
 * Completions of llama.cpp's server: the prompt goes out as it is, without roles and template, and the text that comes back, its tokens
 * and its end are those that the server told.
 */
import { expect } from "chai";
import { createEndpoint } from "../../endpoints/catalog.ts";
import { decodeStamps } from "../../services/common/chunk-stamps.ts";
import { useStage } from "../support/suite.ts";
import { useBudget } from "./budgets.ts";
import { type LlamaServer, model, startLlama, type Told } from "./llama-server.ts";
import { type Exchange, type RecordingProxy, recordTo } from "./recording-proxy.ts";
import { type Row, runAgainst } from "./run-against.ts";

interface Choice {
  readonly text: string;
  readonly finish_reason: string | null;
}

const requests = 24;
const forms = [
  { what: "streams", isStreaming: true, type: "text/event-stream", flags: ["--streaming"] },
  { what: "documents", isStreaming: false, type: "application/json", flags: [] },
] as const;

describe("completions of llama.cpp's server", function () {
  this.timeout(180_000);
  useBudget("llama.cpp");
  const stage = useStage();
  let server: LlamaServer;
  let relay: RecordingProxy;

  before(async () => {
    server = await startLlama();
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

  function exchangeOf({ request_id }: Row): Exchange {
    return relay.exchanges().get(request_id) ?? expect.fail(`no request ${request_id} has passed`);
  }

  for (const { what, isStreaming, type, flags } of forms) {
    it(`agree in text, tokens and end: ${requests} ${what}`, async () => {
      const before = await server.counted();
      const { exit, rows } = await runAgainst(
        stage,
        { url: relay.url, model, requests },
        ...["--endpoint-type", "completions", "--concurrency", "2", "--isl", "16", "--osl", "8", "--export-level", "raw"],
        ...["--extra-inputs", 'stop:[".", ","]', "--extra-inputs", "temperature:0", ...flags],
        // Answers that hold nothing are failures.
        ...["--failed-request-threshold", "1"],
      );
      const after = await server.counted();
      expect(exit.code, exit.stderr).to.equal(0);
      const pairs = rows.map((row) => ({ row, exchange: exchangeOf(row) }));
      for (const { row, exchange } of pairs) {
        const text = choicesOf(exchange)
          .map((choice) => choice.text)
          .join("");
        expect(exchange.asked).to.have.property("prompt").that.is.a("string").and.is.not.empty;
        expect(exchange.asked).to.include({ max_tokens: 8, stream: isStreaming }).and.to.not.have.property("messages");
        expect(textOf(row, isStreaming, type)).to.equal(text);
        expect(row.finish_reason).to.equal(choicesOf(exchange).at(-1)?.finish_reason);
        // Where the first word that the model draws is one that ends the answer, it is complete and holds nothing.
        if (text === "") expect(row).to.include({ error_code: "empty", error_phase: "parse", finish_reason: "stop" });
        else expectTold(row, exchange);
      }
      expect(new Set(rows.map((row) => row.finish_reason))).to.deep.equal(new Set(["stop", "length"]));
      const sum = (tokens: (usage: Told["usage"]) => number): number =>
        pairs.reduce((total, { exchange }) => total + tokens(toldBy(exchange).usage), 0);
      expect(sum((usage) => usage.prompt_tokens)).to.equal(after.promptTokens - before.promptTokens);
      expect(sum((usage) => usage.completion_tokens)).to.equal(after.outputTokens - before.outputTokens);
    });
  }

  it("have as many tokens in the prompt as the server's own tokenizer finds in it", async () => {
    const { exit, rows } = await runAgainst(
      stage,
      { url: relay.url, model, requests: 10 },
      ...["--endpoint-type", "completions", "--isl", "16", "--osl", "2", "--streaming"],
    );
    expect(exit.code, exit.stderr).to.equal(0);
    for (const row of rows) {
      const { prompt } = exchangeOf(row).asked as { readonly prompt: string };
      const answer = await fetch(`${server.url}/tokenize`, { method: "POST", body: JSON.stringify({ content: prompt }) });
      const { tokens } = (await answer.json()) as { tokens: number[] };
      expect(row.input_sequence_length).to.equal(tokens.length);
    }
  });
});

function expectTold(row: Row, exchange: Exchange): void {
  const { usage } = toldBy(exchange);
  expect(row).to.include({
    ...{ error_code: null, token_source: "usage" },
    ...{ input_sequence_length: usage.prompt_tokens, output_sequence_length: usage.completion_tokens },
  });
  const pieces = choicesOf(exchange).filter(({ text }) => text !== "");
  expect(decodeStamps(row.content_stamps)).to.have.length(pieces.length);
}

/** The text that is read in the answer as it was kept. */
function textOf({ payload, status }: Row, isStreaming: boolean, contentType: string): string | undefined {
  const bytes = payload ?? new Uint8Array();
  const readEnds = Uint32Array.of(bytes.length);
  return createEndpoint("completions")?.parse({
    ...{ status, contentType, payload: bytes, isStreaming },
    ...{ readEnds, readNs: Float64Array.of(1) },
  }).outputText;
}

function choicesOf({ objects }: Exchange): Choice[] {
  return (objects as readonly { readonly choices: readonly Choice[] }[]).flatMap(({ choices }) => choices);
}

function toldBy({ objects }: Exchange): Told {
  return objects.find((object) => typeof object === "object" && object !== null && "usage" in object) as Told;
}
