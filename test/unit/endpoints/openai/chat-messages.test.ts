import { expect } from "chai";
import type { ContentPart } from "../../../../endpoints/endpoint.ts";
import { createChatEndpoint } from "../../../../endpoints/openai/chat.ts";
import { chatMessage } from "../../../../endpoints/openai/chat-messages.ts";

const of = (...parts: readonly ContentPart[]) => chatMessage({ role: "user", content: "unused", parts });
const text = (content: string): ContentPart => ({ modality: "text", content });

describe("a message of a chat", () => {
  it("is its role and its text, and nothing else that is known of it", () => {
    const message = { role: "user", content: "hi", more: 1 } as const;
    expect(JSON.stringify(chatMessage(message))).to.equal('{"role":"user","content":"hi"}');
  });

  it("is a text where it has one part that is one", () => {
    expect(of({ ...text("hi"), name: "query" })).to.deep.equal({ role: "user", content: "hi" });
    expect(of()).to.deep.equal({ role: "user", content: "" });
    expect(of(text(""))).to.deep.equal({ role: "user", content: "" });
  });

  it("lists several parts in their order, those that say nothing aside", () => {
    expect(of(text("a"), text(""), text("b"), { modality: "image", content: "http://h/i.png" }).content).to.deep.equal([
      { type: "text", text: "a" },
      { type: "text", text: "b" },
      { type: "image_url", image_url: { url: "http://h/i.png" } },
    ]);
    expect(of({ modality: "video", content: "http://h/v.mp4" }).content).to.deep.equal([
      { type: "video_url", video_url: { url: "http://h/v.mp4" } },
    ]);
  });

  const audio = [
    ["data:audio/wav;base64,UklG", { type: "input_audio", input_audio: { data: "UklG", format: "wav" } }],
    ["data:audio/mpeg;base64,SUQz", { type: "input_audio", input_audio: { data: "SUQz", format: "mp3" } }],
    ["data:audio/x-wav;codecs=1;base64,UklG", { type: "input_audio", input_audio: { data: "UklG", format: "wav" } }],
    ["data:audio/flac;base64,ZkxhQw", { type: "input_audio", input_audio: { data: "ZkxhQw", format: "flac" } }],
    ["https://h/a.wav", { type: "audio_url", audio_url: { url: "https://h/a.wav" } }],
  ] as const;
  for (const [content, part] of audio) {
    it(`has audio as its target takes it: ${content}`, () => {
      expect(of({ modality: "audio", content }).content).to.deep.equal([part]);
    });
  }

  it("names an image to vLLM's cache, also one that is not shown again", () => {
    expect(
      of({ modality: "image", content: "data:image/png;base64,AA", uuid: "u" }, { modality: "image", content: "", uuid: "v" })
        .content,
    ).to.deep.equal([
      { type: "image_url", image_url: { url: "data:image/png;base64,AA" }, uuid: "u" },
      { type: "image_url", image_url: { url: "" }, uuid: "v" },
    ]);
  });

  it("is what it says as JSON, where it does", () => {
    const json = '{"role":"assistant","content":null,"tool_calls":[{"id":"1"}]}';
    expect(JSON.stringify(chatMessage({ role: "assistant", content: "f()", json }))).to.equal(json);
    expect(chatMessage({ role: "user", content: "hi", json: "no JSON" })).to.deep.equal({ role: "user", content: "hi" });
  });

  it("stands beside the tools that the request offers", () => {
    const tools = [{ type: "function", function: { name: "f" } }];
    const turn = { model: "m", messages: [], maxOutputTokens: 3, isStreaming: false, extraInputs: {}, tools };
    const body = Buffer.from(createChatEndpoint().formatBody(turn)).toString();
    expect(body).to.equal(
      '{"messages":[],"model":"m","stream":false,"tools":[{"type":"function","function":{"name":"f"}}],"max_completion_tokens":3}',
    );
  });
});
