import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { endsWithinMs, expectReconciled, runFile, useStages } from "../support/suite.ts";

const requests = 3;
const ranking = {
  texts: [
    { name: "query", contents: ["which?"] },
    { name: "passages", contents: ["this", "that"] },
  ],
};

interface Row {
  readonly type: string;
  readonly isStreaming?: boolean;
  /** A file of the dataset: turns of a query with passages. */
  readonly isRanking?: boolean;
  /** Its answers are made of tokens. */
  readonly isText?: boolean;
}

const rows: readonly Row[] = [
  { type: "responses", isStreaming: true, isText: true },
  { type: "messages", isStreaming: true, isText: true },
  { type: "embeddings" },
  { type: "chat_embeddings" },
  { type: "nim_embeddings" },
  { type: "nim_rankings", isRanking: true },
  { type: "cohere_rankings", isRanking: true },
  { type: "hf_tei_rankings", isRanking: true },
  { type: "image_generation", isStreaming: true },
];

describe("a run against an endpoint", function () {
  this.timeout(rows.length * endsWithinMs);
  const test = useStages();

  test("of each type has a record for each request, and figures of what its answers are made of", async (stage) => {
    const mock = await stage.mock({ ttftMs: 2, itlMs: 1, apiKeys: ["k3y"] });
    const dataset = join(stage.folder, "rankings.jsonl");
    writeFileSync(dataset, `${JSON.stringify(ranking)}\n`.repeat(requests));
    for (const { type, isStreaming = false, isRanking = false, isText = false } of rows) {
      const folder = join(stage.folder, type);
      const data = isRanking ? ["--input-file", dataset] : ["--isl", "20", "--osl", "8"];
      const target = ["-m", "mock", "-u", mock.url, "--api-key", "k3y", "--endpoint-type", type];
      const rest = ["--request-count", String(requests), "--no-gpu-telemetry", "--output-artifact-dir", folder];
      const command = stage.start(["run", ...target, ...data, ...(isStreaming ? ["--streaming"] : []), ...rest]);
      const { code, stderr } = await command.exit();
      expect(code, `${type}: ${stderr}`).to.equal(0);
      const run = runFile(folder);
      expectReconciled(run, { requests });
      expect(run.errors, type).to.deep.equal({ "": requests });
      const summary = JSON.parse(readFileSync(join(folder, "profile_export_aiperf.json"), "utf8"));
      expect(summary.request_latency.count, type).to.equal(requests);
      expect(summary.input_sequence_length.avg, type).to.be.above(0);
      const ofTokens = ["time_to_first_token", "inter_token_latency", "output_sequence_length", "output_token_throughput"];
      if (isText) expect(summary, type).to.include.keys(ofTokens);
      else expect(summary, type).to.not.have.any.keys(...ofTokens, "requested_osl", "total_osl");
      const table = readFileSync(join(folder, "profile_export_console.txt"), "utf8");
      expect(/Time to First Token|Output Sequence Length/.test(table), type).to.equal(isText);
    }
  });
});
