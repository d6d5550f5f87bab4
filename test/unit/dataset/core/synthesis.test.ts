import { expect } from "chai";
import fc from "fast-check";
import { type SyntheticOptions, syntheticDataset } from "../../../../services/dataset/core/synthesis.ts";
import { toyCorpus, toyTokens } from "./toy-corpus.ts";

const corpus = toyCorpus();
const fixed = (mean: number) => ({ mean, stddev: 0 });
const options = (changes: Partial<SyntheticOptions>): SyntheticOptions => ({
  size: 1000,
  seed: 1,
  inputTokens: fixed(20),
  outputTokens: undefined,
  turns: fixed(1),
  turnDelayMs: fixed(0),
  ...changes,
});
const promptOf = (changes: Partial<SyntheticOptions>, conversation: number, turn = 0) =>
  syntheticDataset(corpus, options(changes)).messages(conversation, turn)[0]?.content ?? expect.fail("no message");
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe("syntheticDataset", () => {
  it("makes prompts of exactly the planned length, also far beyond the corpus", () => {
    fc.assert(
      fc.property(fc.nat(999), fc.integer({ min: 1, max: 500 }), fc.maxSafeInteger(), (conversation, length, seed) => {
        expect(toyTokens(promptOf({ inputTokens: fixed(length), seed }, conversation))).to.equal(length);
      }),
    );
  });

  it("begins prompts with a capital and ends them without a blank, so that trimming changes nothing", () => {
    for (let conversation = 0; conversation < 200; conversation++) {
      const prompt = promptOf({ inputTokens: fixed(1 + (conversation % 40)) }, conversation);
      expect(prompt).to.match(/^\p{Lu}/u);
      expect(prompt).to.equal(prompt.trim());
    }
  });

  it("makes the same conversation whatever was made before, and another one for another seed", () => {
    const dataset = syntheticDataset(corpus, options({}));
    const backwards = Array.from({ length: 50 }, (_, index) => dataset.messages(49 - index, 0)).reverse();
    const forwards = Array.from({ length: 50 }, (_, index) => [{ role: "user" as const, content: promptOf({}, index) }]);
    expect(backwards).to.deep.equal(forwards);
    expect(promptOf({ seed: 2 }, 0)).not.to.equal(promptOf({}, 0));
  });

  it("never repeats the beginning of a prompt before every pair of pieces has been used", () => {
    const pairs = corpus.openings.length * corpus.joins.length;
    const dataset = syntheticDataset(corpus, options({ size: pairs, inputTokens: fixed(24) }));
    const prompts = Array.from({ length: pairs }, (_, conversation) => dataset.messages(conversation, 0)[0]?.content);
    expect(new Set(prompts).size).to.equal(pairs);
  });

  it("draws lengths by mean and standard deviation, whole and at least 1", () => {
    const changes = { inputTokens: { mean: 60, stddev: 10 }, outputTokens: { mean: 2, stddev: 4 } };
    const dataset = syntheticDataset(corpus, options(changes));
    const plans = Array.from({ length: 1000 }, (_, conversation) => dataset.plan(conversation)[0] ?? expect.fail());
    const inputs = plans.map((plan) => plan.inputTokens ?? expect.fail());
    expect(mean(inputs)).to.be.closeTo(60, 1);
    expect(Math.sqrt(mean(inputs.map((value) => (value - 60) ** 2)))).to.be.closeTo(10, 1);
    const outputs = plans.map((plan) => plan.maxOutputTokens ?? expect.fail());
    expect(outputs.every((value) => Number.isInteger(value) && value >= 1)).to.equal(true);
    // Of what falls below 1, nothing gathers there: it is drawn again.
    expect(outputs.filter((value) => value === 1).length).to.be.within(100, 200);
  });

  it("leaves prompts and input lengths as they are when other output lengths are asked for", () => {
    const changes = { inputTokens: { mean: 30, stddev: 9 }, turns: { mean: 3, stddev: 1 } };
    const [plain, asking] = [{ ...changes }, { ...changes, outputTokens: { mean: 9, stddev: 3 } }].map((these) =>
      syntheticDataset(corpus, options(these)),
    );
    for (let conversation = 0; conversation < 20; conversation++) {
      const inputs = plain?.plan(conversation).map((turn) => turn.inputTokens);
      expect(asking?.plan(conversation).map((turn) => turn.inputTokens)).to.deep.equal(inputs);
      expect(asking?.messages(conversation, 0)).to.deep.equal(plain?.messages(conversation, 0));
    }
  });

  it("gives later turns a delay and texts of their own, and the first turn no delay", () => {
    const changes = { turns: fixed(4), turnDelayMs: fixed(250), outputTokens: fixed(7) };
    const dataset = syntheticDataset(corpus, options(changes));
    expect(dataset.plan(5).map((turn) => turn.delayMs)).to.deep.equal([0, 250, 250, 250]);
    expect(dataset.plan(5).map((turn) => turn.maxOutputTokens)).to.deep.equal([7, 7, 7, 7]);
    expect(new Set([0, 1, 2, 3].map((turn) => promptOf(changes, 5, turn))).size).to.equal(4);
  });

  it("has its pauses scaled, down to none", () => {
    const delays = (turnDelayRatio: number) =>
      syntheticDataset(corpus, options({ turns: fixed(3), turnDelayMs: { mean: 200, stddev: 40 }, turnDelayRatio }))
        .plan(5)
        .map((turn) => turn.delayMs);
    const plain = delays(1);
    expect(delays(0.5)).to.deep.equal(plain.map((delayMs) => delayMs / 2));
    expect(delays(0)).to.deep.equal([0, 0, 0]);
    expect(plain[1]).to.be.above(0);
  });

  it("asks for no output length where none is given", () => {
    expect(syntheticDataset(corpus, options({})).plan(0)).to.deep.equal([
      { inputTokens: 20, maxOutputTokens: undefined, delayMs: 0 },
    ]);
  });

  it("makes several texts of a turn, the first of which is the one that would be alone", () => {
    const dataset = syntheticDataset(corpus, options({ textBatchSize: 3, turns: fixed(2) }));
    for (const turn of [0, 1]) {
      const [message] = dataset.messages(7, turn);
      const texts = message?.parts?.map(({ content }) => content) ?? [];
      expect(texts.map(toyTokens)).to.deep.equal([20, 20, 20]);
      expect(new Set(texts).size).to.equal(3);
      expect(texts[0]).to.equal(promptOf({ turns: fixed(2) }, 7, turn));
      expect(message?.content).to.equal(texts.join("\n"));
      expect(dataset.plan(7)[turn]?.inputTokens).to.equal(60);
    }
  });

  it("draws a length for each text, and one for all where lengths are drawn together", () => {
    const lengthsOf = (changes: Partial<SyntheticOptions>) =>
      Array.from({ length: 50 }, (_, conversation) => {
        const dataset = syntheticDataset(corpus, options({ textBatchSize: 2, ...changes }));
        const lengths = dataset.messages(conversation, 0)[0]?.parts?.map(({ content }) => toyTokens(content)) ?? [];
        expect(dataset.plan(conversation)[0]?.inputTokens).to.equal(
          lengths[0] === undefined ? 0 : lengths[0] + (lengths[1] ?? 0),
        );
        return lengths;
      });
    expect(lengthsOf({ inputTokens: { mean: 60, stddev: 10 } }).some(([one, other]) => one !== other)).to.equal(true);
    const lengthMix = [
      { inputTokens: fixed(10), outputTokens: undefined, weight: 1 },
      { inputTokens: fixed(30), outputTokens: undefined, weight: 1 },
    ];
    expect(new Set(lengthsOf({ lengthMix }).map(String))).to.deep.equal(new Set(["10,10", "30,30"]));
  });

  it("leaves the text out where there are to be none", () => {
    const dataset = syntheticDataset(corpus, options({ textBatchSize: 0 }));
    expect(dataset.messages(0, 0)).to.deep.equal([{ role: "user", content: "" }]);
    expect(dataset.plan(0)[0]?.inputTokens).to.equal(undefined);
  });
});
