import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { decode } from "jpeg-js";
import { PNG } from "pngjs";
import { DatasetSpecSchema, type SyntheticDatasetSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import type { DatasetDescription, DatasetInfo, Turn } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { DatasetService, type FetchedTurn } from "../../../gen/assay/dataset/v1/dataset_service_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import { createChannel } from "../../../services/common/rpc/channel.ts";
import { type Client, createClient } from "../../../services/common/rpc/client.ts";
import { createRpcServer } from "../../../services/common/rpc/server.ts";
import { jpegFile } from "../../../services/dataset/core/media/jpeg.ts";
import { compressedPng } from "../../../services/dataset/core/media/png.ts";
import { encode, findFfmpeg } from "../../../services/dataset/media/ffmpeg.ts";
import { createDatasetModule } from "../../../services/dataset/module.ts";
import { failureOf, Harness, until } from "../rpc/harness.ts";

type Synthetic = Exclude<MessageInitShape<typeof SyntheticDatasetSchema>, { $typeName: string }>;

const size = (mean: number) => ({ mean });
const images = { width: size(24), height: size(16) };
const bytesOf = (url = "") => Buffer.from(url.slice(url.indexOf(",") + 1), "base64");
/** A picture of one colour. */
const picture = (red: number) => ({
  width: 40,
  height: 40,
  rgb: new Uint8Array(4800).map((_, index) => (index % 3 === 0 ? red : 0)),
});
const tools = { crc32: (bytes: Uint8Array) => crc32(bytes), deflate: (bytes: Uint8Array) => deflateSync(bytes) };

describe("synthetic media of the dataset service", function () {
  // Threads are started.
  this.timeout(20_000);
  const harness = new Harness();
  const path = process.env.PATH;
  let root: string;
  let client: Client<typeof DatasetService>;

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), "assay-media-"));
    harness.onClose(() => rmSync(root, { recursive: true }));
    const module = createDatasetModule({ keptDatasets: 2, limits: { root, maxFileBytes: 1 << 20 } });
    harness.onClose(() => module.stop(0));
    const server = createRpcServer({
      services: [...module.implementations],
      listen: {},
      auth: { insecure: true },
      log: silentLogger,
    });
    const { address } = await server.start();
    harness.onClose(() => server.stop(0));
    const channel = createChannel({ address });
    harness.onClose(() => channel.close());
    client = createClient(DatasetService, channel);
  });
  afterEach(() => {
    if (path !== undefined) process.env.PATH = path;
    return harness.close();
  });

  async function prepare(synthetic: Synthetic, entries = 3n): Promise<DatasetInfo> {
    const source = { case: "synthetic", value: { inputTokens: size(8), ...synthetic } } as const;
    let info: DatasetInfo | undefined;
    const dataset = create(DatasetSpecSchema, { source, entries });
    for await (const message of client.prepareDataset({ dataset, randomSeed: 7n })) info = message.dataset ?? info;
    return info ?? expect.fail("nothing was prepared");
  }

  /** Turns of a dataset, asked for at once. */
  async function fetched(datasetId: string, refs: readonly (readonly [number, number])[]): Promise<FetchedTurn[]> {
    const stream = client.fetchTurns();
    const got: FetchedTurn[] = [];
    stream.onMessage(({ turns }) => got.push(...turns));
    stream.send({ message: { case: "hello", value: { protocolVersion: 1, runId: "r", datasetId, workerId: "w" } } });
    const wanted = refs.map(([conversation, turn]) => ({ conversation: BigInt(conversation), turn }));
    stream.send({ message: { case: "turns", value: { refs: wanted } } });
    await until("all turns", () => got.length === refs.length);
    stream.end();
    return got;
  }

  const first = async (synthetic: Synthetic): Promise<Turn> => {
    const { datasetId } = await prepare(synthetic);
    const [turn] = await fetched(datasetId, [[0, 0]]);
    return turn?.turn ?? expect.fail(turn?.missing);
  };
  const partsOf = ({ messages }: Turn) => messages.at(-1)?.parts ?? [];

  it("stand behind the text in the order asked, and decode to what was asked for", async () => {
    const audio = { lengthSec: size(0.1), batchSize: 1 };
    const { datasetId, description } = await prepare({ images: { ...images, batchSize: 2 }, audio });
    expect(description).to.equal("synthetic prose with 2 images, 1 audio a turn");
    const refs = [
      [2, 0],
      [0, 0],
      [1, 0],
      [9, 0],
      [2, 0],
    ] as const;
    const turns = await fetched(datasetId, refs);
    expect(turns.map(({ ref }) => Number(ref?.conversation))).to.deep.equal([2, 0, 1, 9, 2]);
    expect(turns[3]?.missing).to.include("asked for conversation 9");
    expect(turns[4]?.turn).to.deep.equal(turns[0]?.turn);
    const parts = partsOf(turns[0]?.turn ?? expect.fail());
    expect(parts.map(({ modality }) => modality)).to.deep.equal(["text", "image", "image", "audio"]);
    const pictures = parts.slice(1, 3).map(({ content }) => PNG.sync.read(bytesOf(content)));
    for (const { width, height } of pictures) expect([width, height]).to.deep.equal([24, 16]);
    expect(pictures[0]?.data).to.not.deep.equal(pictures[1]?.data);
    expect(parts[3]?.content).to.match(/^data:audio\/wav;base64,UklGR/);
    expect(bytesOf(parts[3]?.content)).to.have.length(44 + 2 * 1600);
  });

  it("are the same for the same seed and others in each turn, and leave the text as it is", async () => {
    const one = await first({ images });
    expect(await first({ images })).to.deep.equal(one);
    const plain = await first({});
    expect(plain.messages[0]?.content).to.equal(one.messages[0]?.content).and.not.equal("");
    expect(plain.inputTokens).to.equal(one.inputTokens).and.equal(8);
    const { datasetId } = await prepare({ images, turns: size(2) });
    const urls = (
      await fetched(datasetId, [
        [0, 0],
        [0, 1],
        [1, 0],
      ])
    ).map(({ turn }) => turn && partsOf(turn)[1]?.content);
    expect(new Set(urls).size).to.equal(3);
    expect(urls[0]).to.equal(partsOf(one)[1]?.content);
  });

  it("keep nobody waiting who asks for something else while they are made", async () => {
    // More than stays: the last ones are made when they are asked for.
    const entries = 34;
    const wanted = 10;
    const large = await prepare({ images: { width: size(1200), height: size(1200), batchSize: 1 } }, BigInt(entries));
    const plain = await prepare({});
    const stream = client.fetchTurns();
    let made = 0;
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    stream.onMessage(({ turns }) => {
      made += turns.length;
      resolve();
    });
    const { datasetId } = large;
    stream.send({ message: { case: "hello", value: { protocolVersion: 1, runId: "r", datasetId, workerId: "w" } } });
    const refs = Array.from({ length: wanted }, (_, index) => ({ conversation: BigInt(entries - wanted + index), turn: 0 }));
    stream.send({ message: { case: "turns", value: { refs } } });
    await begun;
    const [turn] = await fetched(plain.datasetId, [[0, 0]]);
    const { datasets } = await client.listDatasets({});
    expect(turn?.turn?.messages).to.have.length(1);
    expect(datasets).to.be.an("array");
    expect(made).to.be.below(wanted);
    await until("all media", () => made === wanted);
    stream.end();
  }).timeout(60_000);

  it("go without a text where there is to be none", async () => {
    const turn = await first({ images, textBatchSize: 0 });
    expect(partsOf(turn).map(({ modality }) => modality)).to.deep.equal(["image"]);
    expect(turn.inputTokens).to.equal(0);
  });

  it("are JPEG files where that is asked for", async () => {
    const [, image] = partsOf(await first({ images: { ...images, format: "jpeg" } }));
    expect(image?.content).to.match(/^data:image\/jpeg;base64,/);
    expect(decode(bytesOf(image?.content))).to.include({ width: 24, height: 16 });
  });

  it("are made of a folder's pictures, scaled", async () => {
    mkdirSync(join(root, "pics"));
    writeFileSync(join(root, "pics", "b.png"), compressedPng(picture(200), tools));
    writeFileSync(join(root, "pics", "a.JPG"), jpegFile(picture(90)));
    writeFileSync(join(root, "pics", "notes.txt"), "not one");
    const source = { source: join(root, "pics"), sourceSampling: "sequential-cycle" };
    const { datasetId, warnings } = await prepare({ images: { ...images, ...source } });
    expect(warnings).to.deep.equal([`${join(root, "pics")}: 1 of 3 files are neither .png nor .jpg and are left out`]);
    const turns = await fetched(datasetId, [
      [0, 0],
      [1, 0],
      [2, 0],
    ]);
    const reds = turns.map(({ turn }) => PNG.sync.read(bytesOf(turn && partsOf(turn)[1]?.content)).data[0] ?? 0);
    expect(reds[0]).to.be.closeTo(90, 4);
    expect(reds[1]).to.equal(200);
    expect(reds[2]).to.equal(reds[0]);
  });

  it("are refused before anything is sent where a folder cannot be used", async () => {
    mkdirSync(join(root, "empty"));
    mkdirSync(join(root, "false"));
    writeFileSync(join(root, "false", "a.png"), "GIF89a, not what its name says");
    mkdirSync(join(root, "damaged"));
    writeFileSync(join(root, "damaged", "a.png"), compressedPng(picture(1), tools).subarray(0, 90));
    mkdirSync(join(root, "out"));
    symlinkSync("/etc/hostname", join(root, "out", "a.png"));
    const refusal = async (source: string) => {
      const error = await failureOf(prepare({ images: { ...images, source } }));
      expect(error.violations.map(({ field }) => field)).to.deep.equal(["dataset.synthetic.images.source"]);
      return error;
    };
    expect((await refusal(join(root, "none"))).code).to.equal("not_found");
    expect((await refusal("/etc")).code).to.equal("permission_denied");
    expect((await refusal(join(root, "out"))).code).to.equal("permission_denied");
    expect((await refusal(join(root, "empty"))).message).to.include("there is no file that ends with .png");
    expect((await refusal(join(root, "false"))).message).to.include("expected a PNG or JPEG file, got image/gif");
    expect((await refusal(join(root, "damaged"))).message).to.include("picture ");
  });

  it("that are too large to be sent are refused before they are made", async () => {
    const error = await failureOf(prepare({ images: { width: size(4000), height: size(4000) } }));
    expect(error.code).to.equal("resource_exhausted");
    expect(error.message).to.match(/^dataset\.synthetic\.images: conversation 0, turn 0: its media have \d+ characters/);
  });

  it("are described by their number and sizes", async () => {
    const { datasetId } = await prepare({ images: { ...images, batchSize: 2 } }, 5n);
    let description: DatasetDescription | undefined;
    for await (const message of client.describeDataset({ datasetId, models: ["m"], requests: 1 }))
      description = message.description;
    const [media, more] = description?.media ?? [];
    expect(more).to.equal(undefined);
    expect(media).to.include({ modality: "image", turns: 5n, count: 10n });
    expect(media?.bytes).to.deep.include({ count: 10n, min: 1236, max: 1236 });
    const body = JSON.parse(new TextDecoder().decode(description?.firstRequests[0]?.body));
    expect(body.messages[0].content.map(({ type }: { type: string }) => type)).to.deep.equal(["text", "image_url", "image_url"]);
    expect(body.messages[0].content[1].image_url.url).to.match(/^data:image\/png;base64,.{20,30}… \(\d+ characters\)$/);
  });

  it("that ffmpeg would make are refused where there is none", async () => {
    process.env.PATH = root;
    const video = await failureOf(prepare({ video: { width: 32, height: 32 } }));
    expect(video).to.include({ code: "failed_precondition" });
    expect(video.violations).to.deep.equal([
      {
        field: "dataset.synthetic.video",
        description: "videos are made by ffmpeg, and there is none in the PATH of the dataset service's host",
      },
    ]);
    const audio = await failureOf(prepare({ audio: { lengthSec: size(1), format: "mp3" } }));
    expect(audio.violations.map(({ field }) => field)).to.deep.equal(["dataset.synthetic.audio.format"]);
  });

  /** A program that stands in for ffmpeg: what it is asked is in its last argument and its standard input. */
  function fakeFfmpeg(script: string): void {
    writeFileSync(join(root, "ffmpeg"), `#!/bin/sh\n${script}\n`);
    chmodSync(join(root, "ffmpeg"), 0o755);
    process.env.PATH = [root, path].join(delimiter);
  }

  it("of ffmpeg get every frame and what its file says, and leave no file behind", async () => {
    fakeFfmpeg('for last; do :; done; wc -c > "$last"; echo "$*" > "$0.arguments"');
    const before = new Set(readdirSync(tmpdir()));
    const { datasetId } = await prepare({
      video: { width: 32, height: 16, fps: 3, durationSec: 2, codec: "libx264", format: "mp4" },
    });
    const [turn] = await fetched(datasetId, [[2, 0]]);
    const [, video] = partsOf(turn?.turn ?? expect.fail());
    expect(video?.content).to.match(/^data:video\/mp4;base64,/);
    expect(bytesOf(video?.content).toString().trim()).to.equal(`${6 * 3 * 32 * 16}`);
    const made = readdirSync(tmpdir()).filter((name) => !before.has(name) && name.startsWith("assay-video-"));
    expect(made).to.have.length(1);
    expect(readdirSync(join(tmpdir(), made[0] ?? ""))).to.deep.equal([]);
    await client.deleteDataset({ datasetId });
    await until("the folder to go", () => !existsSync(join(tmpdir(), made[0] ?? "")));
  });

  it("of an ffmpeg that fails are refused with its words", async () => {
    fakeFfmpeg('cat > /dev/null; echo "Unknown encoder" >&2; exit 8');
    const error = await failureOf(prepare({ video: { width: 32, height: 32 } }));
    expect(error.message).to.equal("dataset.synthetic.video: ffmpeg ended with exit code 8: Unknown encoder");
  });

  it("of an ffmpeg that does not end are given up, and it with them", async () => {
    fakeFfmpeg('echo $$ > "$0.pid"; exec sleep 600');
    const program = findFfmpeg(root) ?? expect.fail();
    const asked = { program, arguments: [], input: [new Uint8Array(1 << 20)], maxBytes: 1000, deadlineMs: 300 };
    const error: unknown = await encode(asked).catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(AssayError).and.include({ code: "deadline_exceeded" });
    const pid = Number(readFileSync(`${program}.pid`, "utf8"));
    expect(() => process.kill(pid, 0)).to.throw("ESRCH");
  });
});
