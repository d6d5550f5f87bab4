/** How many workers a run still has, over a suite that does what it is asked. */
import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { CommandResultSchema, WorkerExitedSchema } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { silentLogger } from "../../../services/common/logger.ts";
import { RunWorkers } from "../../../services/controller/run-workers.ts";
import { specOf } from "./suite.ts";

describe("the workers of a run", () => {
  let exhausted: string[];
  let noted: string[];
  let workers: RunWorkers;

  beforeEach(() => {
    exhausted = [];
    noted = [];
    workers = new RunWorkers({
      runId: "r",
      spec: specOf({}),
      members: { isHeard: () => true, remove: () => {} },
      talk: {
        managers: () => [],
        liveWorkers: () => 0,
        spawnLate: async () => [],
        takeInWorker: async () => true,
        toService: async () => create(CommandResultSchema, {}),
      },
      trace: { within: (work) => work() },
      log: silentLogger,
      phaseMs: 1000,
      state: () => RunState.RUNNING,
      note: (kind, message) => noted.push(`${kind}: ${message}`),
      exhausted: (why) => exhausted.push(why),
    });
    workers.planned(2);
  });

  const exits = (workerId: string, rest: { successorId?: string; isExpected?: boolean } = {}) =>
    workers.exited(create(WorkerExitedSchema, { workerId, signal: "SIGKILL", ...rest }));

  it("are over with the last one that nobody takes the place of", () => {
    exits("w1");
    expect(exhausted).to.deep.equal([]);
    exits("w2");
    expect(exhausted).to.deep.equal(["w2 ended by SIGKILL"]);
    expect(noted).to.deep.equal(["worker_exited: w1 ended by SIGKILL", "worker_exited: w2 ended by SIGKILL"]);
  });

  it("are as many as before where another one takes the place of one", () => {
    exits("w1", { successorId: "w3" });
    exits("w2");
    expect(exhausted).to.deep.equal([]);
    expect(noted[0]).to.equal("worker_exited: w1 ended by SIGKILL; w3 takes its place");
  });

  it("are given up once, however often one is said to have ended", () => {
    exits("w1");
    exits("w1");
    expect(exhausted).to.deep.equal([]);
  });

  it("end at the end of a run without a word", () => {
    exits("w1", { isExpected: true });
    exits("w2", { isExpected: true });
    expect([exhausted, noted]).to.deep.equal([[], []]);
  });
});
