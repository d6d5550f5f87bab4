/** Answers as servers send them, by the endpoint that reads them, with what they say. */
import type { ParsedResponse } from "../../../endpoints/endpoint.ts";
import { sse } from "./openai/answers.ts";

export interface AnswerFixture {
  readonly endpoint: string;
  readonly title: string;
  readonly isStreaming: boolean;
  readonly body: string;
  /** What is read of the whole of it. */
  readonly says: Partial<Omit<ParsedResponse, "contentNs">>;
  /** Stamps of content that it has. */
  readonly chunks: number;
}

/** Events with their types, as the Responses and the Messages API send them. */
export function typedEvents(...events: readonly Readonly<Record<string, unknown>>[]): string {
  return events.map((event) => `event: ${String(event.type)}\ndata: ${JSON.stringify(event)}\n\n`).join("");
}

function numbered(...events: readonly Readonly<Record<string, unknown>>[]): string {
  return typedEvents(...events.map((event, index) => ({ ...event, sequence_number: index })));
}

const responseUsage = {
  input_tokens: 36,
  input_tokens_details: { cached_tokens: 4 },
  output_tokens: 12,
  output_tokens_details: { reasoning_tokens: 5 },
  total_tokens: 48,
};
const response = { id: "resp_1", object: "response", created_at: 1, status: "in_progress", error: null, model: "m", output: [] };
const message = {
  id: "msg_1",
  type: "message",
  status: "completed",
  role: "assistant",
  content: [{ type: "output_text", annotations: [], text: "Grüß dich" }],
};
const at = { item_id: "msg_1", output_index: 0, content_index: 0 };
const completed = (more: Readonly<Record<string, unknown>>) => ({
  type: "response.completed",
  response: { ...response, status: "completed", usage: responseUsage, ...more },
});
const readUsage = {
  promptTokens: 36,
  completionTokens: 12,
  totalTokens: 48,
  reasoningTokens: 5,
  cachedPromptTokens: 4,
};

