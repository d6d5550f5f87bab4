import { expect } from "chai";
import { blockChars, PrefixCache } from "../../../../mock/answers/prefix-cache.ts";

const text = (length: number, from = 0) => Array.from({ length }, (_, i) => String.fromCharCode(97 + ((i + from) % 26))).join("");

describe("the mock's prefix cache", () => {
  it("knows nothing at first, then the whole blocks of what it was shown", () => {
    const cache = new PrefixCache(1000);
    expect(cache.admit([text(200)])).to.equal(0);
    expect(cache.admit([text(200)])).to.equal(48);
    expect(cache.admit([text(63)])).to.equal(0);
  });

  it("finds a prompt up to the block in which it differs", () => {
    const cache = new PrefixCache(1000);
    cache.admit([text(4 * blockChars)]);
    expect(cache.admit([`${text(2 * blockChars + 5)}!${text(2 * blockChars, 7)}`])).to.equal(32);
  });

  it("does not find a block behind another beginning", () => {
    const cache = new PrefixCache(1000);
    const [a, b, same] = [text(blockChars, 1), text(blockChars, 2), text(blockChars, 3)];
    cache.admit([a + same]);
    expect(cache.admit([b + same])).to.equal(0);
  });

  it("adds up over several prompts, the earlier of which are known to the later", () => {
    expect(new PrefixCache(1000).admit([text(128), text(128), text(64)])).to.equal(48);
  });

  it("drops what was used longest ago, ends of prompts first", () => {
    const cache = new PrefixCache(16 * 4);
    const [one, other] = [text(3 * blockChars), text(2 * blockChars, 5)];
    cache.admit([one]);
    cache.admit([other]);
    expect(cache.admit([one])).to.equal(32);
    expect(new PrefixCache(15).admit([one, one])).to.equal(0);
  });
});
