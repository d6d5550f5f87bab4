import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { DatasetInfoSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { DatasetService } from "../../../gen/assay/dataset/v1/dataset_service_pb.js";
import { silentLogger } from "../../../services/common/logger.ts";
import { createClient } from "../../../services/common/rpc/client.ts";
import { createRpcServer } from "../../../services/common/rpc/server.ts";
import { bodyOptionsOf } from "../../../services/common/turn-body.ts";
import { protocolVersion } from "../../../services/common/version.ts";
import { turnsOf } from "../../../services/dataset/core/conversation-index.ts";
import { fileDataset } from "../../../services/dataset/core/file-dataset.ts";
import { FileLoad, type LoadedFile } from "../../../services/dataset/core/file-load.ts";
import { publicSetOf } from "../../../services/dataset/core/public-sets.ts";
import { promptMaker } from "../../../services/dataset/core/trace-prompt.ts";
import { ByteBudget } from "../../../services/dataset/reading/byte-budget.ts";
import { MediaFiles } from "../../../services/dataset/reading/media-files.ts";
import { readRows } from "../../../services/dataset/reading/read-rows.ts";
import { createDatasetService } from "../../../services/dataset/service.ts";
import { writeInputs } from "../../../services/records-manager/exports/inputs-file.ts";
import { readerOptions } from "../../unit/dataset/core/loading.ts";
import { toyCorpus } from "../../unit/dataset/core/toy-corpus.ts";
import { Harness } from "../rpc/harness.ts";

const root = join(import.meta.dirname, "../../fixtures/aiperf-inputs");
const spec = create(RunSpecSchema, { models: ["test-model"], endpoint: { type: "chat" } });

interface Expected {
  readonly payloads: readonly unknown[];
  readonly timestamps: readonly (number | null)[];
}

describe("inputs.json and AIPerf's of the same file", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  async function load(file: string, changes: object, format?: string): Promise<LoadedFile> {
    const path = join(root, file);
    const media = new MediaFiles({ folder: root, root, budget: new ByteBudget(path, 1 << 20) });
    const options = { ...readerOptions, ...changes, path, format, isSkipping: false };
    const loading = new FileLoad(options, { readMedia: (name, medium) => media.read(name, medium) });
    const limits = { maxFileBytes: 1 << 20, maxRowBytes: 1 << 20, wantsAll: true };
    const tokenCounter = async () => (text: string) => text.split(/\s+/).filter((word) => word !== "").length;
    await readRows(loading, { path, realPath: path, root, ...limits, onProgress: () => {}, tokenCounter });
    return loading.end();
  }

  /** The sessions of the `inputs.json` of a run that draws every conversation. */
  async function inputsOf(file: LoadedFile): Promise<{ readonly payloads: unknown[] }[]> {
    const dataset = fileDataset(file, { seed: 1, outputTokens: undefined, prompts: promptMaker(toyCorpus(), 1) });
    const implementation = createDatasetService({
      find: () => ({ info: create(DatasetInfoSchema), dataset }),
      prepare: () => expect.fail("nobody prepares here"),
      remove: () => {},
    });
    const server = createRpcServer({ services: [implementation], listen: {}, auth: { insecure: true }, log: silentLogger });
    harness.onClose(() => server.stop(0));
    const client = createClient(DatasetService, { address: (await server.start()).address });
    harness.onClose(() => client.close());
    const folder = mkdtempSync(join(tmpdir(), "assay-inputs-"));
    harness.onClose(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "inputs.json");
    await writeInputs({
      path,
      conversations: Array.from({ length: dataset.size }, (_, conversation) => conversation),
      turnsOf: (conversation) => turnsOf(file.conversations, conversation),
      bodies: bodyOptionsOf(spec),
      dial: async () => {
        const stream = client.fetchTurns();
        stream.send({ message: { case: "hello", value: { protocolVersion, runId: "r", datasetId: "d", workerId: "w" } } });
        return stream;
      },
      maxBytes: 1 << 24,
      silenceMs: 5000,
    });
    return JSON.parse(readFileSync(path, "utf8")).data;
  }

  const files: readonly (readonly [expected: string, file: string, format: string, changes?: object])[] = [
    ["single_turn", "single_turn.jsonl", "single_turn"],
    ["multi_turn", "multi_turn.jsonl", "multi_turn"],
    ["random_pool", "random_pool", "random_pool", { maxConversations: 3 }],
    ["raw_payload", "raw_payload.jsonl", "raw_payload"],
    ["raw_payload_folder", "raw_payload", "raw_payload"],
    ["inputs_json", "inputs.json", "inputs_json"],
    ["sagemaker", "sagemaker", "sagemaker_data_capture"],
    ["sharegpt", "sharegpt.json", "sharegpt"],
    ["mooncake", "mooncake.jsonl", "mooncake_trace"],
    ["baseten", "baseten.parquet", "baseten_trace"],
    ["speed_bench", "qualitative.jsonl", "speed_bench"],
  ];
  for (const [name, file, format, changes = {}] of files) {
    it(`are the same, payload by payload: ${name}`, async () => {
      const expected: Expected[] = JSON.parse(readFileSync(join(root, "expected", `${name}.json`), "utf8"));
      const loaded = await load(file, changes);
      expect(loaded.format).to.equal(format);
      const sessions = await inputsOf(loaded);
      // As texts, so that the order of the fields counts, too.
      const lines = (payloads: readonly unknown[]) => payloads.map((payload) => JSON.stringify(payload));
      expect(sessions.map(({ payloads }) => lines(payloads))).to.deep.equal(expected.map(({ payloads }) => lines(payloads)));
      expectMoments(loaded, expected);
    });
  }

  it("are the same of sessions that begin others, but for the system message, which later turns show, too", async () => {
    const expected: Expected[] = JSON.parse(readFileSync(join(root, "expected", "dag.json"), "utf8"));
    const loaded = await load("dag.jsonl", {});
    expect(loaded.format).to.equal("dag_jsonl");
    const sessions = await inputsOf(loaded);
    const [first, later, ...none] = sessions[0]?.payloads ?? [];
    expect(none).to.deep.equal([]);
    const [system] = (first as { messages: unknown[] }).messages;
    const [repeated, ...own] = (later as { messages: unknown[] }).messages;
    expect(repeated).to.deep.equal(system);
    const shown = [{ payloads: [first, { ...(later as object), messages: own }] }, ...sessions.slice(1)];
    expect(shown.map(({ payloads }) => payloads)).to.deep.equal(expected.map(({ payloads }) => payloads));
  });

  const traces = [
    ["mooncake_blocks", "mooncake_blocks.jsonl", "mooncake_trace"],
    ["bailian", "bailian.jsonl", "bailian_trace"],
    ["burst_gpt", "burst_gpt.csv", "burst_gpt_trace"],
  ] as const;
  for (const [name, file, format] of traces) {
    it(`are the same but for the texts, which are made: ${name}`, async () => {
      const expected: Expected[] = JSON.parse(readFileSync(join(root, "expected", `${name}.json`), "utf8"));
      const loaded = await load(file, {});
      expect(loaded.format).to.equal(format);
      const sessions = await inputsOf(loaded);
      const lines = (payloads: readonly unknown[]) => payloads.map((payload) => withoutTexts(JSON.stringify(payload)));
      expect(sessions.map(({ payloads }) => lines(payloads))).to.deep.equal(expected.map(({ payloads }) => lines(payloads)));
      expectMoments(loaded, expected);
    });
  }

  const publicNames = [
    ...["aimo_aime", "blazedit_5k", "exgentic", "librispeech", "llava_onevision", "mmstar", "mmvu", "spec_al_mtbench"],
    ...["spec_bench", "vision_arena", "voxpopuli"],
  ];
  for (const name of publicNames) {
    it(`are the same of the public dataset ${name}, but for how its media are written`, async () => {
      const expected: Expected[] = JSON.parse(readFileSync(join(root, "expected", `public_${name}.json`), "utf8"));
      const found = publicSetOf({ name, subset: "", filters: {} });
      const { file, format } = "set" in found ? found.set : expect.fail(found.problem);
      const sessions = await inputsOf(await load(join("public", file), {}, format));
      const lines = (payloads: readonly unknown[]) => payloads.map((payload) => withoutMedia(JSON.stringify(payload)));
      expect(sessions.map(({ payloads }) => lines(payloads))).to.deep.equal(expected.map(({ payloads }) => lines(payloads)));
    });
  }
});

function expectMoments({ timestampsMs }: LoadedFile, expected: readonly Expected[]): void {
  const moments = [...(timestampsMs ?? [])].map((ms) => (Number.isNaN(ms) ? null : ms));
  expect(moments).to.deep.equal(moments.length === 0 ? [] : expected.flatMap(({ timestamps }) => timestamps));
}

/** The content of messages that are one text each. */
function withoutTexts(payload: string): string {
  return payload.replaceAll(/"content":"[^"]*"/g, `"content":""`);
}

/** AIPerf writes images anew as JPEG, and samples of audio by way of floats. */
function withoutMedia(payload: string): string {
  const isWav = /"data":"(UklGR[^"]*)"/g;
  return payload.replaceAll(/data:image\/[^"]*/g, "image").replaceAll(isWav, (_, wav: string) => `"data":${wav.length}`);
}