const responses: readonly AnswerFixture[] = [
  {
    endpoint: "responses",
    title: "OpenAI's stream of text, which says the text again when it is whole",
    isStreaming: true,
    body: numbered(
      { type: "response.created", response },
      { type: "response.in_progress", response },
      { type: "response.output_item.added", output_index: 0, item: { ...message, status: "in_progress", content: [] } },
      { type: "response.content_part.added", ...at, part: { type: "output_text", annotations: [], text: "" } },
      { type: "response.output_text.delta", ...at, delta: "Grüß", logprobs: [], obfuscation: "a1B2c3" },
      { type: "response.output_text.delta", ...at, delta: " dich", logprobs: [], obfuscation: "z" },
      { type: "response.output_text.done", ...at, text: "Grüß dich" },
      { type: "response.content_part.done", ...at, part: message.content[0] },
      { type: "response.output_item.done", output_index: 0, item: message },
      completed({ output: [message] }),
    ),
    says: { outputText: "Grüß dich", reasoningText: "", finishReason: "completed", usage: readUsage, answerId: "resp_1" },
    chunks: 2,
  },
  {
    endpoint: "responses",
    title: "vLLM's stream of reasoning and text with [DONE]",
    isStreaming: true,
    body: `${numbered(
      { type: "response.created", response },
      { type: "response.reasoning_text.delta", item_id: "rs", output_index: 0, content_index: 0, delta: "Let me" },
      { type: "response.reasoning_text.delta", item_id: "rs", output_index: 0, content_index: 0, delta: " see" },
      { type: "response.reasoning_text.done", item_id: "rs", output_index: 0, content_index: 0, text: "Let me see" },
      { type: "response.output_text.delta", item_id: "m", output_index: 1, content_index: 0, delta: "Yes" },
      completed({}),
    )}${sse("[DONE]")}`,
    says: { outputText: "Yes", reasoningText: "Let me see", finishReason: "completed" },
    chunks: 3,
  },
  {
    endpoint: "responses",
    title: "a part that came whole beside one that came in pieces",
    isStreaming: true,
    body: numbered(
      { type: "response.output_text.delta", item_id: "a", output_index: 0, content_index: 0, delta: "one" },
      { type: "response.output_text.done", item_id: "a", output_index: 0, content_index: 0, text: "one" },
      { type: "response.output_text.done", item_id: "b", output_index: 1, content_index: 0, text: " two" },
      completed({}),
    ),
    says: { outputText: "one two" },
    chunks: 2,
  },
  {
    endpoint: "responses",
    title: "nothing but its end",
    isStreaming: true,
    body: numbered({ type: "response.created", response }, completed({ output: [message] })),
    says: { outputText: "Grüß dich", finishReason: "completed" },
    chunks: 1,
  },
  {
    endpoint: "responses",
    title: "a tool call in pieces",
    isStreaming: true,
    body: numbered(
      {
        type: "response.output_item.added",
        output_index: 1,
        item: { type: "function_call", id: "fc_1", call_id: "call_1", name: "weather", arguments: "" },
      },
      { type: "response.function_call_arguments.delta", item_id: "fc_1", output_index: 1, delta: '{"city":' },
      { type: "response.function_call_arguments.delta", item_id: "fc_1", output_index: 1, delta: '"Rome"}' },
      { type: "response.function_call_arguments.done", item_id: "fc_1", output_index: 1, arguments: '{"city":"Rome"}' },
      completed({}),
    ),
    says: {
      outputText: 'weather{"city":"Rome"}',
      calling: { text: "", calls: [{ id: "call_1", name: "weather", argumentsText: '{"city":"Rome"}' }] },
    },
    chunks: 3,
  },
  {
    endpoint: "responses",
    title: "llama.cpp's stream, which numbers nothing, of a text and two calls",
    isStreaming: true,
    body: typedEvents(
      { type: "response.created", response: { id: "resp_1", object: "response", status: "in_progress" } },
      { type: "response.output_item.added", item: { content: [], id: "msg_1", role: "assistant", type: "message" } },
      { type: "response.output_text.delta", item_id: "msg_1", delta: "H" },
      { type: "response.output_text.delta", item_id: "msg_1", delta: "ai" },
      { type: "response.output_text.done", item_id: "msg_1", text: "Hai" },
      { type: "response.output_item.added", item: { type: "function_call", call_id: "fc_1", name: "f", arguments: "" } },
      { type: "response.function_call_arguments.delta", item_id: "fc_1", delta: "{}" },
      { type: "response.output_item.added", item: { type: "function_call", call_id: "fc_2", name: "g", arguments: "" } },
      { type: "response.function_call_arguments.delta", item_id: "fc_2", delta: "[" },
      { type: "response.function_call_arguments.delta", item_id: "fc_2", delta: "]" },
      completed({}),
    ),
    says: {
      outputText: "Haif{}g[]",
      calling: {
        text: "Hai",
        calls: [
          { id: "fc_1", name: "f", argumentsText: "{}" },
          { id: "fc_2", name: "g", argumentsText: "[]" },
        ],
      },
    },
    chunks: 7,
  },
  {
    endpoint: "responses",
    title: "an answer that ran into its length",
    isStreaming: true,
    body: numbered(
      { type: "response.output_text.delta", ...at, delta: "Once" },
      {
        type: "response.incomplete",
        response: {
          ...response,
          status: "incomplete",
          incomplete_details: { reason: "max_output_tokens" },
          usage: responseUsage,
        },
      },
    ),
    says: { outputText: "Once", finishReason: "max_output_tokens", usage: readUsage },
    chunks: 1,
  },
  {
    endpoint: "responses",
    title: "a document of reasoning, text and a call",
    isStreaming: false,
    body: JSON.stringify({
      ...response,
      status: "completed",
      usage: responseUsage,
      output: [
        { type: "reasoning", id: "rs", summary: [{ type: "summary_text", text: "Think" }] },
        message,
        { type: "function_call", id: "fc", call_id: "call_9", name: "f", arguments: "{}" },
      ],
    }),
    says: {
      outputText: "Grüß dichf{}",
      reasoningText: "Think",
      finishReason: "completed",
      usage: readUsage,
      calling: { text: "Grüß dich", calls: [{ id: "call_9", name: "f", argumentsText: "{}" }] },
      answerId: "resp_1",
    },
    chunks: 1,
  },
];

