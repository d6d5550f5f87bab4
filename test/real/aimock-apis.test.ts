/** The same answers of aimock through its other APIs than chat: what is recorded of them is what chat's records have. */
import { expect } from "chai";
import { decodeStamps } from "../../services/common/chunk-stamps.ts";
import { useStage } from "../support/suite.ts";
import { useBudget } from "./budgets.ts";
import { type RealServer, startRealServer } from "./real-server.ts";
import { type Ended, type Row, runAgainst } from "./run-against.ts";

const requests = 8;

describe("a run against aimock's other APIs", function () {
  this.timeout(180_000);
  useBudget("aimock");
  const stage = useStage();
  let server: RealServer;

  before(async () => {
    server = await startRealServer("aimock");
  });

  after(async () => {
    await server?.stop();
  });

  async function run(type: string, model: string, ...flags: readonly string[]): Promise<Ended> {
    const given = ["--endpoint-type", type, "--isl", "16", "--concurrency", "4", ...flags];
    const ended = await runAgainst(stage, { url: server.url, model, requests }, ...given);
    expect(ended.exit.code, ended.exit.stderr).to.equal(0);
    return ended;
  }

  const expectAll = (rows: readonly Row[], values: Partial<Row>, chunks: number): void => {
    for (const row of rows) {
      expect(row).to.include({ status: 200, error_code: null, ...values });
      expect(decodeStamps(row.content_stamps)).to.have.length(chunks);
    }
  };

  for (const { type, stop, call } of [
    { type: "responses", stop: "completed", call: "completed" },
    { type: "messages", stop: "end_turn", call: "tool_use" },
  ]) {
    it(`has text, thought and calls of ${type} in a stream as the server counts them`, async () => {
      const counted = { token_source: "usage", input_sequence_length: 11 };
      const text = await run(type, "paced", "--streaming");
      expectAll(text.rows, { ...counted, output_sequence_length: 21, finish_reason: stop }, 5);
      const thought = await run(type, "o3-paced", "--streaming");
      expectAll(thought.rows, { ...counted, output_sequence_length: 13, finish_reason: stop }, 5);
      for (const row of thought.rows) {
        expect(row.time_to_first_output_token ?? 0).to.be.above((row.time_to_first_token ?? 0) + 50);
      }
      const calls = await run(type, "caller", "--streaming");
      expectAll(calls.rows, { ...counted, output_sequence_length: 9, finish_reason: call }, 3);
    });

    it(`has an answer of ${type} in one piece`, async () => {
      const { rows } = await run(type, "paced");
      expectAll(
        rows,
        { input_sequence_length: 11, output_sequence_length: 21, finish_reason: stop, time_to_first_token: null },
        1,
      );
    });
  }

  for (const { type, model } of [
    { type: "embeddings", model: "embedder" },
    { type: "image_generation", model: "painter" },
  ]) {
    it(`has no figures of tokens of ${type}`, async () => {
      const { rows } = await run(type, model);
      for (const row of rows) {
        expect(row).to.include({ status: 200, error_code: null, time_to_first_token: null, output_sequence_length: null });
        expect(row.request_latency).to.be.above(0);
      }
    });
  }
});
