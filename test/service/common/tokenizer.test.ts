import { expect } from "chai";
import { createTokenCounter } from "../../../services/record-processor/tokens.ts";

describe("the token counter", () => {
  it("counts tokens of o200k_base over the whole text", () => {
    const count = createTokenCounter();
    expect([count("hello world"), count("tiktoken is great!"), count("")]).to.deep.equal([2, 6, 0]);
  });

  it("counts the name of a special token as the text that it is", () => {
    expect(createTokenCounter()("<|endoftext|>")).to.be.greaterThan(1);
  });
});
