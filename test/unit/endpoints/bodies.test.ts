import { expect } from "chai";
import { createEndpoint } from "../../../endpoints/catalog.ts";
import type { ChatMessage, ContentPart, Endpoint, TurnInput } from "../../../endpoints/endpoint.ts";
import { answeringCalls, replyOf } from "../../../services/common/session-history.ts";

const turn: TurnInput = {
  model: "m",
  messages: [{ role: "user", content: "grüß dich" }],
  maxOutputTokens: undefined,
  isStreaming: false,
  extraInputs: {},
};

function made(name: string): Endpoint {
  return createEndpoint(name) ?? expect.fail(`there is no endpoint ${name}`);
}

function body(name: string, changes: Partial<TurnInput> = {}): Record<string, unknown> {
  return JSON.parse(Buffer.from(made(name).formatBody({ ...turn, ...changes })).toString());
}

function bodyText(name: string, changes: Partial<TurnInput> = {}): string {
  return Buffer.from(made(name).formatBody({ ...turn, ...changes })).toString();
}

/** A message of parts, as the dataset gives it. */
function of(...parts: readonly ContentPart[]): ChatMessage {
  const texts = parts.filter(({ modality }) => modality === "text");
  return { role: "user", content: texts.map(({ content }) => content).join("\n"), parts };
}
const text = (content: string, name?: string): ContentPart => ({
  modality: "text",
  content,
  ...(name === undefined ? {} : { name }),
});
const image = (content: string): ContentPart => ({ modality: "image", content });
const audio: ContentPart = { modality: "audio", content: "data:audio/wav;base64,UklG" };
const png = "data:image/png;base64,iVBO";
const fn = {
  name: "weather",
  description: "of a city",
  parameters: { type: "object", properties: { city: { type: "string" } } },
};
const tools = [{ type: "function", function: fn }];

/** A session that called a tool twice, and its next question. */
const calling = replyOf({
  outputText: 'One momentweather{"city":"Rome"}weather{"city":"Oslo"}',
  calling: {
    text: "One moment",
    calls: [
      { id: "call_1", name: "weather", argumentsText: '{"city":"Rome"}' },
      { id: "call_2", name: "weather", argumentsText: '{"city":"Oslo"}' },
    ],
  },
});
const session: readonly ChatMessage[] = [
  { role: "system", content: "be brief" },
  { role: "user", content: "weather?" },
  calling,
  ...answeringCalls(
    [
      { role: "tool", content: "sun" },
      { role: "tool", content: "snow" },
    ],
    [calling],
  ),
  { role: "user", content: "thanks" },
];

