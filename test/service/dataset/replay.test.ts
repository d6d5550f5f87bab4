import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import Database from "better-sqlite3";
import { expect } from "chai";
import { DatasetSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { lookUpTurn } from "../../../services/dataset/core/turns.ts";
import { type LoadedDataset, loadDataset } from "../../../services/dataset/sources.ts";
import type { RunHeader } from "../../../services/records-manager/core/rows.ts";
import { record, START_NS } from "../../unit/records-manager/records.ts";
import { createStore, insertAll, type RunFolder, temporaryFolder } from "../records-manager/run-fixture.ts";
import { failureOf } from "../rpc/harness.ts";

describe("a dataset that replays a run", () => {
  let run: RunFolder;
  let folder: string;
  beforeEach(() => {
    run = temporaryFolder();
    folder = join(run.folder, "earlier");
    mkdirSync(folder);
  });
  afterEach(() => run.remove());

  interface Sent {
    readonly session: number;
    readonly turn: number;
    readonly conversation: number;
    readonly dueMs?: number;
    readonly sentMs: number;
    readonly phase?: number;
    readonly parent?: number;
  }

  /** A run that has sent these, of a synthetic dataset of four conversations. */
  function store(sent: readonly Sent[], dataset: object = { synthetic: {}, entries: "4" }): void {
    const phases: RunHeader["phases"] = [
      { phase: 0, name: "warmup", kind: "warmup", hasCeiling: false },
      { phase: 1, name: "profiling", kind: "profiling", hasCeiling: false },
    ];
    const made = createStore(folder, { phases, spec: JSON.stringify({ randomSeed: "7", dataset, later: "unknown" }) });
    made.startPhase(1, START_NS);
    const records = sent.map(({ session, turn, conversation, dueMs, sentMs, phase = 1, parent }, creditId) => ({
      ...record(creditId),
      phase,
      turn,
      conversation,
      sessionId: session,
      dueNs: dueMs === undefined ? 0 : START_NS + dueMs * 1e6,
      sentNs: START_NS + sentMs * 1e6,
      ...(parent === undefined ? {} : { parentSession: parent }),
    }));
    insertAll(made, records);
    made.close();
  }

  const request = (path: string) => ({
    dataset: create(DatasetSpecSchema, {
      source: { case: "replay", value: { $typeName: "assay.common.v1.ReplayDataset", path, runId: "" } },
    }),
    tokenizer: "none",
    endpointPath: "/v1/chat/completions",
    seed: 1,
  });

  function replay(path = folder, root: string | undefined = run.folder): Promise<LoadedDataset> {
    const limits = { root, maxFileBytes: 1 << 20 };
    return loadDataset(request(path), { limits, signal: new AbortController().signal, onProgress: () => {} });
  }

  function turnsOf({ dataset }: LoadedDataset) {
    return Array.from({ length: dataset.size }, (_, session) =>
      dataset.plan(session).map((_, index) => {
        const found = lookUpTurn(dataset, session, index);
        return "turn" in found ? found.turn : expect.fail(found.missing);
      }),
    );
  }

  const once: readonly Sent[] = [
    { session: 0, turn: 0, conversation: 1, sentMs: 0, phase: 0 },
    { session: 1, turn: 0, conversation: 3, dueMs: 5, sentMs: 6 },
    { session: 2, turn: 0, conversation: 0, sentMs: 2.5 },
    { session: 3, turn: 0, conversation: 3, dueMs: 9, sentMs: 9 },
  ];
  const inputs = (...prompts: readonly string[]) =>
    JSON.stringify({ data: prompts.map((prompt, index) => ({ session_id: `s${index}`, payloads: [{ prompt }] })) });

  it("sends the bodies of its inputs.json, at the moments at which they were due or sent", async () => {
    store(once);
    writeFileSync(join(folder, "inputs.json"), inputs("of 0", "of 1", "of 3"));
    const loaded = await replay();
    const sent = turnsOf(loaded).map(([turn]) => [Buffer.from(turn?.rawBody ?? []).toString(), turn?.timestampMs]);
    expect(sent).to.deep.equal([
      ['{"prompt":"of 0"}', 2.5],
      ['{"prompt":"of 3"}', 5],
      ['{"prompt":"of 3"}', 9],
    ]);
    expect(loaded.info).to.include({ beginsWithTimestamp: true, conversations: 3n, description: "run run-1 replayed" });
    expect(loaded.info.warnings).to.deep.equal([
      "run run-1: bodies are sent as they stand in its inputs.json, for the models that they name",
    ]);
    loaded.close();
    expect((await replay(join(folder, "run.db"))).info.conversations).to.equal(3n);
  });

  it("makes requests again where inputs.json does not have them all", async () => {
    store(once);
    writeFileSync(join(folder, "inputs.json"), inputs("of 0"));
    const loaded = await replay();
    const [first, second, third] = turnsOf(loaded).map(([turn]) => turn?.messages[0]?.content);
    expect(second).to.equal(third);
    expect(first).to.not.equal(second);
    expect(loaded.info.warnings[0]).to.equal(
      "run run-1: requests are made again from its dataset, answers in them are those that come now",
    );
  });

  it("makes conversations of several turns again, by the run's seed, as far as they went", async () => {
    const dataset = { synthetic: { turns: { mean: 3 } }, entries: "4" };
    const sent = [0, 1].map((turn) => ({ session: 1, turn, conversation: 2, sentMs: 100 * turn }));
    store(sent, dataset);
    writeFileSync(join(folder, "inputs.json"), inputs("of 2"));
    const [played] = turnsOf(await replay());
    expect(played?.map(({ timestampMs, delayMs }) => [timestampMs, delayMs])).to.deep.equal([
      [0, 0],
      [100, 0],
    ]);
    const limits = { root: undefined, maxFileBytes: 1 };
    const spec = create(DatasetSpecSchema, {
      entries: 4n,
      source: { case: "synthetic", value: { turns: { mean: 3 } } as never },
    });
    const options = { limits, signal: new AbortController().signal, onProgress: () => {} };
    const base = await loadDataset({ ...request(""), dataset: spec, tokenizer: "", seed: 7 }, options);
    expect(played?.map(({ messages }) => messages)).to.deep.equal([0, 1].map((turn) => base.dataset.messages(2, turn)));
  });

  it("reads a run from before sessions could begin others", async () => {
    store(once);
    const db = new Database(join(folder, "run.db"));
    for (const column of ["parent_session", "root_session", "agent_depth"]) db.exec(`ALTER TABLE requests DROP COLUMN ${column}`);
    db.close();
    expect((await replay()).info.conversations).to.equal(3n);
  });

  const tree = [{ session: 1, turn: 0, conversation: 0, sentMs: 0, parent: 0 }];
  const several = [0, 1].map((turn) => ({ session: 1, turn, conversation: 0, sentMs: turn }));
  const refused: readonly (readonly [what: string, make: () => void, message: RegExp, code: string])[] = [
    ["a folder without a run", () => {}, /dataset.replay.path: run file ".*run.db" does not exist/, "not_found"],
    ["a run that measured nothing", () => store(once.slice(0, 1)), /it measured no request/, "invalid_argument"],
    ["a run whose sessions began others", () => store(tree), /its sessions began others/, "invalid_argument"],
    ["a file that is no run", () => writeFileSync(join(folder, "run.db"), "x".repeat(4096)), /run.db/, "data_loss"],
    [
      "a run whose file is gone",
      () => store(several, { file: { path: join(run.folder, "gone.jsonl") } }),
      /run run-1: its inputs.json does not have what was sent, and its dataset cannot be made again: .*there is no such file/,
      "not_found",
    ],
    [
      "a run whose file has become shorter",
      () => {
        writeFileSync(join(run.folder, "p.jsonl"), '{"turns":[{"text":"a"},{"text":"b"}]}\n');
        store(
          several.map((sent) => ({ ...sent, conversation: 4 })),
          { file: { path: join(run.folder, "p.jsonl") } },
        );
      },
      /its dataset has changed: there is no conversation 4 in it any more/,
      "invalid_argument",
    ],
  ];
  for (const [what, make, message, code] of refused) {
    it(`refuses ${what}`, async () => {
      make();
      const error = await failureOf(replay());
      expect(error.message).to.match(message);
      expect(error).to.include({ code });
      expect(error.violations.map(({ field }) => field)).to.deep.equal(["dataset.replay.path"]);
    });
  }

  it("is not read outside of the folder that may be read", async () => {
    store(once);
    const other = temporaryFolder();
    expect(await failureOf(replay(folder, other.folder))).to.include({ code: "permission_denied" });
    rmSync(other.folder, { recursive: true });
  });
});
