/** llama.cpp's server through its Messages and Responses APIs: tokens of all records together are those that its `/metrics` page counts. */
import { expect } from "chai";
import { decodeStamps } from "../../services/common/chunk-stamps.ts";
import { useStage } from "../support/suite.ts";
import { useBudget } from "./budgets.ts";
import { type LlamaServer, model, startLlama } from "./llama-server.ts";
import { type Row, runAgainst } from "./run-against.ts";

const requests = 20;

describe("records of llama.cpp's other APIs", function () {
  this.timeout(180_000);
  useBudget("llama.cpp");
  const stage = useStage();
  let server: LlamaServer;

  before(async () => {
    server = await startLlama({ slots: 4 });
  });

  after(async () => {
    await server?.stop();
  });

  for (const { type, stop } of [
    { type: "messages", stop: "max_tokens" },
    // It calls an answer of any length complete.
    { type: "responses", stop: "completed" },
  ]) {
    for (const how of ["--streaming", "--no-streaming"]) {
      it(`agree with its counters: ${type} ${how}`, async () => {
        const before = await server.counted();
        const given = ["--endpoint-type", type, how, "--isl", "16", "--osl", "8", "--concurrency", "4"];
        const { exit, rows } = await runAgainst(stage, { url: server.url, model, requests }, ...given);
        const after = await server.counted();
        expect(exit.code, exit.stderr).to.equal(0);
        const sum = (of: (row: Row) => number): number => rows.reduce((total, row) => total + of(row), 0);
        expect({
          promptTokens: sum((row) => row.input_sequence_length),
          outputTokens: sum((row) => row.output_sequence_length),
        }).to.deep.equal({
          promptTokens: after.promptTokens - before.promptTokens,
          outputTokens: after.outputTokens - before.outputTokens,
        });
        for (const row of rows) {
          expect(row).to.include({ error_code: null, token_source: "usage" });
          expect(row.finish_reason).to.be.oneOf([stop, "end_turn"]);
          const chunks = decodeStamps(row.content_stamps).length;
          expect(chunks).to.be.within(1, how === "--streaming" ? row.output_sequence_length : 1);
        }
      });
    }
  }
});
