import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { CommandSchema } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import {
  DatasetService,
  type FetchedTurn,
  type FetchTurnsRequestSchema,
  type FetchTurnsResponse,
} from "../../../gen/assay/dataset/v1/dataset_service_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import type { ServiceModule } from "../../../services/common/module.ts";
import { createChannel } from "../../../services/common/rpc/channel.ts";
import { type Client, createClient } from "../../../services/common/rpc/client.ts";
import type { MessageStream } from "../../../services/common/rpc/handler.ts";
import { createRpcServer } from "../../../services/common/rpc/server.ts";
import { createDatasetModule } from "../../../services/dataset/module.ts";
import { countOf } from "../../support/families.ts";
import { failureOf, Harness, settled, until } from "../rpc/harness.ts";

type Fetching = MessageStream<FetchTurnsResponse, MessageInitShape<typeof FetchTurnsRequestSchema>>;

describe("dataset service", () => {
  const harness = new Harness();
  let module: ServiceModule;
  let client: Client<typeof DatasetService>;

  beforeEach(async () => {
    module = createDatasetModule({ keptDatasets: 2, limits: { root: undefined, maxFileBytes: 1 << 20 } });
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
  afterEach(() => harness.close());

  async function prepare(inputTokens = 20, entries = 5n, runId = ""): Promise<string> {
    const source = {
      case: "synthetic",
      value: { inputTokens: { mean: inputTokens, stddev: 0 }, turns: { mean: 2, stddev: 0 } },
    } as const;
    let datasetId = "";
    for await (const { dataset } of client.prepareDataset({ dataset: { source, entries }, randomSeed: 1n, runId })) {
      datasetId = dataset?.datasetId ?? datasetId;
    }
    return datasetId;
  }

  function fetching(datasetId: string, protocolVersion = 1) {
    const stream: Fetching = client.fetchTurns();
    const got: FetchedTurn[] = [];
    const seen: { got: FetchedTurn[]; messages: number; end: AssayError | "ok" | undefined; stream: Fetching } = {
      got,
      messages: 0,
      end: undefined,
      stream,
    };
    stream.onMessage(({ turns }) => {
      seen.messages++;
      got.push(...turns);
    });
    stream.onClose((error) => {
      seen.end = error ?? "ok";
    });
    stream.send({ message: { case: "hello", value: { protocolVersion, runId: "r", datasetId, workerId: "w1" } } });
    return seen;
  }

  function ask(stream: Fetching, ...refs: readonly (readonly [number, number])[]): void {
    const wanted = refs.map(([conversation, turn]) => ({ conversation: BigInt(conversation), turn }));
    stream.send({ message: { case: "turns", value: { refs: wanted } } });
  }

  const namesOf = (turns: readonly FetchedTurn[]): string[] => turns.map(({ ref }) => `${ref?.conversation}/${ref?.turn}`);

  it("gives turns in the order asked, again and again", async () => {
    const { stream, got } = fetching(await prepare());
    ask(stream, [3, 0], [0, 1], [3, 0]);
    ask(stream, [4, 1]);
    await until("four turns", () => got.length === 4);
    expect(namesOf(got)).to.deep.equal(["3/0", "0/1", "3/0", "4/1"]);
    expect(got[0]?.turn).to.deep.equal(got[2]?.turn);
    expect(got[0]?.turn).to.include({ conversation: 3n, turn: 0, inputTokens: 20 });
    expect(got[0]?.turn?.messages[0]?.role).to.equal("user");
    expect(got.every(({ missing }) => missing === "")).to.equal(true);
  });

  it("says which turns there are not, in their places", async () => {
    const { stream, got } = fetching(await prepare());
    ask(stream, [5, 0], [0, 0], [0, 2], [2 ** 40, 0]);
    await until("four answers", () => got.length === 4);
    expect(namesOf(got)).to.deep.equal(["5/0", "0/0", "0/2", `${2 ** 40}/0`]);
    expect(got.map(({ turn }) => turn !== undefined)).to.deep.equal([false, true, false, false]);
    for (const index of [0, 2, 3]) expect(got[index]?.missing).not.to.equal("");
  });

  it("counts the turns that it gave and those that it has not, and the streams that stand", async () => {
    const count = (name: string) => countOf(module.families(), `assay_dataset_${name}`);
    const seen = fetching(await prepare());
    ask(seen.stream, [0, 0], [1, 0], [9, 0]);
    await until("three answers", () => seen.got.length === 3);
    expect([count("served_turns_total"), count("missing_turns_total")]).to.deep.equal([2, 1]);
    expect([count("prepared_datasets"), count("turn_streams")]).to.deep.equal([1, 1]);
    seen.stream.end();
    await until("the end", () => count("turn_streams") === 0);
  });

  it("splits what is asked for at once into messages of moderate size", async () => {
    const seen = fetching(await prepare(2000));
    ask(seen.stream, ...Array.from({ length: 200 }, (_, n) => [n % 5, 0] as const));
    await until("all", () => seen.got.length === 200);
    expect(seen.messages).to.be.within(4, 50);
  });

  it("makes nothing ahead of a worker that does not read, and loses nothing of what it asked", async () => {
    const seen = fetching(await prepare(5000));
    ask(seen.stream, [0, 0]);
    await until("the first", () => seen.got.length === 1);
    seen.stream.pause();
    const sizeBytes = seen.got[0]?.turn?.messages[0]?.content.length ?? 0;
    // Far more than the windows of both sides hold, and the copies that are made on the way and not yet collected.
    const asked = Math.ceil((160 << 20) / sizeBytes);
    const memory = () => Math.round(process.memoryUsage().arrayBuffers / (8 << 20));
    const before = process.memoryUsage().arrayBuffers;
    ask(seen.stream, ...Array.from({ length: asked }, (_, n) => [n % 5, 0] as const));
    await settled("the memory", memory);
    expect(process.memoryUsage().arrayBuffers - before).to.be.lessThan(80 << 20);
    seen.stream.resume();
    await until("all", () => seen.got.length === asked + 1);
    expect(namesOf(seen.got.slice(1))).to.deep.equal(Array.from({ length: asked }, (_, n) => `${n % 5}/0`));
  });

  it("ends the stream when the worker has, after the last answer", async () => {
    const seen = fetching(await prepare(2000));
    ask(seen.stream, ...Array.from({ length: 500 }, (_, n) => [n % 5, 0] as const));
    seen.stream.end();
    await until("the end", () => seen.end !== undefined);
    expect(seen.end).to.equal("ok");
    expect(seen.got).to.have.lengthOf(500);
  });

  it("refuses a dataset that it does not have, another version, and a stream without hello", async () => {
    const unknown = fetching("dataset-99");
    const old = fetching(await prepare(), 99);
    const rude = client.fetchTurns();
    const ended = new Promise<AssayError | undefined>((resolve) => rude.onClose(resolve));
    rude.onMessage(() => {});
    ask(rude, [0, 0]);
    await until("their ends", () => unknown.end !== undefined && old.end !== undefined);
    expect(unknown.end).to.be.instanceOf(AssayError).with.property("code", "unavailable");
    expect(old.end).to.have.property("code", "failed_precondition");
    expect((await ended)?.code).to.equal("invalid_argument");
  });

  it("refuses a second hello", async () => {
    const id = await prepare();
    const seen = fetching(id);
    seen.stream.send({ message: { case: "hello", value: { protocolVersion: 1, datasetId: id } } });
    await until("the end", () => seen.end !== undefined);
    expect(seen.end).to.have.property("code", "invalid_argument");
  });

  it("tells what a dataset is, and forgets it when asked to", async () => {
    const id = await prepare();
    const { dataset } = await client.getDataset({ datasetId: id });
    expect(dataset).to.include({ datasetId: id, conversations: 5n, turns: 10n, turnsEach: 2, meanInputTokens: 20 });
    await client.deleteDataset({ datasetId: id });
    expect((await failureOf(client.getDataset({ datasetId: id }))).code).to.equal("not_found");
    expect((await failureOf(client.deleteDataset({ datasetId: id }))).code).to.equal("not_found");
  });

  it("keeps the newest of the datasets that no run uses, and all that one uses", async () => {
    const used = await prepare(20, 5n, "run");
    const idle = [await prepare(), await prepare(), await prepare()];
    expect((await failureOf(client.getDataset({ datasetId: idle[0] ?? "" }))).code).to.equal("not_found");
    for (const datasetId of [used, ...idle.slice(1)]) await client.getDataset({ datasetId });
    expect((await failureOf(client.deleteDataset({ datasetId: used }))).code).to.equal("failed_precondition");
    const finish = create(CommandSchema, { runId: "run", action: { case: "finish", value: {} } });
    await module.onCommand?.(finish, AbortSignal.timeout(1000));
    expect((await failureOf(client.getDataset({ datasetId: used }))).code).to.equal("not_found");
  });

  it("refuses to replay a run that there is not, by the field that named it", async () => {
    const source = { case: "replay", value: { runId: "run-gone" } } as never;
    const failure = await failureOf(
      (async () => {
        for await (const _ of client.prepareDataset({ dataset: { source } }));
      })(),
    );
    expect(failure.code).to.equal("not_found");
    expect(failure.message).to.contain("dataset.replay.path: there is no run run-gone");
  });
});