const started = (usage: Readonly<Record<string, unknown>>) => ({
  type: "message_start",
  message: { id: "msg_1", type: "message", role: "assistant", model: "m", content: [], stop_reason: null, usage },
});
const block = (index: number, content: Readonly<Record<string, unknown>>) => ({
  type: "content_block_start",
  index,
  content_block: content,
});
const delta = (index: number, content: Readonly<Record<string, unknown>>) => ({
  type: "content_block_delta",
  index,
  delta: content,
});
const stopped = (reason: string, usage: Readonly<Record<string, unknown>>) => ({
  type: "message_delta",
  delta: { stop_reason: reason, stop_sequence: null },
  usage,
});

const messages: readonly AnswerFixture[] = [
  {
    endpoint: "messages",
    title: "Anthropic's stream of thinking and text, with counts in two events",
    isStreaming: true,
    body: typedEvents(
      started({ input_tokens: 25, cache_creation_input_tokens: 3, cache_read_input_tokens: 100, output_tokens: 1 }),
      block(0, { type: "thinking", thinking: "" }),
      { type: "ping" },
      delta(0, { type: "thinking_delta", thinking: "Let me see" }),
      delta(0, { type: "signature_delta", signature: "c2ln" }),
      { type: "content_block_stop", index: 0 },
      block(1, { type: "text", text: "" }),
      delta(1, { type: "text_delta", text: "Grüß" }),
      delta(1, { type: "text_delta", text: " dich" }),
      { type: "content_block_stop", index: 1 },
      stopped("end_turn", { output_tokens: 15 }),
      { type: "message_stop" },
    ),
    says: {
      outputText: "Grüß dich",
      reasoningText: "Let me see",
      finishReason: "end_turn",
      usage: {
        promptTokens: 128,
        completionTokens: 15,
        totalTokens: undefined,
        reasoningTokens: undefined,
        cachedPromptTokens: 100,
        cacheWritePromptTokens: 3,
      },
    },
    chunks: 3,
  },
  {
    endpoint: "messages",
    title: "a stream of text and a tool use",
    isStreaming: true,
    body: typedEvents(
      started({ input_tokens: 9, output_tokens: 1 }),
      block(0, { type: "text", text: "" }),
      delta(0, { type: "text_delta", text: "One moment" }),
      { type: "content_block_stop", index: 0 },
      block(1, { type: "tool_use", id: "toolu_1", name: "weather", input: {} }),
      delta(1, { type: "input_json_delta", partial_json: "" }),
      delta(1, { type: "input_json_delta", partial_json: '{"city": "Ro' }),
      delta(1, { type: "input_json_delta", partial_json: 'me"}' }),
      { type: "content_block_stop", index: 1 },
      stopped("tool_use", { output_tokens: 30 }),
      { type: "message_stop" },
    ),
    says: {
      outputText: 'One momentweather{"city": "Rome"}',
      finishReason: "tool_use",
      calling: { text: "One moment", calls: [{ id: "toolu_1", name: "weather", argumentsText: '{"city": "Rome"}' }] },
    },
    chunks: 4,
  },
  {
    endpoint: "messages",
    title: "vLLM's stream, whose second count repeats the first",
    isStreaming: true,
    body: typedEvents(
      started({ input_tokens: 7, output_tokens: 0 }),
      block(0, { type: "text", text: "" }),
      delta(0, { type: "text_delta", text: "Hi" }),
      stopped("max_tokens", { input_tokens: 7, output_tokens: 4 }),
      { type: "message_stop" },
    ),
    says: {
      outputText: "Hi",
      finishReason: "max_tokens",
      usage: {
        promptTokens: 7,
        completionTokens: 4,
        totalTokens: undefined,
        reasoningTokens: undefined,
        cachedPromptTokens: undefined,
      },
    },
    chunks: 1,
  },
  {
    endpoint: "messages",
    title: "a whole message",
    isStreaming: false,
    body: JSON.stringify({
      id: "msg_1",
      type: "message",
      role: "assistant",
      content: [
        { type: "thinking", thinking: "Hm", signature: "s" },
        { type: "text", text: "Hello" },
        { type: "tool_use", id: "toolu_2", name: "f", input: { a: 1 } },
      ],
      stop_reason: "tool_use",
      usage: { input_tokens: 5, output_tokens: 6, cache_read_input_tokens: null },
    }),
    says: {
      outputText: 'Hellof{"a":1}',
      reasoningText: "Hm",
      finishReason: "tool_use",
      calling: { text: "Hello", calls: [{ id: "toolu_2", name: "f", argumentsText: '{"a":1}' }] },
    },
    chunks: 1,
  },
];

