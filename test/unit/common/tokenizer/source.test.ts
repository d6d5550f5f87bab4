import { expect } from "chai";
import {
  isCorpusEncoding,
  isRevision,
  type TokenizerSource,
  tokenizerSource,
} from "../../../../services/common/tokenizer/source.ts";

describe("the name of a tokenizer", () => {
  const known: readonly (readonly [name: string, source: TokenizerSource])[] = [
    ["", { kind: "encoding", name: "o200k_base" }],
    ["builtin", { kind: "encoding", name: "o200k_base" }],
    ["cl100k_base", { kind: "encoding", name: "cl100k_base" }],
    ["o200k_harmony", { kind: "encoding", name: "o200k_harmony" }],
    ["none", { kind: "none" }],
    ["/models/llama", { kind: "path", path: "/models/llama" }],
    ["C:\\models\\llama", { kind: "path", path: "C:\\models\\llama" }],
    ["npm:tokens", { kind: "package", name: "tokens" }],
    ["meta-llama/Llama-3", { kind: "hub", name: "meta-llama/Llama-3", revision: "main" }],
    ["npm:@scope/tokens.v3", { kind: "package", name: "@scope/tokens.v3" }],
  ];
  for (const [name, source] of known) {
    it(`is known: ${JSON.stringify(name)}`, () => expect(tokenizerSource(name)).to.deep.equal(source));
  }

  it("may have a revision on the Hub", () => {
    expect(tokenizerSource("a/b", "refs/pr/1")).to.deep.equal({ kind: "hub", name: "a/b", revision: "refs/pr/1" });
    expect(["v1.0", "refs/pr/1", "0".repeat(40)].every(isRevision)).to.equal(true);
    expect(["", "../x", "a/../b", "/x", "a b", ".x"].some(isRevision)).to.equal(false);
  });

  const unknown = [
    "gpt2",
    "O200K_BASE",
    "meta-llama/../x",
    "a/b/c",
    "../x",
    "./x",
    "npm:",
    "npm:../x",
    "npm:a/b",
    "npm:@a/../b",
    "npm:/etc",
    "npm:.x",
  ];
  for (const name of unknown) {
    it(`stands for nothing: ${name}`, () => expect(tokenizerSource(name)).to.equal(undefined));
  }

  it("is the corpus's own for both encodings with its vocabulary", () => {
    const isOwn = ["builtin", "o200k_harmony", "cl100k_base", "none", "/x"].map((name) => {
      const source = tokenizerSource(name);
      return source !== undefined && isCorpusEncoding(source);
    });
    expect(isOwn).to.deep.equal([true, true, false, false, false]);
  });
});
