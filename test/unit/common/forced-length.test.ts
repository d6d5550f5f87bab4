import { expect } from "chai";
import { forcedLength, lengthDialectOf } from "../../../services/common/forced-length.ts";

describe("a forced output length", () => {
  it("is a least length and no end before it, where the server knows both", () => {
    for (const dialect of ["auto", "vllm", "sglang", "trtllm"] as const) {
      expect(forcedLength(dialect, 9)).to.deep.equal({ ignore_eos: true, min_tokens: 9 });
    }
    expect(forcedLength("llamacpp", 9)).to.deep.equal({ ignore_eos: true });
  });

  it("is nothing where no length is asked for, or nothing forced", () => {
    expect(forcedLength("auto", undefined)).to.deep.equal({});
    expect(forcedLength(undefined, 9)).to.deep.equal({});
    expect(lengthDialectOf("tgi")).to.equal(undefined);
  });
});
