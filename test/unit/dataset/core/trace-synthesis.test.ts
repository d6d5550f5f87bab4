import { expect } from "chai";
import fc from "fast-check";
import type { PromptRecipe } from "../../../../services/dataset/core/formats/row.ts";
import { rowAt } from "../../../../services/dataset/core/packed-rows.ts";
import { recipeOf } from "../../../../services/dataset/core/recipe-wire.ts";
import { BlockCounts, RecipeShaper, type TraceSynthesis } from "../../../../services/dataset/core/trace-synthesis.ts";
import { loadedRows } from "./loading.ts";

const none: TraceSynthesis = {
  speedupRatio: 1,
  prefixLenMultiplier: 1,
  prefixRootMultiplier: 1,
  promptLenMultiplier: 1,
  outputLenMultiplier: 1,
  maxInputTokens: Number.POSITIVE_INFINITY,
  maxOutputTokens: Number.POSITIVE_INFINITY,
};
const blockTokens = 10;

/** Recipes of these lengths and blocks, changed together. */
function shaped(
  requests: readonly (readonly [inputTokens: number, blockIds: readonly number[]])[],
  change: Partial<TraceSynthesis>,
) {
  const counts = new BlockCounts();
  for (const [, ids] of requests) counts.add(ids);
  const shaper = new RecipeShaper(counts, { ...none, ...change }, 1);
  return requests.map(([inputTokens, blockIds]) => shaper.shape({ inputTokens, blockIds, blockTokens }));
}

function sharedLength(one: readonly number[], other: readonly number[]): number {
  let length = 0;
  while (length < one.length && length < other.length && one[length] === other[length]) length++;
  return length;
}

/** Requests whose blocks' names are those of whole prefixes. */
const traces = fc
  .array(fc.tuple(fc.array(fc.nat(2), { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: blockTokens })), {
    minLength: 2,
    maxLength: 20,
  })
  .map((paths) =>
    paths.map(([path, last]) => {
      const ids = path.map((_, index) => path.slice(0, index + 1).reduce((id, step) => id * 4 + step + 1, 0));
      return [(ids.length - 1) * blockTokens + last, ids] as const;
    }),
  );

