import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { type RunSpec, RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { CommandSchema } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import type { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import { createAddresses } from "../../../services/common/member/addresses.ts";
import { createRecordProcessorModule } from "../../../services/record-processor/module.ts";

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
