import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { TurnSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { type CacheBust, sessionMarker, withMarker } from "../../../services/common/cache-bust.ts";

const user = { role: "user", content: "q" };
const system = { role: "system", content: "s" };

function marked(place: CacheBust, messages: MessageInitShape<typeof TurnSchema>["messages"]): string[] {
  const turn = withMarker(create(TurnSchema, { messages: messages ?? [], inputTokens: 9 }), place, "[m]");
  return turn.messages.map(({ role, content }) => `${role}: ${content}`);
}

describe("a marker of a session's own", () => {
  const cases: readonly (readonly [CacheBust, (typeof user)[], string[]])[] = [
    ["none", [system, user], ["system: s", "user: q"]],
    ["system_prefix", [system, user], ["system: [m] s", "user: q"]],
    ["system_suffix", [system, user], ["system: s [m]", "user: q"]],
    ["system_prefix", [user], ["system: [m]", "user: q"]],
    ["first_turn_prefix", [system, user, user], ["system: s", "user: [m] q", "user: q"]],
    ["first_turn_suffix", [user], ["user: q [m]"]],
    ["first_turn_prefix", [system], ["system: s"]],
    ["first_turn_prefix", [], []],
  ];
  for (const [place, messages, seen] of cases) {
    it(`stands at ${place} of ${messages.map(({ role }) => role).join(" and ") || "nothing"}`, () => {
      expect(marked(place, messages)).to.deep.equal(seen);
    });
  }

  it("leaves the turn as it was, and its length is no longer known", () => {
    const turn = create(TurnSchema, { messages: [user], inputTokens: 9 });
    expect(withMarker(turn, "first_turn_prefix", "[m]").inputTokens).to.equal(0);
    expect([turn.inputTokens, turn.messages[0]?.content]).to.deep.equal([9, "q"]);
    expect(withMarker(turn, "none", "[m]")).to.equal(turn);
  });

  it("stands in front of the first text of several, or behind the last one, media aside", () => {
    const part = (modality: string, content: string) => ({ modality, content });
    const parts = [part("image", "u"), part("text", "a"), part("text", "b")];
    const turn = create(TurnSchema, { messages: [{ role: "user", content: "a\nb", parts }] });
    const marked = (place: "first_turn_prefix" | "first_turn_suffix") => {
      const [message] = withMarker(turn, place, "[m]").messages;
      return [message?.content, ...(message?.parts.map(({ content }) => content) ?? [])];
    };
    expect(marked("first_turn_prefix")).to.deep.equal(["[m] a\nb", "u", "[m] a", "b"]);
    expect(marked("first_turn_suffix")).to.deep.equal(["a\nb [m]", "u", "a", "b [m]"]);
    const shown = create(TurnSchema, { messages: [{ role: "user", parts: parts.slice(0, 1) }] });
    expect(withMarker(shown, "first_turn_prefix", "[m]")).to.equal(shown);
  });

  it("is another for each session, phase and seed, and always the same for one", () => {
    const all = [sessionMarker(1, 0, 0), sessionMarker(1, 0, 1), sessionMarker(1, 1, 0), sessionMarker(2, 0, 0)];
    expect(new Set(all).size).to.equal(4);
    expect(sessionMarker(1, 0, 1))
      .to.equal(all[1])
      .and.to.match(/^\[[0-9a-f]{8}\]$/);
  });
});
