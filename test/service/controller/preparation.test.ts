import { expect } from "chai";
import { ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import { PreparationStep } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { DatasetService } from "../../../gen/assay/dataset/v1/dataset_service_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import { implement } from "../../../services/common/rpc/handler.ts";
import { createRpcServer, type RpcServer } from "../../../services/common/rpc/server.ts";
import { FakeMember } from "../../support/fake-member.ts";
import { failureOf, until } from "../rpc/harness.ts";
import { QUICK, specOf, TestSuite } from "./suite.ts";

const missing = (): never => {
  throw new AssayError("unimplemented", "not here");
};

/** A dataset service that is as far as the test lets it be. */
describe("a run that is being created", () => {
  let suite: TestSuite;
  let server: RpcServer;
  let member: FakeMember;
  let gate: PromiseWithResolvers<void>;

  beforeEach(async () => {
    suite = await TestSuite.start({ timeouts: { ...QUICK, datasetMs: 10_000 } });
    gate = Promise.withResolvers();
    const service = implement(DatasetService, {
      role: "operator",
      handlers: {
        async *prepareDataset() {
          yield { done: 5n, progress: { step: PreparationStep.READ, rows: 5n, doneBytes: 50n, totalBytes: 100n } };
          await gate.promise;
          throw new AssayError("invalid_argument", "line 7 is wrong");
        },
        uploadDataset: missing,
        describeDataset: missing,
        checkTurns: missing,
        getDataset: missing,
        listDatasets: missing,
        deleteDataset: missing,
        fetchTurns: { onStream: missing },
      },
    });
    server = createRpcServer({ services: [service], listen: {}, auth: { insecure: true }, log: silentLogger });
    const { address } = await server.start();
    member = await FakeMember.join({ address: suite.address, services: [ServiceKind.DATASET], hello: { address } });
    await until("the directory", () => (member.directories.at(-1)?.entries.length ?? 0) >= 1);
    const directory = member.directories.at(-1);
    if (directory !== undefined) suite.addresses.update(directory);
  });
  afterEach(async () => {
    gate.resolve();
    member.close();
    await server.stop(0);
    await suite.close();
  });

  it("says how far its dataset is, also to who asks before, until it is created or refused", async () => {
    const told: unknown[] = [];
    const watching = (async () => {
      for await (const { progress } of suite.runs.watchPreparation({ runId: "mine" }, { timeoutMs: 10_000 })) {
        told.push(progress);
        gate.resolve();
      }
    })();
    const dataset = { source: { case: "file" as const, value: { path: "/data/p.jsonl" } } };
    const refusal = failureOf(suite.runs.createRun({ spec: specOf({ dataset }), runId: "mine" }));
    await watching;
    expect(told[0]).to.deep.include({ step: PreparationStep.READ, rows: 5n, doneBytes: 50n, totalBytes: 100n });
    expect((await refusal).message).to.contain("line 7 is wrong");
  });

  it("says it of a spec that is only looked at, by an id that is no run's", async () => {
    const told: unknown[] = [];
    const watching = (async () => {
      for await (const { progress } of suite.runs.watchPreparation({ runId: "shown" }, { timeoutMs: 10_000 })) {
        told.push(progress);
        gate.resolve();
      }
    })();
    const dataset = { source: { case: "file" as const, value: { path: "/data/p.jsonl" } } };
    const refusal = failureOf(suite.runs.validateRun({ spec: specOf({ dataset }), runId: "shown" }));
    await watching;
    expect(told[0]).to.deep.include({ step: PreparationStep.READ, rows: 5n });
    expect((await refusal).message).to.contain("line 7 is wrong");
  });
});
