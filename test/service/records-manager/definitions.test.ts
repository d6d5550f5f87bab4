import { expect } from "chai";
import { maxReadBytes, writeRead } from "../../../services/common/chunk-stamps.ts";
import { AssayError } from "../../../services/common/errors.ts";
import { queryDefinitions } from "../../../services/records-manager/query-definitions.ts";
import { chunk, content, finish, sse } from "../../unit/endpoints/openai/answers.ts";
import { failed, record } from "../../unit/records-manager/records.ts";
import { createStore, type RunFolder, temporaryFolder } from "./run-fixture.ts";

/** The stream whose figures by every tool are known, as it came. */
const reads: readonly [ms: number, text: string][] = [
  [100, sse(chunk({ delta: { role: "assistant", content: "" } }))],
  [120, sse(chunk({ delta: { reasoning_content: "hm" } }))],
  [140, sse(content("a b"))],
  [180, sse(content(" c d"))],
  [200, sse(content(" e"))],
  [205, sse(finish)],
  [206, sse(chunk(undefined, { usage: { prompt_tokens: 1, completion_tokens: 6, total_tokens: 7 } }), "[DONE]")],
];

function rawAnswer() {
  const stamps = new Uint8Array(reads.length * maxReadBytes);
  let offset = 0;
  let before = 0;
  for (const [ms, text] of reads) {
    offset = writeRead(stamps, offset, Buffer.byteLength(text), before, ms * 1e6);
    before = ms * 1e6;
  }
  return { reads: stamps.subarray(0, offset), payload: Buffer.from(reads.map(([, text]) => text).join("")) };
}

describe("a run by the formulas of other tools", () => {
  let run: RunFolder;
  beforeEach(() => {
    run = temporaryFolder();
  });
  afterEach(() => run.remove());

  const written = (exportLevel: string): void => {
    const spec = JSON.stringify({ endpoint: { type: "chat" }, output: { exportLevel }, phases: [{ name: "profiling" }] });
    const store = createStore(run.folder, { spec });
    const metrics = { output_sequence_length: 6, output_token_count: 5, time_to_first_output_token: 140 };
    const good = record(1, { contentMs: [120, 140, 180, 200], endNs: 206e6, metrics });
    const due = { ...good, dueNs: good.sentNs - 50e6 };
    const raw = exportLevel === "raw" ? { raw: rawAnswer() } : {};
    store.insert({ phase: 0, creditId: 1, record: due, recordProcessorId: "p", ...raw });
    store.insert({ phase: 0, creditId: 2, record: failed(2), recordProcessorId: "p" });
    const whole = record(3, { contentMs: [900], endNs: 900e6, isStreamIgnored: true });
    store.insert({ phase: 0, creditId: 3, record: whole, recordProcessorId: "p" });
    store.commit();
    store.close();
  };
  const means = (...definitions: string[]) =>
    queryDefinitions({ folder: run.folder, definitions }).map(({ definition, figures }) => [
      definition,
      Object.fromEntries(figures.map(({ figure, statistics: { avg } }) => [figure, Math.round(avg * 10) / 10])),
    ]);

  it("is told from every event where the answers were kept", () => {
    written("raw");
    expect(means("vllm", "sglang", "guidellm", "mlperf")).to.deep.equal([
      ["vllm", { ttft: 100, tpot: 21, itl: 21, e2e: 205 }],
      ["sglang", { ttft: 120, tpot: 17.2, itl: 26.7, e2e: 206 }],
      ["guidellm", { ttft: 120, tpot: 33.3, itl: 16, e2e: 206 }],
      ["mlperf", { ttft: 190, tpot: 12, e2e: 250 }],
    ]);
  });

  it("is told from the stamps of content else, as far as a tool looks at these alone", () => {
    written("records");
    expect(means("aiperf", "genai-perf", "llmperf")).to.deep.equal([
      ["aiperf", { ttft: 120, itl: 16, e2e: 200 }],
      ["genai-perf", { ttft: 140, itl: 15, e2e: 200 }],
      ["llmperf", { ttft: 140, itl: 40, e2e: 206 }],
    ]);
  });

  it("is refused where a tool looks at more, and by a name that there is not", () => {
    written("records");
    expect(() => means("vllm")).to.throw(AssayError, "the definitions of vllm need the moments of events without content");
    expect(() => means("vlm")).to.throw(AssayError, "got vlm");
  });
});
