import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import { type RunSpec, RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { DirectorySchema } from "../../../gen/assay/controller/v1/controller_pb.js";
import { CommandSchema } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import type { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import { createAddresses } from "../../../services/common/member/addresses.ts";
import { createRecordProcessorModule } from "../../../services/record-processor/module.ts";
import { Harness, until } from "../rpc/harness.ts";
import { type ManagerSide, startManager } from "./scene.ts";

const tiny = join(import.meta.dirname, "../../fixtures/tokenizer/tiny");

/** What a record-processor without a records-manager says to a spec: only of its own part may it complain. */
async function complaintAbout(spec: RunSpec): Promise<AssayError> {
  const addresses = createAddresses({ token: undefined });
  const module = createRecordProcessorModule({ id: () => "p1", log: silentLogger, addresses });
  try {
    const command = create(CommandSchema, { runId: "run", action: { case: "configure", value: { spec } } });
    await module.onCommand?.(command, AbortSignal.timeout(1500));
  } catch (error) {
    return error as AssayError;
  } finally {
    await module.stop(0);
    addresses.close();
  }
  return expect.fail("it is ready without a records-manager");
}

describe("a record-processor that is configured", () => {
  const alone = "no records-manager has joined the suite";

  it("takes every tokenizer that is at hand", async () => {
    const names = ["", "o200k_base", "r50k_base", "none", tiny];
    const errors = await Promise.all(names.map((name) => complaintAbout(create(RunSpecSchema, { tokenizer: { name } }))));
    expect(errors.map(({ message }) => message)).to.deep.equal(names.map(() => alone));
  });

  it("says at once that a tokenizer is not on its host", async () => {
    const error = await complaintAbout(create(RunSpecSchema, { tokenizer: { name: join(tiny, "gone") } }));
    expect(error).to.include({ code: "not_found" });
    expect(error.message).to.contain("there is no");
    expect(await complaintAbout(create(RunSpecSchema, { tokenizer: { name: "gpt2" } }))).to.include({ code: "invalid_argument" });
  });

  it("needs no tokenizer where lengths are the server's usage alone", async () => {
    const spec = create(RunSpecSchema, { tokenizer: { name: join(tiny, "gone") }, endpoint: { useServerTokenCount: true } });
    expect((await complaintAbout(spec)).message).to.equal(alone);
  });
});

describe("a record-processor whose records-manager comes back", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  it("finds it at its new address", async () => {
    const [before, after]: [ManagerSide[], ManagerSide[]] = [[], []];
    const addresses = createAddresses({ token: undefined });
    harness.onClose(() => addresses.close());
    const managerAt = (address: string): void => {
      const entries = [{ service: ServiceKind.RECORDS_MANAGER, memberId: "records-manager-1", address }];
      addresses.update(create(DirectorySchema, { version: 1n, entries }));
    };
    managerAt(await startManager(harness, before));
    const module = createRecordProcessorModule({ id: () => "p1", log: silentLogger, addresses });
    harness.onClose(() => module.stop(0));
    const spec = create(RunSpecSchema, { endpoint: { useServerTokenCount: true } });
    const command = create(CommandSchema, { runId: "run", action: { case: "configure", value: { spec } } });
    await module.onCommand?.(command, AbortSignal.timeout(10_000));
    expect(before).to.have.length(1);
    addresses.update(create(DirectorySchema, { version: 2n }));
    before[0]?.break();
    // While it is nowhere, it is looked for where it was.
    await until("the dial to where it was", () => before.length > 1);
    managerAt(await startManager(harness, after));
    before.at(-1)?.break();
    await until("the dial to where it is", () => after.length > 0);
    expect(after[0]?.hello).to.include({ runId: "run", memberId: "p1" });
  });
});
