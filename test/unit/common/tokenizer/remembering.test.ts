import { expect } from "chai";
import { rememberingCounter } from "../../../../services/common/tokenizer/remembering.ts";

describe("a counter that remembers", () => {
  const counted: string[] = [];
  const counter = (keptChars: number) => {
    counted.length = 0;
    return rememberingCounter((text) => {
      counted.push(text);
      return text.length;
    }, keptChars);
  };

  it("counts each text once", () => {
    const count = counter(100);
    expect(["abc", "de", "abc", "abc"].map(count)).to.deep.equal([3, 2, 3, 3]);
    expect(counted).to.deep.equal(["abc", "de"]);
  });

  it("forgets what was used longest ago when it holds too much", () => {
    const count = counter(6);
    for (const text of ["aaa", "bbb", "aaa", "ccc", "aaa", "bbb"]) count(text);
    expect(counted).to.deep.equal(["aaa", "bbb", "ccc", "bbb"]);
  });

  it("counts a text that is longer than all that it may hold", () => {
    const count = counter(2);
    expect([count("abcdef"), count("abcdef"), count("x")]).to.deep.equal([6, 6, 1]);
  });
});