describe("a trace that is changed", () => {
  const trace = [
    [35, [1, 2, 3, 4]],
    [28, [1, 2, 7]],
    [12, [9, 8]],
  ] as const;

  it("keeps its shared prefixes and gives what is a request's own new names", () => {
    const [one, two, three] = shaped(trace, {});
    expect(one?.blockIds.slice(0, 2)).to.deep.equal([1, 2]);
    expect(two?.blockIds.slice(0, 2)).to.deep.equal([1, 2]);
    expect([one, two, three].map((recipe) => [recipe?.inputTokens, recipe?.blockIds.length])).to.deep.equal([
      [35, 4],
      [28, 3],
      [12, 2],
    ]);
    const own = [one?.blockIds.slice(2), two?.blockIds.slice(2), three?.blockIds].flat();
    expect(new Set([...own, 1, 2]).size).to.equal(7);
  });

  it("has prefixes of twice the blocks as AIPerf names them, and of one and a half times", () => {
    expect(shaped(trace, { prefixLenMultiplier: 2 })[1]).to.deep.include({ inputTokens: 48 });
    expect(shaped(trace, { prefixLenMultiplier: 2 })[1]?.blockIds.slice(0, 4)).to.deep.equal([2, 3, 4, 5]);
    const [one, two] = shaped(trace, { prefixLenMultiplier: 1.5 });
    expect(sharedLength(one?.blockIds ?? [], two?.blockIds ?? [])).to.equal(3);
    expect([one?.inputTokens, two?.inputTokens]).to.deep.equal([45, 38]);
  });

  it("has shorter prefixes, of one block at least, and none where none was shared", () => {
    expect(shaped(trace, { prefixLenMultiplier: 0.5 }).map(({ inputTokens }) => inputTokens)).to.deep.equal([25, 18, 12]);
    expect(shaped(trace, { prefixLenMultiplier: 0.01 })[0]?.blockIds[0]).to.equal(1);
  });

  it("has longer and shorter own parts, of which none may be left", () => {
    expect(shaped(trace, { promptLenMultiplier: 2 }).map(({ inputTokens }) => inputTokens)).to.deep.equal([50, 36, 24]);
    expect(shaped(trace, { promptLenMultiplier: 0 }).map(({ inputTokens }) => inputTokens)).to.deep.equal([20, 20, 1]);
    expect(shaped([[30, []]], { promptLenMultiplier: 1.1 })).to.deep.equal([{ inputTokens: 33, blockIds: [], blockTokens }]);
  });

  it("takes a shared block that is not full for a request's own", () => {
    const [one, two] = shaped(
      [
        [15, [1, 2]],
        [15, [1, 2]],
      ],
      {},
    );
    expect([one, two].map((recipe) => recipe?.inputTokens)).to.deep.equal([15, 15]);
    expect(sharedLength(one?.blockIds ?? [], two?.blockIds ?? [])).to.equal(1);
  });

  it("is cut to the longest prompt, blocks and all", () => {
    expect(shaped(trace, { promptLenMultiplier: 10, maxInputTokens: 41 })[0]).to.deep.include({ inputTokens: 41 });
    expect(shaped(trace, { promptLenMultiplier: 10, maxInputTokens: 41 })[0]?.blockIds).to.have.length(5);
  });

  it("shares in each copy what it shared, and nothing between copies", () => {
    const many = Array.from({ length: 300 }, () => [25, [1, 2, 3]] as const);
    const recipes = shaped(many, { prefixRootMultiplier: 3 });
    const starts = new Map<number | undefined, number>();
    for (const { blockIds } of recipes) starts.set(blockIds[0], (starts.get(blockIds[0]) ?? 0) + 1);
    expect(starts.size).to.equal(3);
    for (const count of starts.values()) expect(count).to.be.within(60, 140);
    expect(shaped(many, { prefixRootMultiplier: 3 })).to.deep.equal(recipes);
  });

  it("has as many blocks as its tokens need, and stretches what any two requests share by the factor", () => {
    const factors = fc.constantFrom(1, 1.1, 1.5, 2, 2.7, 3);
    const check = fc.property(
      traces,
      factors,
      fc.constantFrom(0, 0.5, 1, 1.9),
      (requests, prefixLenMultiplier, promptLenMultiplier) => {
        const counts = new BlockCounts();
        for (const [, ids] of requests) counts.add(ids);
        const full = ([tokens, ids]: readonly [number, readonly number[]]) => ids.slice(0, Math.floor(tokens / blockTokens));
        const recipes = shaped(requests, { prefixLenMultiplier, promptLenMultiplier });
        for (const { inputTokens, blockIds } of recipes) expect(blockIds.length).to.equal(Math.ceil(inputTokens / blockTokens));
        for (const [index, request] of requests.entries()) {
          for (let other = 0; other < index; other++) {
            const before = sharedLength(full(request), full(requests[other] ?? expect.fail("no request")));
            const after = sharedLength(recipes[index]?.blockIds ?? [], recipes[other]?.blockIds ?? []);
            expect(after).to.equal(Math.ceil(before * prefixLenMultiplier - 1e-9));
          }
        }
      },
    );
    fc.assert(check, { numRuns: 200 });
  });

  it("is refused where its names are too large to be multiplied", () => {
    const large = [
      [15, [2 ** 52, 1]],
      [15, [2 ** 52, 2]],
    ] as const;
    expect(() => shaped(large, { prefixRootMultiplier: 4 })).to.throw(
      "dataset.file.synthesis: hash_ids up to 4503599627370496 are too large",
    );
  });

  const rows = [
    { timestamp: 100, input_length: 1100, output_length: 10, hash_ids: [1, 2, 3] },
    { timestamp: 300, input_length: 900, output_length: 40, hash_ids: [1, 9] },
    { timestamp: 400, input_length: 5000, output_length: 7 },
    { timestamp: 500, text_input: "as it is", output_length: 1 },
  ];
  const recipesOf = (file: ReturnType<typeof loadedRows>): (PromptRecipe | undefined)[] =>
    Array.from({ length: file.turns.size }, (_, row) => recipeOf(rowAt(file.turns, row)));

  it("leaves out longer prompts and says so, scales outputs and times, and leaves texts as they are", () => {
    const synthesis = { ...none, speedupRatio: 2, outputLenMultiplier: 0.25, maxInputTokens: 2000, maxOutputTokens: 5 };
    const file = loadedRows(rows, { trace: { synthesis } });
    expect([...(file.timestampsMs ?? [])]).to.deep.equal([50, 150, 250]);
    expect(file.outputTokens).to.deep.equal({ sum: 3 + 5 + 1, count: 3 });
    expect(recipesOf(file).map((recipe) => recipe?.inputTokens)).to.deep.equal([1100, 900, undefined]);
    expect(file.notes.join()).to.contain("1 rows of longer prompts were left out (--synthesis-max-isl)");
    expect(file.prefixes).to.deep.include({ sharedBlocks: 1 });
  });

  it("is refused where its rows name no blocks, by the field and the format", () => {
    const burst = { Timestamp: 1, "Request tokens": 5, "Response tokens": 5 };
    expect(() => loadedRows([burst], { trace: { synthesis: none } })).to.throw(
      "needs a trace whose rows have hash_ids (bailian_trace or mooncake_trace), this is burst_gpt_trace",
    );
  });
});
