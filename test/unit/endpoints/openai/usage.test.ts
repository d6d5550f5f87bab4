import { expect } from "chai";
import { readUsage, usageOf } from "../../../../endpoints/openai/usage.ts";

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
    [
      "xAI's, whose reasoning is beside the completion",
      { prompt_tokens: 12, completion_tokens: 1, total_tokens: 399, completion_tokens_details: { reasoning_tokens: 386 } },
      [12, 387, 399, 386, undefined],
    ],
    [
      "OpenAI's, whose reasoning is part of the completion",
      { prompt_tokens: 12, completion_tokens: 387, total_tokens: 399, completion_tokens_details: { reasoning_tokens: 386 } },
      [12, 387, 399, 386, undefined],
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

  const parts: readonly (readonly [title: string, usage: Record<string, unknown>, expected: Record<string, number>])[] = [
    [
      "OpenAI's of audio and predictions",
      {
        prompt_tokens: 9,
        completion_tokens: 8,
        prompt_tokens_details: { cached_tokens: 0, audio_tokens: 3 },
        completion_tokens_details: { audio_tokens: 4, accepted_prediction_tokens: 5, rejected_prediction_tokens: 6 },
      },
      {
        cachedPromptTokens: 0,
        promptAudioTokens: 3,
        completionAudioTokens: 4,
        acceptedPredictionTokens: 5,
        rejectedPredictionTokens: 6,
      },
    ],
    [
      "Anthropic's cache",
      { input_tokens: 9, output_tokens: 1, cache_creation_input_tokens: 4, cache_read_input_tokens: 5 },
      { cacheWritePromptTokens: 4, cachedPromptTokens: 5 },
    ],
    [
      "Bedrock's",
      { inputTokens: 9, outputTokens: 2, totalTokens: 11, cacheReadInputTokens: 3, cacheWriteInputTokens: 4 },
      { promptTokens: 9, completionTokens: 2, totalTokens: 11, cachedPromptTokens: 3, cacheWritePromptTokens: 4 },
    ],
    [
      "DeepSeek's misses",
      { prompt_tokens: 9, completion_tokens: 1, prompt_cache_hit_tokens: 4, prompt_cache_miss_tokens: 5 },
      { cachedPromptTokens: 4, cacheMissPromptTokens: 5 },
    ],
    ["Mistral's audio", { prompt_tokens: 9, completion_tokens: 1, prompt_audio_seconds: 12 }, { promptAudioSeconds: 12 }],
    ["watsonx's", { input_token_count: 9, generated_token_count: 2 }, { promptTokens: 9, completionTokens: 2 }],
    [
      "Cohere's",
      { billed_units: { input_tokens: 1 }, tokens: { input_tokens: 9, output_tokens: 2 }, cached_tokens: 3 },
      { promptTokens: 9, completionTokens: 2, cachedPromptTokens: 3 },
    ],
  ];
  for (const [title, usage, expected] of parts) {
    it(`reads ${title}`, () => {
      expect(readUsage(usage)).to.include(expected);
    });
  }

  it("has no field for parts that nobody counted", () => {
    expect(readUsage({ prompt_tokens: 1, completion_tokens: 1, prompt_audio_seconds: {} })).to.not.have.any.keys(
      ...["cacheWritePromptTokens", "promptAudioTokens", "promptAudioSeconds", "completionAudioTokens", "toolUsePromptTokens"],
    );
  });

  it("is found where vendors put it, and counts Gemini's thoughts as part of the answer", () => {
    const usageMetadata = {
      promptTokenCount: 9,
      candidatesTokenCount: 5,
      thoughtsTokenCount: 7,
      totalTokenCount: 24,
      cachedContentTokenCount: 4,
      toolUsePromptTokenCount: 3,
    };
    expect(usageOf({ usageMetadata })).to.include({
      promptTokens: 9,
      completionTokens: 12,
      reasoningTokens: 7,
      totalTokens: 24,
      cachedPromptTokens: 4,
      toolUsePromptTokens: 3,
    });
    const meta = { api_version: { version: "1" }, tokens: { input_tokens: 6, output_tokens: 2 } };
    expect(usageOf({ usage: null, meta })).to.include({ promptTokens: 6, completionTokens: 2 });
    const groq = { id: "req_1", usage: { prompt_tokens: 6, completion_tokens: 2, queue_time: 0.1 } };
    expect(usageOf({ x_groq: groq })).to.include({ promptTokens: 6, completionTokens: 2 });
    expect(usageOf({ x_groq: { id: "req_1" } })).to.equal(undefined);
  });

  it("is what llama.cpp says of its times where it sends none, the cache included", () => {
    const timings = { cache_n: 4, prompt_n: 6, prompt_ms: 12.5, predicted_n: 3, predicted_ms: 30 };
    expect(usageOf({ timings })).to.include({ promptTokens: 10, completionTokens: 3, cachedPromptTokens: 4, totalTokens: 13 });
    expect(usageOf({ timings, usage: { prompt_tokens: 9, completion_tokens: 1 } })).to.include({ promptTokens: 9 });
    for (const odd of [{}, { prompt_n: -1 }, "3", null]) expect(usageOf({ timings: odd })).to.equal(undefined);
  });

  it("is none where no count is named", () => {
    for (const usage of [null, undefined, {}, [], "3", { cost: 1 }]) expect(readUsage(usage)).to.equal(undefined);
  });
});
