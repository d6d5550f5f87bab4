import { expect } from "chai";
import { noPreface, type PrefaceOptions, prefaceOf } from "../../../../services/dataset/core/preface.ts";
import { toyCorpus, toyTokens } from "./toy-corpus.ts";

const corpus = toyCorpus();
const preface = (changes: Partial<PrefaceOptions>, seed = 1) => prefaceOf(corpus, seed, { ...noPreface, ...changes });
const said = (changes: Partial<PrefaceOptions>, conversation: number, seed?: number) =>
  preface(changes, seed).messagesOf(conversation, "Why?");

describe("what stands in front of a synthetic conversation", () => {
  it("is nothing but the prompt where nothing is asked for", () => {
    expect(said({}, 3)).to.deep.equal([{ role: "user", content: "Why?" }]);
    expect(preface({}).tokens).to.equal(0);
  });

  it("is one of so many prefixes, of the length asked for, in front of the prompt", () => {
    const all = Array.from({ length: 200 }, (_, index) => said({ prefixes: 3, prefixTokens: 9 }, index)[0]?.content ?? "");
    const prefixes = new Set(all.map((text) => text.slice(0, -" Why?".length)));
    expect(prefixes.size).to.equal(3);
    for (const prefix of prefixes) expect(toyTokens(prefix)).to.equal(9);
    expect(all.every((text) => text.endsWith(" Why?"))).to.equal(true);
  });

  it("is a system message that all have, and a context of each one's own", () => {
    const changes = { systemTokens: 8, contextTokens: 6 };
    const [one, other] = [said(changes, 0), said(changes, 1)];
    expect(one.map(({ role }) => role)).to.deep.equal(["system", "user", "user"]);
    expect(one[0]).to.deep.equal(other[0]);
    expect(one[1]).not.to.deep.equal(other[1]);
    expect(one.slice(0, 2).map(({ content }) => toyTokens(content))).to.deep.equal([8, 6]);
    expect(preface(changes).tokens).to.equal(14);
  });

  it("is the same for a seed whatever was asked before, and another for another", () => {
    const changes = { prefixes: 4, prefixTokens: 9 };
    const inOrder = [0, 1, 2, 3, 4].map((conversation) => said(changes, conversation));
    const backwards = preface(changes);
    for (let conversation = 4; conversation >= 0; conversation--) {
      expect(backwards.messagesOf(conversation, "Why?")).to.deep.equal(inOrder[conversation]);
    }
    const contexts = (seed: number) => [0, 1, 2, 3].map((conversation) => said({ contextTokens: 20 }, conversation, seed));
    expect(contexts(2)).not.to.deep.equal(contexts(1));
  });

  it("leaves the prefixes as they are when another feature is added", () => {
    const [prefixed] = said({ prefixes: 4, prefixTokens: 9 }, 7);
    const both = said({ prefixes: 4, prefixTokens: 9, systemTokens: 5 }, 7);
    expect(both.at(-1)).to.deep.equal(prefixed);
  });
});
