import { createHash } from "node:crypto";
import { readdirSync, writeSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { DatasetService, type UploadDatasetRequestSchema } from "../../../gen/assay/dataset/v1/dataset_service_pb.js";
import { silentLogger } from "../../../services/common/logger.ts";
import { createChannel } from "../../../services/common/rpc/channel.ts";
import { type Client, createClient } from "../../../services/common/rpc/client.ts";
import { createRpcServer } from "../../../services/common/rpc/server.ts";
import { createDatasetModule } from "../../../services/dataset/module.ts";
import { DatasetStore } from "../../../services/dataset/store/dataset-store.ts";
import { failureOf, Harness, until } from "../rpc/harness.ts";

type Message = NonNullable<MessageInitShape<typeof UploadDatasetRequestSchema>["message"]>;

const rows = (count: number): Buffer => Buffer.from(Array.from({ length: count }, (_, n) => `{"text":"prompt ${n}"}\n`).join(""));
const sha256 = (bytes: Buffer): Buffer => createHash("sha256").update(bytes).digest();
const idOf = (bytes: Buffer): string => `upload-${sha256(bytes).toString("hex").slice(0, 32)}`;

describe("uploads", () => {
  const harness = new Harness();
  let folder: string;
  let client: Client<typeof DatasetService>;

  beforeEach(async () => {
    const root = await mkdtemp(join(tmpdir(), "assay-upload-"));
    harness.onClose(() => rm(root, { recursive: true, force: true }));
    folder = join(root, "cache");
    client = await serve(folder);
  });
  afterEach(() => harness.close());

  async function serve(place: string | undefined, quotaBytes = 1 << 24): Promise<Client<typeof DatasetService>> {
    const store = place === undefined ? undefined : { folder: place, maxBytes: 1 << 24 };
    const limits = { root: undefined, maxFileBytes: 1 << 24, store };
    const module = createDatasetModule({ keptDatasets: 2, limits, uploads: { maxBytes: 100_000, maxUploads: 6, quotaBytes } });
    const services = [...module.implementations];
    const server = createRpcServer({ services, listen: {}, auth: { insecure: true }, log: silentLogger });
    const { address } = await server.start();
    harness.onClose(() => server.stop(0));
    const channel = createChannel({ address });
    harness.onClose(() => channel.close());
    return createClient(DatasetService, channel);
  }

  const left = (): string[] => {
    try {
      return readdirSync(folder).filter((name) => name !== "digests");
    } catch {
      return [];
    }
  };

  /** `bytes` in pieces, then a checksum. */
  function messagesOf(bytes: Buffer, { sizeBytes = bytes.length, checksum = sha256(bytes), name = "p.jsonl", format = "" } = {}) {
    const messages: Message[] = [{ case: "start", value: { name, format, sizeBytes: BigInt(sizeBytes) } }];
    for (let at = 0; at < bytes.length; at += 1000) messages.push({ case: "data", value: bytes.subarray(at, at + 1000) });
    return [...messages, { case: "sha256", value: checksum } as Message];
  }

  async function upload(messages: readonly Message[]) {
    async function* all() {
      for (const message of messages) yield { message };
    }
    return client.uploadDataset(all());
  }

  async function infoOf(source: { case: "datasetId"; value: string } | { case: "file"; value: { path: string } }) {
    for await (const { dataset } of client.prepareDataset({ dataset: { source }, randomSeed: 1n })) if (dataset) return dataset;
    return undefined;
  }

  it("are datasets by their ids, and files whose reading can be told", async () => {
    const bytes = rows(100);
    const { datasetId, sizeBytes } = await upload(messagesOf(bytes));
    expect(datasetId).to.equal(idOf(bytes));
    expect(Number(sizeBytes)).to.equal(bytes.length);
    expect(await infoOf({ case: "datasetId", value: datasetId })).to.deep.include({
      conversations: 100n,
      description: "p.jsonl (single_turn)",
    });
    const file = { path: `upload:${datasetId}`, name: "mine" };
    expect(await infoOf({ case: "file", value: file })).to.deep.include({ description: "mine (single_turn)" });
    expect(left()).to.have.members([datasetId, `${datasetId}.json`]);
  });

  it("need no checksum and no size", async () => {
    const bytes = rows(10);
    const [, data] = messagesOf(bytes);
    const { datasetId } = await upload([{ case: "start", value: { name: "p" } }, data as Message]);
    expect(await infoOf({ case: "datasetId", value: datasetId })).to.deep.include({ conversations: 10n });
  });

  it("are as many at once as may be, and no more", async () => {
    const gate = Promise.withResolvers<void>();
    let begun = 0;
    const held = (n: number) =>
      client.uploadDataset(
        (async function* () {
          const [start, ...rest] = messagesOf(rows(n)) as [Message, ...Message[]];
          yield { message: start };
          begun++;
          await gate.promise;
          for (const message of rest) yield { message };
        })(),
      );
    const under = [10, 11, 12, 13, 14, 15].map(held);
    await until("six uploads", () => begun === 6 && left().length === 6);
    const error = await failureOf(upload(messagesOf(rows(12))));
    expect([error.code, error.message]).to.deep.equal([
      "resource_exhausted",
      "6 uploads go on: at most 6 may at once (--max-uploads)",
    ]);
    gate.resolve();
    await Promise.all(under);
    await upload(messagesOf(rows(12)));
  });

  it("have no more bytes together than they may: what nobody uses makes room, longest unused first, and what is in use does not", async () => {
    client = await serve(folder, 200_000);
    const store = new DatasetStore({ folder, maxBytes: 1 << 24 });
    const files = [4000, 4001, 4002, 4003].map(rows);
    const [first, second, third, fourth] = files.map(idOf) as [string, string, string, string];
    for (const bytes of files.slice(0, 2)) await upload(messagesOf(bytes));
    expect(store.list().map(({ id }) => id)).to.have.members([first, second]);
    await upload(messagesOf(files[2] as Buffer));
    expect(store.list().map(({ id }) => id)).to.have.members([second, third]);
    const release = [second, third].map((id) => store.use(id));
    for (const sizeBytes of [(files[3] as Buffer).length, 0]) {
      const error = await failureOf(upload(messagesOf(files[3] as Buffer, { sizeBytes })));
      expect(error.code).to.equal("resource_exhausted");
      expect(error.message).to.match(
        /^uploads may have 200000 bytes together \(--upload-quota-bytes\): 0 are coming and \d+ are kept/,
      );
    }
    for (const leave of release) leave();
    expect(store.list().map(({ id }) => id)).to.have.members([second, third]);
    await upload(messagesOf(files[3] as Buffer));
    expect(store.list().map(({ id }) => id))
      .to.include(fourth)
      .and.to.have.lengthOf(2);
  });

  it("make room of uploads that nobody uses alone, and none in vain", async () => {
    client = await serve(folder, 200_000);
    const store = new DatasetStore({ folder, maxBytes: 1 << 24 });
    const ids = () => store.list().map(({ id }) => id);
    const prepared = store.create();
    writeSync(prepared.descriptor, Buffer.alloc(150_000));
    prepared.commit("prepared-1", { description: "", format: "", conversations: 0, turns: 0 });
    const [used, idle, third, small] = [rows(4000), rows(4001), rows(4002), rows(300)] as const;
    await upload(messagesOf(used));
    const release = store.use(idOf(used));
    for (const bytes of [idle, third]) await upload(messagesOf(bytes));
    expect(ids()).to.have.members(["prepared-1", idOf(used), idOf(third)]);
    const releaseThird = store.use(idOf(third));
    await upload(messagesOf(small));
    expect((await failureOf(upload(messagesOf(idle)))).code).to.equal("resource_exhausted");
    expect(ids()).to.have.members(["prepared-1", idOf(used), idOf(third), idOf(small)]);
    release();
    releaseThird();
  });

  it("that are coming count among them from when they are announced, and no more when they have broken off", async () => {
    client = await serve(folder, 150_000);
    const broken = new AbortController();
    const [start] = messagesOf(rows(4000));
    const begun = Promise.withResolvers<void>();
    async function* some() {
      yield { message: start as Message };
      begun.resolve();
      await new Promise(() => {});
    }
    const held = failureOf(client.uploadDataset(some(), { signal: broken.signal }));
    await begun.promise;
    await until("the file that is written", () => left().length === 1);
    const other = rows(4001);
    const error = await failureOf(upload(messagesOf(other)));
    expect(error.code).to.equal("resource_exhausted");
    expect(error.message).to.match(/\(--upload-quota-bytes\): \d+ are coming and 0 are kept/);
    broken.abort();
    await held;
    await until("nothing left", () => left().length === 0);
    expect((await upload(messagesOf(other))).datasetId).to.equal(idOf(other));
  });

  it("name the file as its owner does where a row is wrong", async () => {
    const { datasetId } = await upload(messagesOf(Buffer.from('{"text":"a"}\n{"text"\n')));
    const error = await failureOf(infoOf({ case: "datasetId", value: datasetId }));
    expect(error.message).to.match(/^p\.jsonl, line 2, column 8: /);
  });

  for (const [what, messages, code, text] of [
    ["with another checksum", messagesOf(rows(10), { checksum: sha256(rows(11)) }), "data_loss", /checksum/],
    ["cut short", messagesOf(rows(10), { sizeBytes: 5000 }), "data_loss", /5000 bytes were announced, 200 came/],
    ["announced too large", messagesOf(rows(10), { sizeBytes: 100_001 }), "resource_exhausted", /--max-upload-bytes/],
    ["that grow too large", messagesOf(rows(10_000), { sizeBytes: 0 }), "resource_exhausted", /100000 bytes at most/],
    ["without a name", messagesOf(rows(1), { name: "" }), "invalid_argument", /start\.name/],
    ["with a name of a page's length", messagesOf(rows(1), { name: "p".repeat(256) }), "invalid_argument", /1 to 255 characters/],
    ["without a start", messagesOf(rows(1)).slice(1), "invalid_argument", /begin with start/],
    ["without anything", [], "invalid_argument", /begin with start/],
    ["that start twice", [...messagesOf(rows(1)).slice(0, 1), ...messagesOf(rows(1))], "invalid_argument", /second start/],
    ["that go on after their checksum", [...messagesOf(rows(1)), ...messagesOf(rows(1)).slice(1)], "invalid_argument", /follow/],
  ] as const) {
    it(`${what} are refused, and nothing of them is kept`, async () => {
      const error = await failureOf(upload(messages));
      expect(error.code).to.equal(code);
      expect(error.message).to.match(text);
      expect(left()).to.deep.equal([]);
    });
  }

  it("that break off leave nothing", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const broken = new AbortController();
    const [start, data] = messagesOf(rows(100));
    async function* some() {
      yield { message: start as Message };
      yield { message: data as Message };
      resolve();
      await new Promise(() => {});
    }
    const uploading = failureOf(client.uploadDataset(some(), { signal: broken.signal }));
    await promise;
    await until("the file that is written", () => left().length === 1);
    broken.abort();
    expect((await uploading).code).to.equal("cancelled");
    await until("nothing left", () => left().length === 0);
  });

  it("at the same time do not meet, whether they are the same or not", async () => {
    const [one, other] = [rows(2000), rows(2001)];
    const ids = await Promise.all([one, other, one, other].map(async (bytes) => (await upload(messagesOf(bytes))).datasetId));
    expect(ids).to.deep.equal([one, other, one, other].map(idOf));
    expect(left()).to.have.lengthOf(4);
    for (const [id, count] of [
      [idOf(one), 2000n],
      [idOf(other), 2001n],
    ] as const) {
      expect(await infoOf({ case: "datasetId", value: id })).to.deep.include({ conversations: count });
    }
  });

  it("are listed, and deleted for good", async () => {
    const { datasetId } = await upload(messagesOf(rows(3), { format: "single_turn" }));
    const { datasets, sizeBytes, maxBytes, folder: place } = await client.listDatasets({});
    expect(datasets).to.have.lengthOf(1);
    expect(datasets[0]).to.deep.include({ datasetId, description: "p.jsonl", format: "single_turn", sizeBytes, isInUse: false });
    expect([maxBytes, place]).to.deep.equal([1n << 24n, folder]);
    await client.deleteDataset({ datasetId });
    expect((await failureOf(client.deleteDataset({ datasetId }))).code).to.equal("not_found");
    const error = await failureOf(infoOf({ case: "datasetId", value: datasetId }));
    expect(error).to.include({ code: "not_found" });
    expect(error.violations[0]?.description).to.match(/upload it again/);
  });

  it("lead to no other file of the host", async () => {
    await writeFile(join(folder, "../secret.jsonl"), rows(1));
    for (const id of [
      "../secret.jsonl",
      "upload-../../secret.jsonl",
      "upload-x/../../secret.jsonl",
      "/etc/passwd",
      "prepared-1",
      "",
    ]) {
      expect((await failureOf(infoOf({ case: "file", value: { path: `upload:${id}` } }))).code, id).to.equal("not_found");
      expect((await failureOf(client.deleteDataset({ datasetId: id }))).code, id).to.equal("not_found");
    }
    expect(readdirSync(join(folder, ".."))).to.include("secret.jsonl");
  });

  it("are refused where nothing is kept", async () => {
    client = await serve(undefined);
    expect((await failureOf(upload(messagesOf(rows(1))))).code).to.equal("failed_precondition");
    expect((await client.listDatasets({})).datasets).to.deep.equal([]);
  });
});