describe("responses: the body of a request", () => {
  it("has AIPerf's fields in AIPerf's order", () => {
    const messages = [{ role: "system", content: "be brief" }, ...turn.messages] as const;
    expect(bodyText("responses", { messages, isStreaming: true, maxOutputTokens: 16 })).to.equal(
      '{"input":[{"type":"message","role":"user","content":"grüß dich"}],"model":"m","stream":true,' +
        '"instructions":"be brief","max_output_tokens":16}',
    );
  });

  it("has parts where a message has more than a text", () => {
    const { input } = body("responses", { messages: [of(text("look"), image(png), audio)] });
    expect(input).to.deep.equal([
      {
        type: "message",
        role: "user",
        content: [
          { type: "input_text", text: "look" },
          { type: "input_image", image_url: png },
          { type: "input_audio", input_audio: { data: "UklG", format: "wav" } },
        ],
      },
    ]);
  });

  it("is refused for a video", () => {
    const messages = [of(text("look"), { modality: "video", content: "http://h/v.mp4" })];
    expect(() => body("responses", { messages }))
      .to.throw("must have no video")
      .with.property("code", "invalid_argument");
  });

  it("says calls of tools and their results as items of their own, and offers tools flat", () => {
    const { input, instructions, tools: offered } = body("responses", { messages: session, tools });
    expect(input).to.deep.equal([
      { type: "message", role: "user", content: "weather?" },
      { type: "message", role: "assistant", content: "One moment" },
      { type: "function_call", call_id: "call_1", name: "weather", arguments: '{"city":"Rome"}' },
      { type: "function_call", call_id: "call_2", name: "weather", arguments: '{"city":"Oslo"}' },
      { type: "function_call_output", call_id: "call_1", output: "sun" },
      { type: "function_call_output", call_id: "call_2", output: "snow" },
      { type: "message", role: "user", content: "thanks" },
    ]);
    expect(instructions).to.equal("be brief");
    expect(offered).to.deep.equal([{ type: "function", ...fn }]);
  });

  it("passes on tools and items that are in the API's own words", () => {
    const own = { type: "item_reference", id: "msg_1" };
    const messages: readonly ChatMessage[] = [{ role: "user", content: "", json: JSON.stringify(own) }];
    const { input, tools: offered } = body("responses", { messages, tools: [{ type: "web_search" }] });
    expect(input).to.deep.equal([own]);
    expect(offered).to.deep.equal([{ type: "web_search" }]);
  });

  describe("of a later turn", () => {
    const messages: readonly ChatMessage[] = [
      { role: "system", content: "be brief" },
      { role: "user", content: "one" },
      replyOf({ outputText: "1", answerId: "resp_1" }),
      { role: "user", content: "two" },
      replyOf({ outputText: "2", answerId: "resp_2" }),
      { role: "user", content: "three" },
    ];

    it("says all again where nobody asked the target to keep answers", () => {
      const written = body("responses", { messages });
      expect(written).to.not.have.property("previous_response_id");
      expect(written.input).to.have.length(5);
    });

    for (const store of [true, "true"]) {
      it(`names the answer before it, and says what is new alone, with store ${JSON.stringify(store)}`, () => {
        expect(body("responses", { messages, extraInputs: { store } })).to.deep.equal({
          input: [{ type: "message", role: "user", content: "three" }],
          model: "m",
          stream: false,
          previous_response_id: "resp_2",
          instructions: "be brief",
          store,
        });
      });
    }

    it("says all since the last answer that has a name", () => {
      const unnamed = messages.map(({ answerId, ...message }, index) =>
        index === 4 ? message : { ...message, ...(answerId && { answerId }) },
      );
      const { input, previous_response_id: previous } = body("responses", { messages: unnamed, extraInputs: { store: true } });
      expect(previous).to.equal("resp_1");
      expect(input).to.have.length(3);
    });
  });
});

describe("messages: the body of a request", () => {
  it("has AIPerf's fields, a length where the turn has none, and a stream only where one is wanted", () => {
    const messages = [{ role: "system", content: "be brief" }, ...turn.messages] as const;
    expect(bodyText("messages", { messages, isStreaming: true, maxOutputTokens: 16 })).to.equal(
      '{"model":"m","messages":[{"role":"user","content":"grüß dich"}],"max_tokens":16,"stream":true,"system":"be brief"}',
    );
    expect(body("messages")).to.deep.equal({
      model: "m",
      messages: [{ role: "user", content: "grüß dich" }],
      max_tokens: 1024,
    });
  });

  it("has headers of its own", () => {
    expect(made("messages")).to.deep.include({ headers: { "anthropic-version": "2023-06-01" }, keyHeader: "x-api-key" });
  });

  it("has images by their bytes or by their address", () => {
    const { messages } = body("messages", { messages: [of(text("look"), image(png), image("http://h/a.jpg"))] });
    expect(messages).to.deep.equal([
      {
        role: "user",
        content: [
          { type: "text", text: "look" },
          { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBO" } },
          { type: "image", source: { type: "url", url: "http://h/a.jpg" } },
        ],
      },
    ]);
  });

  it("is refused for audio", () => {
    expect(() => body("messages", { messages: [of(audio)] })).to.throw("must have no audio");
  });

  it("says calls of tools and their results as blocks, all results in one message", () => {
    const { messages, system, tools: offered } = body("messages", { messages: session, tools });
    expect(messages).to.deep.equal([
      { role: "user", content: "weather?" },
      {
        role: "assistant",
        content: [
          { type: "text", text: "One moment" },
          { type: "tool_use", id: "call_1", name: "weather", input: { city: "Rome" } },
          { type: "tool_use", id: "call_2", name: "weather", input: { city: "Oslo" } },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "call_1", content: "sun" },
          { type: "tool_result", tool_use_id: "call_2", content: "snow" },
        ],
      },
      { role: "user", content: "thanks" },
    ]);
    expect(system).to.equal("be brief");
    expect(offered).to.deep.equal([{ name: "weather", description: "of a city", input_schema: fn.parameters }]);
  });
});

