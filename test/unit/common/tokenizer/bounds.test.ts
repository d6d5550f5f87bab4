import { expect } from "chai";
import { isLinear } from "../../../../services/common/tokenizer/bounds.ts";

const split = (regex: string) => ({ type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false });
const definitionOf = (preTokenizer: unknown, changes = {}) => ({
  normalizer: null,
  pre_tokenizer: preTokenizer,
  model: { type: "WordLevel", vocab: { a: 0, "[UNK]": 1 }, unk_token: "[UNK]" },
  post_processor: null,
  decoder: null,
  added_tokens: [],
  ...changes,
});

const llama3 = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const gpt4o = [
  String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?`,
  String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?`,
  String.raw`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
].join("|");

describe("a tokenizer.json of others' making", () => {
  const linear: readonly string[] = [
    llama3,
    llama3.replace("{1,3}", ""),
    gpt4o,
    String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
    " {2,}",
    String.raw`\s+`,
    String.raw`\p{N}{1,3}`,
    "[0-9][0-9][0-9]",
    String.raw`<\|endoftext\|>|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
  ];
  for (const regex of linear) {
    it(`is counted by as it is where its parts are linear: ${regex.slice(0, 40)}`, () => {
      expect(isLinear(definitionOf({ type: "Sequence", pretokenizers: [split(regex), { type: "ByteLevel" }] }))).to.equal(true);
    });
  }

  const doubtful: readonly (readonly [string, object])[] = [
    ["repeats what repeats", definitionOf(split("(?:a+)+b"))],
    ["repeats two classes in a row", definitionOf(split(String.raw`\s*\s*x`))],
    ["tries one character in many ways", definitionOf(split(`${"a?".repeat(30)}${"a".repeat(30)}`))],
    ["looks back at what it has found", definitionOf(split(String.raw`(a)\1`))],
    ["is a well-known one with something behind it", definitionOf(split(`${llama3}|(a+)+b`))],
    ["repeats a long text", definitionOf(split(`${"a".repeat(300)}+`))],
    ["repeats as often as it likes", definitionOf(split("a{5000}"))],
    ["hides in a list of lists", definitionOf({ type: "Sequence", pretokenizers: [{ pretokenizers: [split("(a*)*b")] }] })],
    ["is a normalizer's", definitionOf(null, { normalizer: { type: "Replace", pattern: { Regex: "(a*)*b" }, content: "" } })],
    ["has a token of a book's length", definitionOf(null, { added_tokens: [{ id: 2, content: "a".repeat(10_000) }] })],
    ["has words of any length", definitionOf(null, { model: { type: "WordPiece", vocab: {}, max_input_chars_per_word: 1e9 } })],
    ["has pieces of any length", definitionOf(null, { model: { type: "Unigram", vocab: [["a".repeat(10_000), 0]] } })],
  ];
  for (const [what, definition] of doubtful) {
    it(`is counted by against the clock where it ${what}`, () => expect(isLinear(definition)).to.equal(false));
  }
});
