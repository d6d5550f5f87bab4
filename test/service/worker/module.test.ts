import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { type Command, CommandSchema } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { silentLogger } from "../../../services/common/logger.ts";
import { createAddresses } from "../../../services/common/member/addresses.ts";
import { MeasuredSuiteClock } from "../../../services/common/member/suite-clock.ts";
import type { ServiceModule } from "../../../services/common/module.ts";
import { createWorkerModule } from "../../../services/worker/module.ts";
import { failureOf, Harness, until } from "../rpc/harness.ts";
import { plainAnswer, startScripted } from "./scripted-server.ts";

type Action = MessageInitShape<typeof CommandSchema>["action"];

describe("a worker, asked to ask the target", () => {
  const harness = new Harness();
  let worker: ServiceModule;

  beforeEach(() => {
    const addresses = createAddresses({ token: undefined });
    worker = createWorkerModule({
      id: () => "w1",
      log: silentLogger,
      clock: new MeasuredSuiteClock(),
      addresses,
      spillDir: "/nowhere",
      usage: () => undefined,
      report: () => {},
    });
    harness.onClose(async () => {
      await worker.stop(0);
      addresses.close();
    });
  });
  afterEach(() => harness.close());

  const told = (action: Action, runId = "r"): Promise<unknown> => {
    const command: Command = create(CommandSchema, { runId, ...(action === undefined ? {} : { action }) });
    return Promise.resolve(worker.onCommand?.(command, AbortSignal.timeout(20_000)));
  };
  const question = (url: string, change: object = {}): Action => ({
    case: "askTarget",
    value: { target: { urls: [{ url }] }, question: { case: "getPath", value: "/v1/models" }, limitMs: 20_000, ...change },
  });

  it("answers with what the target said", async () => {
    const target = await startScripted(({ socket }) => socket.end(plainAnswer('{"data":[{"id":"m"}]}')));
    harness.onClose(() => target.stop());
    const outcome = await told(question(target.origin));
    expect(outcome).to.have.nested.property("case", "target");
    expect(outcome).to.deep.nested.include({ "value.models": ["m"], "value.isModelList": true, "value.status": 200 });
    expect(outcome).to.have.nested.property("value.url", `${target.origin}/v1/models`);
  });

  for (const [what, change] of [
    ["for the list", {}],
    ["by a request", { question: { case: "model", value: "m" } }],
  ] as const) {
    it(`gives up what it asks ${what} when the run is over, and no other run's`, async () => {
      const target = await startScripted(() => {});
      harness.onClose(() => target.stop());
      const ended: string[] = [];
      const asked = ["r", "other"].map(async (runId) => {
        const outcome = await told(question(target.origin, change), runId);
        ended.push(runId);
        return outcome;
      });
      await until("both questions", () => target.requests.length === 2);
      await told({ case: "finish", value: {} });
      expect(await asked[0]).to.have.nested.property("value.error.code", "cancelled");
      expect(ended).to.deep.equal(["r"]);
      await worker.stop(0);
      expect(await asked[1]).to.have.nested.property("value.error.code", "cancelled");
      await until("the connections to close", () => target.open.size === 0);
    });
  }

  it("refuses a question without a target, without a limit, or without a question", async () => {
    for (const change of [{ target: {} }, { limitMs: 0 }, { question: { case: undefined } }]) {
      expect((await failureOf(told(question("http://127.0.0.1:1", change)))).code).to.equal("invalid_argument");
    }
  });
});
