import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { PhaseIdentitySchema } from "../../../gen/assay/controller/v1/controller_pb.js";
import { wholeIdentity } from "../../../services/controller/core/whole-identity.ts";

const part = (counts: object) => create(PhaseIdentitySchema, counts);

describe("the account of a phase", () => {
  it("adds up those of its shards", () => {
    const parts = [
      part({ drawn: 10n, unused: 1n, dropped: 2n, succeeded: 3n, errored: 1n, missingRecord: 2n, missingLost: 1n, queued: 5n }),
      part({ drawn: 4n, succeeded: 2n, cancelled: 2n, late: 1n, conflicts: 3n }),
    ];
    const whole = wholeIdentity(parts, 7n);
    const counts = { drawn: 14n, unused: 1n, dropped: 2n, succeeded: 5n, errored: 1n, cancelled: 2n };
    const others = { missingRecord: 2n, missingLost: 1n, unaccounted: 0n, abandoned: 7n, queued: 5n, late: 1n, conflicts: 3n };
    expect(whole).to.deep.include({ ...counts, ...others });
  });

  it("has what nobody accounts for once, however its shards were closed by their rows", () => {
    // Timing said last that 3 of the 20 were unused: shard 0 alone is told, and has fewer ids without a row.
    const parts = [
      part({ drawn: 10n, unused: 3n, succeeded: 9n, unaccounted: 0n }),
      part({ drawn: 10n, succeeded: 4n, unaccounted: 6n }),
    ];
    expect(wholeIdentity(parts, 0n)?.unaccounted).to.equal(4n);
  });

  it("is not known where one of them is not", () => {
    expect(wholeIdentity([part({ drawn: 1n }), undefined], 0n)).to.equal(undefined);
  });
});