describe("embeddings: the body of a request", () => {
  const texts = [of(text("one"), text("two"))];

  it("has AIPerf's fields in AIPerf's order, and a list even of one text", () => {
    expect(bodyText("embeddings")).to.equal('{"model":"m","input":["grüß dich"]}');
    expect(body("embeddings", { messages: texts }).input).to.deep.equal(["one", "two"]);
  });

  it("is of the last message alone, whatever was said before, and says nothing of length or stream", () => {
    const messages = [{ role: "system", content: "be brief" }, ...texts] as const;
    expect(body("embeddings", { messages, maxOutputTokens: 4, extraInputs: { dimensions: 2 } })).to.deep.equal({
      model: "m",
      input: ["one", "two"],
      dimensions: 2,
    });
  });

  it("of a chat is a chat's", () => {
    const messages = [of(text("look"), image(png))];
    expect(body("chat_embeddings", { messages })).to.deep.equal({
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "look" },
            { type: "image_url", image_url: { url: png } },
          ],
        },
      ],
      model: "m",
      stream: false,
    });
  });

  it("of NIM has images behind their texts, or alone", () => {
    expect(body("nim_embeddings", { messages: texts }).input).to.deep.equal(["one", "two"]);
    expect(body("nim_embeddings", { messages: [of(image(png))] }).input).to.deep.equal([png]);
    const both = [of(text("one"), text("two"), image(png), image("data:image/png;base64,AAAA"))];
    expect(body("nim_embeddings", { messages: both }).input).to.deep.equal([`one ${png}`, "two data:image/png;base64,AAAA"]);
  });

  it("of NIM is refused where texts and images do not pair", () => {
    expect(() => body("nim_embeddings", { messages: [of(text("one"), text("two"), image(png))] })).to.throw(
      "a turn must have as many images as texts, got 1 and 2",
    );
  });
});

describe("rankings: the body of a request", () => {
  const messages = [of(text("which?", "query"), text("this", "passages"), text("that", "passages"), text("noise"))];

  const bodies: readonly (readonly [name: string, expected: string])[] = [
    ["nim_rankings", '{"model":"m","query":{"text":"which?"},"passages":[{"text":"this"},{"text":"that"}]}'],
    ["rankings", '{"model":"m","query":{"text":"which?"},"passages":[{"text":"this"},{"text":"that"}]}'],
    ["cohere_rankings", '{"model":"m","query":"which?","documents":["this","that"]}'],
    ["hf_tei_rankings", '{"query":"which?","texts":["this","that"]}'],
  ];
  for (const [name, expected] of bodies) {
    it(`of ${name} has AIPerf's fields in AIPerf's order`, () => expect(bodyText(name, { messages })).to.equal(expected));
  }

  it("takes GenAI-Perf's name of the query, and extra inputs last", () => {
    const old = [of(text("which?", "queries"), text("this", "passages"))];
    expect(body("cohere_rankings", { messages: old, extraInputs: { top_n: 1 } })).to.include({ query: "which?", top_n: 1 });
  });

  it("is refused without a query", () => {
    expect(() => body("nim_rankings"))
      .to.throw("a turn to be ranked must have a text named query")
      .with.property("code", "invalid_argument");
  });
});

describe("image generation: the body of a request", () => {
  it("has AIPerf's fields in AIPerf's order, and a stream only where one is wanted", () => {
    expect(bodyText("image_generation")).to.equal('{"prompt":"grüß dich","model":"m","response_format":"b64_json","n":1}');
    expect(body("image_generation", { isStreaming: true, extraInputs: { n: 2, size: "256x256" } })).to.deep.equal({
      prompt: "grüß dich",
      model: "m",
      response_format: "b64_json",
      n: 2,
      stream: true,
      size: "256x256",
    });
  });
});
