import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import type { TurnInput } from "../../../endpoints/endpoint.ts";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { DatasetInfoSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { DatasetService } from "../../../gen/assay/dataset/v1/dataset_service_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import { type Client, createClient } from "../../../services/common/rpc/client.ts";
import { type Implementation, implement } from "../../../services/common/rpc/handler.ts";
import { createRpcServer, type RpcServer } from "../../../services/common/rpc/server.ts";
import { bodyOptionsOf } from "../../../services/common/turn-body.ts";
import { protocolVersion } from "../../../services/common/version.ts";
import { createDatasetService } from "../../../services/dataset/service.ts";
import { type InputsOptions, writeInputs } from "../../../services/records-manager/exports/inputs-file.ts";
import { storedDataset } from "../../support/stored-dataset.ts";
import { failureOf } from "../rpc/harness.ts";
import { type RunFolder, temporaryFolder } from "./run-fixture.ts";

const turn = (content: string) => ({
  messages: [{ role: "user", content } as const],
  inputTokens: 3,
  maxOutputTokens: 8,
  delayMs: 0,
});
const dataset = storedDataset([
  [turn("one")],
  [turn("two"), turn("two again")],
  [turn("three")],
  [turn(`four ✓ "quoted" ${"x".repeat(400_000)}`)],
]);
const spec = create(RunSpecSchema, {
  models: ["m"],
  target: { apiKey: "s3cret", headers: { "X-Key": "s3cret" } },
  endpoint: { type: "chat", streaming: true, extraInputs: { temperature: 0.5 } },
});

describe("inputs.json", () => {
  let run: RunFolder;
  let path: string;
  const servers: RpcServer[] = [];
  const clients: Client<typeof DatasetService>[] = [];

  beforeEach(() => {
    run = temporaryFolder();
    path = join(run.folder, "inputs.json");
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await Promise.all(servers.splice(0).map((server) => server.stop(0)));
    run.remove();
  });

  /** A dataset service on a socket; returns what dials it. */
  async function serving(implementation: Implementation): Promise<InputsOptions["dial"]> {
    const server = createRpcServer({ services: [implementation], listen: {}, auth: { insecure: true }, log: silentLogger });
    servers.push(server);
    const client = createClient(DatasetService, { address: (await server.start()).address });
    clients.push(client);
    return async () => {
      const stream = client.fetchTurns();
      stream.send({ message: { case: "hello", value: { protocolVersion, runId: "run-1", datasetId: "d", workerId: "w" } } });
      return stream;
    };
  }

  const real = () =>
    serving(
      createDatasetService({
        find: () => ({ info: create(DatasetInfoSchema), dataset }),
        prepare: () => {
          throw new Error("nobody prepares here");
        },
        remove: () => {},
      }),
    );

  /** A service that answers the block of turns that is asked for as `answer` says. */
  const faulty = (answer: (send: (message: object) => void, fail: () => void) => void) => {
    const unused = () => {
      throw new Error("nobody asks");
    };
    return serving(
      implement(DatasetService, {
        role: "member",
        handlers: {
          prepareDataset: unused,
          uploadDataset: unused,
          getDataset: unused,
          listDatasets: () => ({}),
          describeDataset: unused,
          checkTurns: unused,
          deleteDataset: unused,
          fetchTurns: {
            onStream(stream) {
              stream.onMessage(({ message }) => {
                if (message.case !== "turns") return;
                answer(
                  (sent) => stream.send(sent),
                  () => stream.cancel(),
                );
              });
            },
          },
        },
      }),
    );
  };

  const optionsOf = (dial: InputsOptions["dial"], changes: Partial<InputsOptions> = {}): InputsOptions => ({
    path,
    conversations: [0, 1, 3],
    turnsOf: (conversation) => dataset.plan(conversation).length,
    bodies: bodyOptionsOf(spec),
    dial,
    maxBytes: Number.POSITIVE_INFINITY,
    silenceMs: 5000,
    ...changes,
  });
  const sessions = () =>
    JSON.parse(readFileSync(path, "utf8")).data as {
      session_id: string;
      payloads: ({ messages: { content: string }[] } | null)[];
    }[];

  it("has the body of every turn of the conversations that were drawn, each turn by itself", async () => {
    const outcome = await writeInputs(optionsOf(await real()));
    expect(outcome).to.deep.include({ written: 3, problem: undefined });
    expect(sessions().map(({ session_id, payloads }) => [session_id, payloads.length])).to.deep.equal([
      ["session_000000", 1],
      ["session_000001", 2],
      ["session_000003", 1],
    ]);
    expect(sessions()[1]?.payloads[1]).to.deep.equal({
      messages: [{ role: "user", content: "two again" }],
      model: "m",
      stream: true,
      max_completion_tokens: 8,
      temperature: 0.5,
      stream_options: { include_usage: true },
    });
    expect(readFileSync(path, "utf8")).to.not.include("s3cret");
  });

  it("is written to the byte as AIPerf writes it", async () => {
    await writeInputs(optionsOf(await real(), { conversations: [0, 1] }));
    const golden = readFileSync(join(import.meta.dirname, "golden", "inputs.json"), "utf8");
    expect(readFileSync(path, "utf8")).to.equal(golden);
  });

  it("is an empty list where nothing was drawn, and nobody is asked", async () => {
    const outcome = await writeInputs(optionsOf(() => Promise.reject(new Error("dialled")), { conversations: [] }));
    expect(outcome.problem).to.equal(undefined);
    expect(readFileSync(path, "utf8")).to.equal('{\n  "data": []\n}');
  });

  it("ends after the conversation that makes it too large", async () => {
    const outcome = await writeInputs(optionsOf(await real(), { conversations: [3, 0, 1], maxBytes: 1000 }));
    expect(outcome).to.include({ written: 1, problem: undefined });
    expect(sessions().map(({ session_id }) => session_id)).to.deep.equal(["session_000003"]);
  });

  it("fetches more turns than one block holds, in their order", async () => {
    const many = Array.from({ length: 1000 }, (_, index) => index);
    const dial = await serving(
      createDatasetService({
        find: () => ({ info: create(DatasetInfoSchema), dataset: storedDataset(many.map((index) => [turn(String(index))])) }),
        prepare: () => {
          throw new Error("nobody prepares here");
        },
        remove: () => {},
      }),
    );
    const outcome = await writeInputs(optionsOf(dial, { conversations: many, turnsOf: () => 1 }));
    expect(outcome.written).to.equal(1000);
    const contents = sessions().map(({ payloads }) => payloads[0]?.messages[0]?.content);
    expect(contents).to.deep.equal(many.map(String));
  });

  it("names conversations as the dataset does, and says how", async () => {
    const dial = await faulty((send) =>
      send({ turns: [{ ref: { conversation: 0n }, turn: { conversation: 0n, conversationId: "greeting", messages: [] } }] }),
    );
    const { names } = await writeInputs(optionsOf(dial, { conversations: [0], turnsOf: () => 1 }));
    expect([...names]).to.deep.equal([[0, "greeting"]]);
    expect(sessions()[0]?.session_id).to.equal("greeting");
  });

  it("has null for a turn that cannot be sent, every other turn in its place, and says which and why", async () => {
    const content = (text: string) => ({ messages: [{ role: "user", content: text }] });
    const at = (conversation: bigint, index: number) => ({ conversation, turn: index });
    const throwing = { ...bodyOptionsOf(spec) };
    const endpoint = {
      ...throwing.endpoint,
      formatBody: (input: TurnInput) => {
        if (input.messages.at(-1)?.content === "no") throw new AssayError("invalid_argument", "this one cannot be");
        return throwing.endpoint.formatBody(input);
      },
    };
    const dial = await faulty((send) =>
      send({
        turns: [
          { ref: at(0n, 0), missing: "its picture is gone" },
          { ref: at(1n, 0), turn: { ...content("yes"), conversation: 1n } },
          { ref: at(1n, 1), turn: { ...content("no"), conversation: 1n, turn: 1 } },
          { ref: at(3n, 0), turn: { ...content("yes"), conversation: 3n } },
        ],
      }),
    );
    const { unsendable, written, problem } = await writeInputs(optionsOf(dial, { bodies: { ...throwing, endpoint } }));
    expect(unsendable).to.deep.equal({ count: 2, example: "turn 0 of session_000000: its picture is gone" });
    expect({ written, problem }).to.deep.equal({ written: 3, problem: undefined });
    const contents = sessions().map(({ payloads }) => payloads.map((payload) => payload?.messages[0]?.content ?? null));
    expect(contents).to.deep.equal([[null], ["yes", null], ["yes"]]);
  });

  it("has a body that is no JSON as a text", async () => {
    const rawBody = Buffer.from("--boundary");
    const dial = await faulty((send) => send({ turns: [{ ref: {}, turn: { rawBody } }] }));
    await writeInputs(optionsOf(dial, { conversations: [0], turnsOf: () => 1 }));
    expect(sessions()[0]?.payloads).to.deep.equal(["--boundary"]);
  });

  for (const [what, answer, problem] of [
    ["breaks off", (_send: unknown, fail: () => void) => fail(), /./],
    ["is silent", () => {}, /sent no turn for 0.05 s/],
    [
      "has no turn any more",
      (send: (message: object) => void) =>
        send({
          turns: [
            [0, 0],
            [1, 0],
            [1, 1],
            [3, 0],
          ].map(([conversation, at]) => ({ ref: { conversation: BigInt(conversation ?? 0), turn: at }, missing: "gone" })),
        }),
      /no body could be made: turn 0 of session_000000: gone/,
    ],
  ] as const) {
    it(`is not there, and an older one stays, where the dataset service ${what}`, async () => {
      writeFileSync(path, "old");
      const silenceMs = what === "is silent" ? 50 : 30_000;
      const outcome = await writeInputs(optionsOf(await faulty(answer), { silenceMs }));
      expect(outcome.written).to.equal(0);
      expect(outcome.problem).to.match(problem);
      expect(readdirSync(run.folder)).to.deep.equal(["inputs.json"]);
      expect(readFileSync(path, "utf8")).to.equal("old");
    });
  }

  it("is not there where nobody serves the dataset", async () => {
    const outcome = await writeInputs(optionsOf(() => Promise.reject(new Error("no dataset has joined the suite"))));
    expect(outcome.problem).to.equal("no dataset has joined the suite");
    expect(readdirSync(run.folder)).to.deep.equal([]);
  });

  it("fails with its path where it cannot be written", async () => {
    mkdirSync(join(path, "in the way"), { recursive: true });
    expect((await failureOf(writeInputs(optionsOf(await real())))).message).to.include(`cannot write "${path}"`);
  });
});
