import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import type { DatasetSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { CommandSchema } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import type { DatasetDescription, DatasetInfo } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import {
  DatasetService,
  type FetchedTurn,
  type PrepareDatasetRequestSchema,
} from "../../../gen/assay/dataset/v1/dataset_service_pb.js";
import { silentLogger } from "../../../services/common/logger.ts";
import type { ServiceModule } from "../../../services/common/module.ts";
import { createChannel } from "../../../services/common/rpc/channel.ts";
import { type Client, createClient } from "../../../services/common/rpc/client.ts";
import { createRpcServer } from "../../../services/common/rpc/server.ts";
import { loadTokenizer } from "../../../services/common/tokenizer/load.ts";
import { tokenizerSource } from "../../../services/common/tokenizer/source.ts";
import { createDatasetModule } from "../../../services/dataset/module.ts";
import { failureOf, Harness, until } from "../rpc/harness.ts";

type Spec = Exclude<MessageInitShape<typeof DatasetSpecSchema>, { $typeName: string }>;
type Request = Exclude<MessageInitShape<typeof PrepareDatasetRequestSchema>, { $typeName: string }>;

const tiny = join(import.meta.dirname, "../../fixtures/tokenizer/tiny");

describe("the dataset service and files", () => {
  const harness = new Harness();
  let folder: string;
  let module: ServiceModule;
  let client: Client<typeof DatasetService>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-dataset-"));
    harness.onClose(() => rm(folder, { recursive: true, force: true }));
    await open(folder);
  });
  afterEach(() => harness.close());

  /** A service that may read below this folder. */
  async function open(root: string | undefined, maxFileBytes = 1 << 25): Promise<void> {
    module = createDatasetModule({ keptDatasets: 2, limits: { root, maxFileBytes } });
    const services = [...module.implementations];
    const server = createRpcServer({ services, listen: {}, auth: { insecure: true }, log: silentLogger });
    const { address } = await server.start();
    harness.onClose(() => server.stop(0));
    const channel = createChannel({ address });
    harness.onClose(() => channel.close());
    client = createClient(DatasetService, channel);
  }

  async function write(name: string, content: string | Uint8Array): Promise<string> {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  }

  const fileSpec = (path: string, value: object = {}, rest: Spec = {}): Spec => ({
    source: { case: "file", value: { path, onBadRow: "fail", ...value } },
    ...rest,
  });

  async function prepare(dataset: Spec, rest: Request = {}): Promise<DatasetInfo> {
    let info: DatasetInfo | undefined;
    for await (const message of client.prepareDataset({ dataset, randomSeed: 5n, ...rest })) info = message.dataset;
    return info ?? expect.fail("no dataset");
  }

  async function messagesOf(datasetId: string, conversations: readonly number[]): Promise<FetchedTurn[][]> {
    const stream = client.fetchTurns();
    const got: FetchedTurn[][] = [];
    stream.onMessage(({ turns }) => got.push(turns));
    stream.send({ message: { case: "hello", value: { protocolVersion: 1, datasetId, workerId: "w", runId: "r" } } });
    const refs = conversations.map((conversation) => ({ conversation: BigInt(conversation), turn: 0 }));
    stream.send({ message: { case: "turns", value: { refs } } });
    await until("the turns", () => got.flat().length === conversations.length);
    stream.end();
    return got;
  }

  async function turnsOf(datasetId: string, conversations: readonly number[]): Promise<FetchedTurn[]> {
    return (await messagesOf(datasetId, conversations)).flat();
  }

  const lines = (...rows: readonly unknown[]): string => rows.map((row) => JSON.stringify(row)).join("\n");

  it("hands out a file's rows with all that they say", async () => {
    const rows = lines(
      { text: "grün 🚂", output_length: 3 },
      { text: "b", role: "system", model: "other", session_id: "s-1", extra: { seed: 7, list: [1] } },
    );
    const info = await prepare(fileSpec(await write("p.jsonl", rows)));
    expect(info).to.include({
      description: "p.jsonl (single_turn)",
      format: "single_turn",
      conversations: 2n,
      turns: 2n,
      turnsEach: 1,
      meanInputTokens: 0,
      meanOutputTokens: 3,
      skippedRows: 0n,
    });
    expect([info.warnings, info.turnCounts]).to.deep.equal([[], []]);
    const [one, other] = (await turnsOf(info.datasetId, [0, 1])).map(({ turn }) => turn);
    expect(one).to.include({ conversation: 0n, maxOutputTokens: 3, inputTokens: 0, model: "", conversationId: "" });
    expect(one?.messages).to.have.lengthOf(1);
    expect(one?.messages[0]).to.include({ role: "user", content: "grün 🚂" });
    expect(other).to.deep.include({
      maxOutputTokens: 0,
      model: "other",
      conversationId: "s-1",
      extraInputs: { seed: 7, list: [1] },
    });
    expect(other?.messages[0]).to.include({ role: "system", content: "b" });
  });

  it("reads a file of many pieces, tells how far it is, and keeps the first rows where not all are wanted", async () => {
    const path = await write(
      "many.jsonl",
      Array.from({ length: 60_000 }, (_, n) => `{"text":"prompt ${n} ${"x".repeat(40)}"}\n`).join(""),
    );
    const rows: number[] = [];
    let info: DatasetInfo | undefined;
    for await (const message of client.prepareDataset({ dataset: fileSpec(path) })) {
      rows.push(Number(message.done));
      info = message.dataset;
    }
    expect(rows.at(-1)).to.equal(60_000);
    expect(rows.length).to.be.greaterThan(1);
    const [last] = await turnsOf(info?.datasetId ?? "", [59_999]);
    expect(last?.turn?.messages[0]?.content).to.match(/^prompt 59999 x/);
    expect(await prepare(fileSpec(path, {}, { entries: 7n }))).to.include({ conversations: 7n });
  });

  it("makes the prompts of a trace when they are fetched, and tells how long they are", async () => {
    const rows = [
      { timestamp: 0, input_length: 200, output_length: 4, hash_ids: [1, 2] },
      { timestamp: 5, input_length: 256, output_length: 4, hash_ids: [1, 2] },
      { timestamp: 9, payload: { prompt: "as it is" } },
    ];
    const info = await prepare(fileSpec(await write("t.jsonl", lines(...rows)), { blockTokens: 128 }));
    expect(info).to.deep.include({ format: "mooncake_trace", meanInputTokens: 228, beginsWithTimestamp: true, warnings: [] });
    expect(info).to.include({ prefixRequests: 2n, prefixBlocks: 4n, prefixUniqueBlocks: 2n, prefixSharedTokens: 256n });
    expect(info).to.include({ prefixHitShare: 0.5, prefixMeanReuse: 0.5 });
    const [one, other, payload] = (await turnsOf(info.datasetId, [0, 1, 2])).map(({ turn }) => turn);
    expect(one).to.include({ inputTokens: 200, maxOutputTokens: 4, timestampMs: 0 });
    expect(one?.recipe).to.equal(undefined);
    const texts = [one, other].map((turn) => turn?.messages[0]?.content ?? "");
    expect(texts.map((text) => countTokens(text))).to.deep.equal([200, 256]);
    expect(texts[1]?.slice(0, 600)).to.equal(texts[0]?.slice(0, 600));
    expect(Buffer.from(payload?.rawBody ?? []).toString()).to.equal('{"prompt":"as it is"}');
  });

  it("asks for a drawn output length where a row names none", async () => {
    const path = await write("p.jsonl", lines({ text: "a" }, { text: "b", output_length: 9 }));
    const info = await prepare(fileSpec(path, { outputTokens: { mean: 40, stddev: 0 } }));
    expect(info.meanOutputTokens).to.equal(24.5);
    expect((await turnsOf(info.datasetId, [0, 1])).map(({ turn }) => turn?.maxOutputTokens)).to.deep.equal([40, 9]);
  });

  const pixel = Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==",
    "base64",
  );

  it("reads media that rows name beside the file, and not from elsewhere", async () => {
    await mkdir(join(folder, "in/pictures"), { recursive: true });
    await write("in/pictures/a.png", pixel);
    await write("in/note.txt", "no picture");
    await write("outside.png", pixel);
    await symlink(join(folder, "outside.png"), join(folder, "in/link.png"));
    const path = await write("in/p.jsonl", '{"text":"what?","image":"pictures/a.png"}\n{"images":["./pictures/a.png"]}\n');
    await open(join(folder, "in"));
    const info = await prepare(fileSpec(path));
    const [first, second] = await turnsOf(info.datasetId, [0, 1]);
    const url = `data:image/png;base64,${pixel.toString("base64")}`;
    expect(first?.turn?.messages[0]?.parts.map(({ content }) => content)).to.deep.equal(["what?", url]);
    expect(second?.turn?.messages[0]?.parts.map(({ content }) => content)).to.deep.equal([url]);

    const outside = `is not below ${join(folder, "in")}, the folder that this suite may read from`;
    const flac = await readFile(join(import.meta.dirname, "../../fixtures/flac/mono-8.flac"));
    await write("in/speech.flac", flac);
    const { datasetId: spoken } = await prepare(fileSpec(await write("in/s.jsonl", '{"text":"?","audio":"speech.flac"}\n')));
    const [said] = await turnsOf(spoken, [0]);
    expect(said?.turn?.messages[0]?.parts.at(-1)?.content).to.match(/^data:audio\/wav;base64,UklGR/);
    for (const [image, problem] of [
      ["../outside.png", outside],
      ["link.png", outside],
      ["/etc/passwd", outside],
      ["note.txt", "expected a file of png, jpeg, gif, webp, got something else"],
      ["pictures", "is no file"],
      ["gone.png", `there is no such file (looked for ${join(folder, "in/gone.png")})`],
    ] as const) {
      const bad = await write("in/bad.jsonl", `{"text":"a"}\n${JSON.stringify({ text: "b", image })}\n`);
      const error = await failureOf(prepare(fileSpec(bad)));
      expect(error.message).to.equal(`${bad}, line 2, column 13: image: ${JSON.stringify(image)}: ${problem}`);
    }
  });

  it("finds files that rows name in the folder that the spec says, below the one that may be read", async () => {
    await mkdir(join(folder, "work"));
    await mkdir(join(folder, "spool"));
    await write("work/a.png", pixel);
    const path = await write("spool/input", '{"text":"what?","image":"a.png"}\n');
    const info = await prepare(fileSpec(path, { mediaFolder: join(folder, "work") }));
    const [turn] = await turnsOf(info.datasetId, [0]);
    expect(turn?.turn?.messages[0]?.parts[1]?.content).to.equal(`data:image/png;base64,${pixel.toString("base64")}`);
    const elsewhere = await failureOf(prepare(fileSpec(path, { mediaFolder: "/" })));
    expect([elsewhere.code, elsewhere.violations[0]?.field]).to.deep.equal(["permission_denied", "dataset.file.media_folder"]);
    expect((await failureOf(prepare(fileSpec(path)))).message).to.contain("looked for");
  });

  it("says what it left out, and what it does not know", async () => {
    const rows = `{"text":"a","id":1}\n{"text":"b"\n{"image":"x"}\n{"text":"c","id":2,"output_lenght":3}\n`;
    const path = await write("p.jsonl", rows);
    const info = await prepare(fileSpec(path, { onBadRow: "skip" }));
    expect(info).to.include({ conversations: 2n, skippedRows: 2n });
    expect(info.warnings).to.deep.equal([
      "p.jsonl: 2 of 4 rows were left out",
      "p.jsonl, line 2, column 12: expected a comma or }, got the end of the line",
      `p.jsonl, line 3, column 2: image: "x": there is no such file (looked for ${folder}/x)`,
      "p.jsonl: fields that single_turn does not have were left out: id (2 rows), output_lenght (1 rows, did you mean output_length?)",
    ]);
    const error = await failureOf(prepare(fileSpec(path)));
    expect(error.message).to.equal(`${path}, line 2, column 12: expected a comma or }, got the end of the line`);
    expect(error).to.include({ code: "invalid_argument", reason: "BAD_DATASET" });
    expect(error.metadata).to.deep.equal({ file: path, line: "2", column: "12" });
    expect(error.violations.map(({ field }) => field)).to.deep.equal(["dataset.file.path"]);
  });

  it("shows the first ten rows that were left out, a line each, and how the file was read", async () => {
    const rows = Array.from({ length: 14 }, (_, n) => (n === 3 ? '{"text":"a"}' : "{"));
    const info = await prepare(fileSpec(await write("p.jsonl", rows.join("\n")), { onBadRow: "skip" }));
    expect(info.warnings).to.have.lengthOf(12);
    expect(info.warnings.slice(0, 2)).to.deep.equal([
      "p.jsonl: 13 of 14 rows were left out",
      "p.jsonl, line 1, column 2: expected a name in double quotes, or }, got the end of the line (read as JSON lines, by its name)",
    ]);
    expect(info.warnings.at(-1)).to.equal("p.jsonl: and 3 more");
    expect(info.file).to.deep.include({
      name: "p.jsonl",
      containers: ["jsonl"],
      formatReason: "its first row has text",
      rows: 14n,
      files: 1n,
      leftOut: [],
    });
    expect(info.file?.firstSkipped).to.have.lengthOf(10);
  });

  it("calls the file as it is asked to", async () => {
    const path = await write("p.jsonl", lines({ text: "a" }));
    const info = await prepare(fileSpec(path, { name: "standard input" }));
    expect(info).to.include({ description: "standard input (single_turn)" });
    const error = await failureOf(prepare(fileSpec(await write("p.jsonl", "{"), { name: "standard input" })));
    expect(error.message).to.match(/^standard input, line 1, column 2: expected a name/);
  });

  it("reads the requests of a batch to where the run sends them, and no others", async () => {
    const batch = (url: string) => lines({ custom_id: "r", method: "POST", url, body: { prompt: "a", max_tokens: 3 } });
    const path = await write("batch.jsonl", batch("/v1/completions"));
    const info = await prepare(fileSpec(path), { endpoint: { type: "completions" } });
    const [turn] = await turnsOf(info.datasetId, [0]);
    expect(Buffer.from(turn?.turn?.rawBody ?? []).toString()).to.equal('{"prompt":"a","max_tokens":3}');
    expect(turn?.turn).to.include({ conversationId: "r", maxOutputTokens: 3 });
    const error = await failureOf(prepare(fileSpec(path)));
    expect(error.message).to.contain("url: expected /v1/chat/completions, which the run sends to");
    await prepare(fileSpec(path), { endpoint: { path: "/completions" } });
  });

  it("says that batch sizes have no effect on what is no pool", async () => {
    const path = await write("p.jsonl", lines({ text: "a" }));
    expect((await prepare(fileSpec(path, { imageBatchSize: 2 }))).warnings).to.deep.equal([
      "p.jsonl: batch sizes have no effect on single_turn, they are random_pool's",
    ]);
    const pool = await prepare(fileSpec(path, { format: "random_pool", textBatchSize: 2 }, { entries: 3n }));
    expect([pool.conversations, pool.warnings]).to.deep.equal([3n, []]);
  });

  it("counts ShareGPT's texts by the run's tokenizer, and needs one", async () => {
    const said = (from: string, value: string) => ({ from, value });
    const conversations = [said("human", "The cat and the dog"), said("gpt", "The dog and the cat and the end")];
    await open("/");
    const path = await write("share.json", JSON.stringify([{ id: "a", conversations }]));
    const info = await prepare(fileSpec(path), { tokenizer: { name: tiny } });
    expect(info).to.include({ format: "sharegpt", conversations: 1n });
    const count = await loadTokenizer(tokenizerSource(tiny) ?? { kind: "none" });
    expect(info.meanOutputTokens).to.equal(count?.("The dog and the cat and the end"));
    const error = await failureOf(prepare(fileSpec(path), { tokenizer: { name: "none" } }));
    expect(error.message).to.contain("tokenizer.name: the dataset is measured in tokens");
  });

  it("refuses a format that there is not by its name, with those that there are", async () => {
    const path = await write("p.jsonl", lines({ text: "a" }));
    const error = await failureOf(prepare(fileSpec(path, { format: "single_trun" })));
    expect(error).to.include({ code: "invalid_argument" });
    expect(error.message).to.match(/there is no format single_trun, did you mean single_turn\?; there are random_pool, /);
    expect(error.violations.map(({ field }) => field)).to.deep.equal(["dataset.file.format"]);
    expect((await prepare(fileSpec(path, { format: "single_turn" }))).file).to.include({ formatReason: "" });
  });

  const refused: readonly (readonly [what: string, code: string, message: RegExp, make: () => Promise<string>])[] = [
    ["a file that is not there", "not_found", /there is no such file/, async () => join(folder, "gone")],
    ["a file below a file", "not_found", /there is no such file/, async () => join(await write("p", "x"), "q")],
    ["a folder without files", "invalid_argument", /holds no file that ends with .jsonl.*: it is empty/, async () => folder],
    ["an empty file", "invalid_argument", /the file holds no rows/, () => write("empty", "")],
    ["a file of no format", "invalid_argument", /no format that is known/, () => write("m", lines({ prompts: [] }))],
    [
      "a file that is too large",
      "resource_exhausted",
      /has more than 1048576 bytes/,
      () => write("l", "\n".repeat((1 << 20) + 1)),
    ],
    [
      "a pipe that nobody writes into",
      "invalid_argument",
      /is no file/,
      async () => {
        execFileSync("mkfifo", [join(folder, "pipe")]);
        return join(folder, "pipe");
      },
    ],
    ["a path with a null byte", "invalid_argument", /cannot be read/, async () => join(folder, "a\0b")],
  ];
  for (const [what, code, message, make] of refused) {
    it(`refuses ${what}`, async () => {
      await open(folder, 1 << 20);
      const error = await failureOf(prepare(fileSpec(await make())));
      expect(error.message).to.match(message);
      expect(error).to.include({ code });
      expect(error.violations.map(({ field }) => field)).to.deep.equal(["dataset.file.path"]);
    });
  }

  it("reads a line of many MiB, and no turn that would not fit into a message", async () => {
    const text = "x".repeat(7 << 20);
    const info = await prepare(fileSpec(await write("long.jsonl", lines({ text }, { text: "b" }))));
    const [turn] = await turnsOf(info.datasetId, [0]);
    expect(turn?.turn?.messages[0]?.content.length).to.equal(text.length);
    const turns = Array.from({ length: 4 }, () => ({ text }));
    expect(await prepare(fileSpec(await write("session.jsonl", lines({ turns }))))).to.deep.include({ turns: 4n });
    const error = await failureOf(prepare(fileSpec(await write("longer.jsonl", lines({ text: "x".repeat(16 << 20) })))));
    expect(error.message).to.contain("line 1, column 1: turn 1 of 1 is longer than the 15728640 bytes that are sent");
  });

  describe("of 10 GB", () => {
    const size = 10 * 2 ** 30;
    let path: string;

    /** Three rows, and zeros behind them, which take no room on the disk. */
    beforeEach(async () => {
      path = await write("huge.jsonl", `${lines({ text: "a" }, { text: "b" }, { text: "c" })}\n`);
      await truncate(path, size);
    });

    it("are refused before they are read, by what they have", async () => {
      const error = await failureOf(prepare(fileSpec(path)));
      expect(error.message).to.contain(`huge.jsonl: has more than ${1 << 25} bytes (--max-dataset-bytes)`);
    });

    it("are read as far as their first rows are wanted", async () => {
      expect(await prepare(fileSpec(path, {}, { entries: 3n }))).to.deep.include({ conversations: 3n });
    });

    it("are read in pieces where they may be that large: not more of them is in memory than the longest row has", async () => {
      await open(folder, 2 * size);
      const beforeKb = process.resourceUsage().maxRSS;
      const error = await failureOf(prepare(fileSpec(path)));
      expect(error.message).to.match(/huge\.jsonl, line 4, column 1: .*67108864/);
      expect((process.resourceUsage().maxRSS - beforeKb) / 1024, "MB more at most").to.be.below(512);
    });
  });

  it("hands out large extra inputs a few at a time, each whole", async () => {
    const extra = { list: Array.from({ length: 50_000 }, () => 0) };
    const rows = Array.from({ length: 8 }, () => ({ text: "a", extra }));
    const { datasetId } = await prepare(fileSpec(await write("extra.jsonl", lines(...rows))));
    const messages = await messagesOf(datasetId, [...rows.keys()]);
    expect(messages.length).to.be.greaterThan(2);
    for (const { turn } of messages.flat())
      expect(Array.isArray(turn?.extraInputs?.list) && turn.extraInputs.list.length).to.equal(50_000);
  });

  describe("which may be read", () => {
    let outside: string;
    beforeEach(async () => {
      outside = await mkdtemp(join(tmpdir(), "assay-outside-"));
      harness.onClose(() => rm(outside, { recursive: true, force: true }));
      await writeFile(join(outside, "secret.jsonl"), lines({ text: "secret" }));
      await writeFile(join(outside, "tokenizer.json"), "secret");
    });

    const denied = async (paths: readonly string[], as: (path: string) => [Spec, Request]): Promise<void> => {
      for (const path of paths) {
        const error = await failureOf(prepare(...as(path)));
        expect(error, path).to.include({ code: "permission_denied" });
        expect(error.message, path).to.not.contain("no such file");
        expect(error.violations, path).to.have.lengthOf(1);
      }
    };

    it("are none where no folder was named", async () => {
      await open(undefined);
      const path = await write("p.jsonl", lines({ text: "a" }));
      await denied([path, join(folder, "gone")], (denied) => [fileSpec(denied), {}]);
      await denied([tiny], (name) => [{}, { tokenizer: { name } }]);
    });

    it("are those below the folder, wherever links lead", async () => {
      await mkdir(join(folder, "sub"));
      const good = join(folder, "sub", "p.jsonl");
      await writeFile(good, lines({ text: "a" }));
      await symlink(good, join(folder, "inner"));
      await symlink(join(outside, "secret.jsonl"), join(folder, "link"));
      await symlink(outside, join(folder, "away"));
      for (const path of [good, join(folder, "inner"), join(folder, "sub", "..", "sub", "p.jsonl")]) {
        expect(await prepare(fileSpec(path)), path).to.include({ conversations: 1n });
      }
      const bad = [
        join(outside, "secret.jsonl"),
        join(outside, "gone"),
        join(folder, "link"),
        join(folder, "away", "secret.jsonl"),
        `${folder}/../${outside.split("/").at(-1)}/secret.jsonl`,
        `${folder}-other`,
        "/etc/passwd",
      ];
      await denied(bad, (path) => [fileSpec(path), {}]);
      await denied([outside, join(folder, "away")], (name) => [{}, { tokenizer: { name } }]);
    });

    it("are all of the host where the folder is the root", async () => {
      await open("/");
      expect(await prepare(fileSpec(join(outside, "secret.jsonl")))).to.include({ conversations: 1n });
    });
  });

  describe("prepared for a run", () => {
    const command = (action: object, runId = "run") =>
      module.onCommand?.(create(CommandSchema, { runId, action } as never), AbortSignal.timeout(10_000));
    const datasets = (): number => module.counters?.().datasets ?? -1;
    const configure = async (dataset: Spec, seed = 5n): Promise<string> => {
      const outcome = await command({ case: "configure", value: { spec: { dataset, randomSeed: seed } } });
      return outcome?.case === "dataset" ? outcome.value.datasetId : "";
    };

    it("are what the run uses, though the file is gone by then", async () => {
      const path = await write("p.jsonl", lines({ text: "a" }));
      const { datasetId } = await prepare(fileSpec(path), { runId: "run" });
      await rm(path);
      expect(await configure(fileSpec(path))).to.equal(datasetId);
      expect(datasets()).to.equal(1);
    });

    it("are made again where the run wants something else", async () => {
      const path = await write("p.jsonl", lines({ text: "a" }));
      const { datasetId } = await prepare(fileSpec(path), { runId: "run" });
      expect(await configure(fileSpec(path), 6n)).to.not.be.oneOf(["", datasetId]);
      expect(datasets(), "what was prepared first is forgotten").to.equal(1);
    });

    it("are forgotten when the run is finished, before or after it began", async () => {
      const path = await write("p.jsonl", lines({ text: "a" }));
      await prepare(fileSpec(path), { runId: "run" });
      await prepare(fileSpec(path), { runId: "other" });
      await command({ case: "finish", value: {} });
      expect(datasets()).to.equal(1);
    });
  });

  it("stops reading when nobody waits any more", async () => {
    const path = await write("many.jsonl", Array.from({ length: 200_000 }, (_, n) => `{"text":"prompt ${n}"}\n`).join(""));
    const given = new AbortController();
    const seen = failureOf(
      (async () => {
        for await (const _ of client.prepareDataset({ dataset: fileSpec(path) }, { signal: given.signal })) given.abort();
      })(),
    );
    expect((await seen).code).to.equal("cancelled");
    expect(module.counters?.().datasets).to.equal(0);
  });

  it("says of every turn whether a request can be made of it, once its model is known", async () => {
    const step = { A: [1, 2], B: ["x"] };
    const streams = [
      [step],
      [step, { ...step, A: { content: [1, 2, 3], shape: [3] } }, { ...step, A: [300, 1] }],
      [{ B: ["y"] }],
    ];
    const expected = streams.map((steps) => steps.map(() => ({ OUT: [1] })));
    const { datasetId } = await prepare(
      fileSpec(await write("p.json", JSON.stringify({ data: streams, validation_data: expected }))),
    );
    const tensor = (name: string, datatype: string) => ({ name, datatype, shape: [2n], isOptional: false });
    const check = (outputs: ReturnType<typeof tensor>[]) => {
      const model = {
        model: "m",
        maxBatchSize: 0,
        inputs: [tensor("A", "UINT8"), { ...tensor("B", "BYTES"), shape: [1n] }],
        outputs,
      };
      return client.checkTurns({ datasetId, spec: { models: ["m"], endpoint: { type: "tensor", modelTensors: [model] } } });
    };
    expect(await check([{ ...tensor("OUT", "FP32"), shape: [1n] }])).to.deep.include({
      turns: 5n,
      unsendable: 2n,
      problem: "stream 2, step 2: tensor A: shape must be [2], got [3]; model m takes A UINT8 [2], B BYTES [1]",
    });
    expect(await check([])).to.deep.include({
      unsendable: 5n,
      problem: "stream 1, step 1: model m has no output OUT, which is expected; model m gives none",
    });
    expect(await failureOf(client.checkTurns({ datasetId: "gone" }))).to.include({ code: "not_found" });
  });

  describe("described", () => {
    const describeIt = async (datasetId: string, rest: object = {}): Promise<DatasetDescription> => {
      let description: DatasetDescription | undefined;
      for await (const message of client.describeDataset({ datasetId, models: ["m"], ...rest }))
        description = message.description;
      return description ?? expect.fail("no description");
    };

    it("says how long turns are, and what the first requests will be", async () => {
      const rows = lines({ text: "Hello there", output_length: 5 }, { text: "b", extra: { seed: 1 } }, { text: "c" });
      const { datasetId } = await prepare(fileSpec(await write("p.jsonl", rows)));
      const seen = await describeIt(datasetId, { requests: 2, endpoint: { type: "completions", path: "/own" } });
      expect(seen.info).to.include({ datasetId, conversations: 3n });
      expect(seen.inputTokens).to.include({ count: 3n, min: 1, max: 2 });
      expect(seen.outputTokens).to.include({ count: 1n, mean: 5 });
      const bodies = seen.firstRequests.map(({ body }) => JSON.parse(new TextDecoder().decode(body)));
      expect(bodies).to.deep.equal([
        { model: "m", prompt: "Hello there", stream: false, max_tokens: 5 },
        { model: "m", prompt: "b", stream: false, seed: 1 },
      ]);
      for (const { body, bodyBytes, method, path } of seen.firstRequests) {
        expect([method, path, Number(bodyBytes)]).to.deep.equal(["POST", "/own", body.length]);
      }
      expect((await describeIt(datasetId, { tokenizer: { name: "none" } })).inputTokens).to.equal(undefined);
    });

    it("shows tensors as the file has them, whose model nobody has asked", async () => {
      const many = Array.from({ length: 300 }, (_, index) => index);
      const data = [
        { A: { content: [1, 2], shape: [2] }, B: ["x"] },
        { A: { b64: "AACAPw==" }, B: many },
      ];
      const { datasetId } = await prepare(fileSpec(await write("p.json", JSON.stringify({ data }))));
      const { firstRequests } = await describeIt(datasetId, { requests: 2, endpoint: { type: "tensor" } });
      expect(firstRequests.map(({ body }) => JSON.parse(new TextDecoder().decode(body)))).to.deep.equal([
        {
          model_name: "m",
          inputs: [
            { name: "A", shape: [2], data: [1, 2] },
            { name: "B", data: ["x"] },
          ],
        },
        {
          model_name: "m",
          inputs: [
            { name: "A", b64: "AACAPw==" },
            { name: "B", data: many.slice(0, 256), cut_elements: 44 },
          ],
        },
      ]);
    });

    it("cuts media and what is long, and says how long the body is", async () => {
      const url = `data:image/png;base64,${"A".repeat(100_000)}`;
      const extra = { image: url, noise: "y".repeat(300_000), list: [{ inner: "B".repeat(5000) }] };
      const { datasetId } = await prepare(fileSpec(await write("p.jsonl", lines({ text: "a", extra }))));
      const [request] = (await describeIt(datasetId, { requests: 1 })).firstRequests;
      const text = new TextDecoder().decode(request?.body);
      expect(text).to.contain(`"image":"${url.slice(0, 48)}… (${url.length} characters)"`);
      expect(text).to.contain("BBBB… (5000 characters)");
      expect(text.length).to.be.lessThan(2000);
      expect(Number(request?.bodyBytes)).to.be.greaterThan(400_000);
    });

    it("is refused by name where it cannot be", async () => {
      const { datasetId } = await prepare(fileSpec(await write("p.jsonl", lines({ text: "a" }))));
      expect(await failureOf(describeIt("gone"))).to.include({ code: "not_found" });
      for (const rest of [{ endpoint: { type: "nothing" } }, { tokenizer: { name: "gpt2" } }, { requests: 1001 }]) {
        expect(await failureOf(describeIt(datasetId, rest)), JSON.stringify(rest)).to.include({ code: "invalid_argument" });
      }
    });

    it("lets others be served meanwhile, and ends when nobody waits any more", async () => {
      const rows = Array.from({ length: 5000 }, (_, n) => `{"text":"${`word ${n} `.repeat(200)}"}\n`).join("");
      const { datasetId } = await prepare(fileSpec(await write("many.jsonl", rows)));
      const given = new AbortController();
      const describing = failureOf(
        (async () => {
          for await (const _ of client.describeDataset({ datasetId }, { signal: given.signal })) {
            expect((await client.getDataset({ datasetId })).dataset).to.include({ datasetId });
            given.abort();
          }
        })(),
      );
      expect(await describing).to.include({ code: "cancelled" });
    });
  });

  describe("and tokenizers", () => {
    const synthetic = (tokens: number): Spec => ({
      source: { case: "synthetic", value: { inputTokens: { mean: tokens, stddev: 0 } } },
      entries: 20n,
    });

    for (const name of [tiny, "cl100k_base", "r50k_base", "o200k_harmony"]) {
      it(`makes prompts of exactly the length asked for by ${name === tiny ? "a tokenizer.json" : name}`, async () => {
        const source = tokenizerSource(name);
        const count = source && (await loadTokenizer(source));
        await open(tiny);
        for (const tokens of [1, 7, 200]) {
          const info = await prepare(synthetic(tokens), { tokenizer: { name } });
          expect(info.meanInputTokens).to.equal(tokens);
          for (const { turn } of await turnsOf(info.datasetId, [0, 1, 2, 19])) {
            expect(turn?.inputTokens).to.equal(tokens);
            expect(count?.(turn?.messages[0]?.content ?? "")).to.equal(tokens);
          }
        }
      });
    }

    it("says where prompts have only about that length, and lets them be counted", async () => {
      // One token for every two letters, also across words.
      const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ,.";
      const pairs = [...letters].flatMap((one) => [...letters].map((other) => one + other));
      const vocab = Object.fromEntries([...letters, ...pairs].map((token, id) => [token, id]));
      const merges = pairs.map((pair) => [pair[0], pair[1]]);
      const model = { type: "BPE", vocab, merges, unk_token: "a" };
      const parts = { added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null };
      const name = await write("pairs.json", JSON.stringify({ ...parts, model }));
      const info = await prepare(synthetic(50), { tokenizer: { name } });
      expect(info.warnings.join()).to.contain("prompts have about the length asked for");
      const [fetched] = await turnsOf(info.datasetId, [3]);
      expect(fetched?.turn?.inputTokens).to.equal(0);
      const count = await loadTokenizer({ kind: "path", path: name });
      expect(count?.(fetched?.turn?.messages[0]?.content ?? "")).to.be.within(25, 75);
    });

    it("are loaded before the run also where prompts come from a file, and refused by name", async () => {
      const dataset = fileSpec(await write("p.jsonl", lines({ text: "a" })));
      expect(await prepare(dataset, { tokenizer: { name: "none" } })).to.include({ conversations: 1n });
      const broken = await write("tokenizer.json", "{}");
      for (const name of [broken, folder, join(folder, "gone"), "npm:no-such-package"]) {
        const error = await failureOf(prepare(dataset, { tokenizer: { name } }));
        expect(
          error.violations.map(({ field }) => field),
          name,
        ).to.deep.equal(["tokenizer.name"]);
        expect(error.code, name).to.be.oneOf(["invalid_argument", "not_found"]);
      }
      expect(await failureOf(prepare(dataset, { tokenizer: { name: "gpt2" } }))).to.include({ code: "invalid_argument" });
    });
  });
});
