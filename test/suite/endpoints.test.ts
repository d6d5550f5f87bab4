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

const image =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";
const audio = `data:audio/wav;base64,${Buffer.from("RIFF, or nearly").toString("base64")}`;
const chatBody = { model: "mock", messages: [{ role: "user", content: "hello there" }], stream: true, max_tokens: 8 };
const template = '{"model": "mock", "prompt": {{ text|tojson }}, "max_tokens": {{ max_tokens }}, "stream": {{ stream|tojson }}}';

interface Row {
  readonly type: string;
  readonly isStreaming?: boolean;
  /** What each turn is, in a file; absent: synthetic text. */
  readonly row?: object;
  /** Appended to the server's URL. */
  readonly path?: string;
  readonly args?: readonly string[];
  /** Its turns have no text to count. */
  readonly isWordless?: boolean;
  /** Its answers are made of tokens. */
  readonly isText?: boolean;
}

const rows: readonly Row[] = [
  { type: "responses", isStreaming: true, isText: true },
  { type: "messages", isStreaming: true, isText: true },
  { type: "embeddings" },
  { type: "chat_embeddings" },
  { type: "nim_embeddings" },
  { type: "nim_rankings", row: ranking },
  { type: "cohere_rankings", row: ranking },
  { type: "hf_tei_rankings", row: ranking },
  { type: "image_generation", isStreaming: true },
  { type: "image_edit", row: { text: "more trees", image } },
  { type: "image_retrieval", row: { image }, isWordless: true },
  { type: "video_generation", args: ["--download-video-content"] },
  { type: "audio_speech" },
  { type: "audio_transcription", isStreaming: true, row: { text: "names", audio, output_length: 8 }, isText: true },
  { type: "huggingface_generate", isStreaming: true, isText: true },
  { type: "ollama_chat", isStreaming: true, isText: true },
  { type: "ollama_generate", isStreaming: true, isText: true },
  { type: "sglang_generate", isStreaming: true, isText: true },
  { type: "kserve_generate", isStreaming: true, isText: true },
  { type: "solido_rag", isStreaming: true, isText: true },
  {
    type: "template",
    path: "/v1/completions",
    isStreaming: true,
    isText: true,
    args: ["--extra-inputs", `payload_template:${template}`, "--extra-inputs", "response_field:choices[0].text"],
  },
  { type: "raw", path: "/v1/chat/completions", row: chatBody, isStreaming: true, isText: true },
];

describe("a run against an endpoint", function () {
  this.timeout(rows.length * endsWithinMs);
  const test = useStages();

  for (const { type, isStreaming = false, row, path = "", args = [], isWordless = false, isText = false } of rows) {
    test(`of type ${type} has a record for each request, and figures of what its answers are made of`, async (stage) => {
      const mock = await stage.mock({ ttftMs: 2, itlMs: 1, apiKeys: ["k3y"] });
      const folder = join(stage.folder, "out");
      const dataset = join(stage.folder, "rows.jsonl");
      writeFileSync(dataset, `${JSON.stringify(row)}\n`.repeat(requests));
      const data = row === undefined ? ["--isl", "20", "--osl", "8"] : ["--input-file", dataset];
      const target = ["-m", "mock", "-u", mock.url + path, "--api-key", "k3y", "--endpoint-type", type, ...args];
      const rest = ["--request-count", String(requests), "--no-gpu-telemetry", "--output-artifact-dir", folder];
      const command = stage.start(["run", ...target, ...data, ...(isStreaming ? ["--streaming"] : []), ...rest]);
      const { code, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);
      const run = runFile(folder);
      expectReconciled(run, { requests });
      expect(run.errors).to.deep.equal({ "": requests });
      const summary = JSON.parse(readFileSync(join(folder, "profile_export_aiperf.json"), "utf8"));
      expect(summary.request_latency.count).to.equal(requests);
      if (!isWordless) expect(summary.input_sequence_length.avg).to.be.above(0);
      const ofTokens = ["time_to_first_token", "inter_token_latency", "output_sequence_length", "output_token_throughput"];
      if (isText) expect(summary).to.include.keys(ofTokens);
      else expect(summary).to.not.have.any.keys(...ofTokens, "requested_osl", "total_osl");
      const table = readFileSync(join(folder, "profile_export_console.txt"), "utf8");
      expect(/Time to First Token|Output Sequence Length/.test(table)).to.equal(isText);
    });
  }
});