function document(endpoint: string, title: string, body: unknown, says: AnswerFixture["says"]): AnswerFixture {
  return { endpoint, title, isStreaming: false, body: JSON.stringify(body), says, chunks: 1 };
}

const inputOnly = (promptTokens: number, rest: Partial<ParsedResponse["usage"]> = {}) => ({
  usage: {
    promptTokens,
    completionTokens: undefined,
    totalTokens: promptTokens,
    reasoningTokens: undefined,
    cachedPromptTokens: undefined,
    ...rest,
  },
});

const embedding = (index: number, value: unknown) => ({ object: "embedding", index, embedding: value });
const vectors = { object: "list", model: "m", usage: { prompt_tokens: 8, total_tokens: 8 } };

const data: readonly AnswerFixture[] = [
  document(
    "embeddings",
    "two vectors",
    { ...vectors, data: [embedding(0, [0.1, -0.2]), embedding(1, [1e-9, 3])] },
    { outputText: "", outputCount: 2, ...inputOnly(8) },
  ),
  document("embeddings", "a vector in base64", { ...vectors, data: [embedding(0, "AACAPwAAAEA=")] }, { outputCount: 1 }),
  document(
    "chat_embeddings",
    "a vector of vLLM's",
    { id: "embd-1", ...vectors, usage: { prompt_tokens: 8, total_tokens: 8, completion_tokens: 0 }, data: [embedding(0, [1])] },
    { outputCount: 1, ...inputOnly(8, { completionTokens: 0 }) },
  ),
  document(
    "nim_embeddings",
    "a vector of NIM's",
    { ...vectors, data: [embedding(0, [0.5])] },
    { outputCount: 1, ...inputOnly(8) },
  ),
  document(
    "nim_rankings",
    "NIM's logits",
    {
      rankings: [
        { index: 1, logit: 4.5 },
        { index: 0, logit: -3 },
      ],
      usage: { prompt_tokens: 8, total_tokens: 8 },
    },
    { outputCount: 2, ...inputOnly(8) },
  ),
  document(
    "cohere_rankings",
    "Cohere's scores",
    {
      id: "r",
      results: [{ index: 0, relevance_score: 0.9 }],
      meta: { billed_units: { search_units: 1 }, api_version: { version: "2" } },
    },
    { outputCount: 1, usage: undefined },
  ),
  document(
    "cohere_rankings",
    "vLLM's scores, whose usage has a total alone",
    { id: "r", model: "m", usage: { total_tokens: 8 }, results: [{ index: 0, document: { text: "a" }, relevance_score: 0.9 }] },
    { outputCount: 1, ...inputOnly(8) },
  ),
  document(
    "hf_tei_rankings",
    "TEI's bare list",
    [
      { index: 1, score: 0.99 },
      { index: 0, score: 0.01, text: "a" },
    ],
    { outputCount: 2, usage: undefined },
  ),
  document("hf_tei_rankings", "a list with a name", { results: [{ index: 0, score: 1 }] }, { outputCount: 1 }),
  document(
    "image_generation",
    "two images, inside and elsewhere",
    {
      created: 1,
      data: [{ b64_json: "aGk=", revised_prompt: "a cat" }, { url: "http://h/1.png" }],
      usage: { input_tokens: 8, output_tokens: 100, total_tokens: 108 },
    },
    { outputText: "", outputCount: 2 },
  ),
  {
    endpoint: "image_generation",
    title: "drafts and an image",
    isStreaming: true,
    body: typedEvents(
      { type: "image_generation.partial_image", b64_json: "YQ==", partial_image_index: 0 },
      { type: "image_generation.partial_image", b64_json: "YWI=", partial_image_index: 1 },
      { type: "image_generation.completed", b64_json: "YWJj", usage: { input_tokens: 8, output_tokens: 100, total_tokens: 108 } },
    ),
    says: { outputCount: 1, finishReason: "completed" },
    chunks: 3,
  },
  {
    endpoint: "image_generation",
    title: "an image of a server without types",
    isStreaming: true,
    body: sse({ b64_json: "YWJj" }, "[DONE]"),
    says: { outputCount: 1 },
    chunks: 1,
  },
];

export const answerFixtures: readonly AnswerFixture[] = [...responses, ...messages, ...data];
