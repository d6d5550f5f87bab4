import { expect } from "chai";
import { readUsage } from "../../../../endpoints/openai/usage.ts";

describe("usage", () => {
  const rows: readonly (readonly [string, unknown, readonly (number | undefined)[]])[] = [
    [
      "OpenAI's",
      { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, completion_tokens_details: { reasoning_tokens: 4 } },
      [1, 2, 3, 4, undefined],
    ],
    [
      "vLLM's with its cache",
      { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, prompt_tokens_details: { cached_tokens: 5 } },
      [1, 2, 3, undefined, 5],
    ],
    [
      "vLLM's without details",
      { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, prompt_tokens_details: null },
      [1, 2, 3, undefined, undefined],
    ],
    [
      "the Responses API's",
      {
        input_tokens: 1,
        output_tokens: 2,
        output_tokens_details: { reasoning_tokens: 4 },
        input_tokens_details: { cached_tokens: 5 },
      },
      [1, 2, undefined, 4, 5],
    ],
    ["SGLang's", { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, reasoning_tokens: 0 }, [1, 2, 3, 0, undefined]],
    ["DeepSeek's", { prompt_tokens: 1, completion_tokens: 2, prompt_cache_hit_tokens: 5 }, [1, 2, undefined, undefined, 5]],
    ["zero, which is a count", { prompt_tokens: 0, completion_tokens: 0 }, [0, 0, undefined, undefined, undefined]],
    [
      "counts that are none, left out",
      { prompt_tokens: "7", completion_tokens: -1, total_tokens: 3 },
      [undefined, undefined, 3, undefined, undefined],
    ],
  ];
  for (const [title, usage, [promptTokens, completionTokens, totalTokens, reasoningTokens, cachedPromptTokens]] of rows) {
    it(`reads ${title}`, () => {
      expect(readUsage(usage)).to.deep.equal({
        promptTokens,
        completionTokens,
        totalTokens,
        reasoningTokens,
        cachedPromptTokens,
      });
    });
  }

  it("is none where no count is named", () => {
    for (const usage of [null, undefined, {}, [], "3", { cost: 1 }]) expect(readUsage(usage)).to.equal(undefined);
  });
});
