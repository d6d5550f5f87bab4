import { expect } from "chai";
import { readMessages } from "../../../../../services/dataset/core/formats/whole-messages.ts";

describe("messages as the API has them", () => {
  it("are roles and texts, and whole where they say more", () => {
    const picture = {
      role: "user",
      content: [
        { type: "text", text: "what?" },
        { type: "image_url", image_url: { url: "u" } },
      ],
    };
    const call = { role: "assistant", content: null, tool_calls: [{ id: "1" }] };
    const developer = { role: "developer", content: "be brief" };
    expect(readMessages([{ role: "user", content: "hi" }, picture, call, developer], "m")).to.deep.equal({
      messages: [
        { role: "user", content: "hi" },
        { role: "user", content: "what?", json: JSON.stringify(picture) },
        { role: "assistant", content: "", json: JSON.stringify(call) },
        { role: "system", content: "be brief", json: JSON.stringify(developer) },
      ],
    });
  });

  for (const messages of [undefined, [], "a", [{ content: "a" }], ["a"], [{ role: "robot", content: "a" }]]) {
    it(`are refused: ${JSON.stringify(messages)}`, () => expect(readMessages(messages, "m")).to.have.property("problem"));
  }
});
