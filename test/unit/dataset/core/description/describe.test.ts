import { expect } from "chai";
import {
  type Described,
  type DescribeOptions,
  describeDataset,
} from "../../../../../services/dataset/core/description/describe.ts";
import type { Dataset, Turn } from "../../../../../services/dataset/core/turns.ts";

type Given = Partial<Omit<Turn, "messages">> & { readonly text?: string };

/** Conversations of these turns. */
function datasetOf(conversations: readonly (readonly Given[])[]): Dataset {
  const turn = (conversation: number, index: number): Given => conversations[conversation]?.[index] ?? {};
  return {
    size: conversations.length,
    plan: (conversation) =>
      (conversations[conversation] ?? []).map(({ inputTokens, maxOutputTokens, delayMs = 0 }) => ({
        inputTokens,
        maxOutputTokens,
        delayMs,
      })),
    messages: (conversation, index) => [{ role: "user", content: turn(conversation, index).text ?? "" }],
    details: (conversation, index) => {
      const { text: _, inputTokens: __, maxOutputTokens: ___, delayMs: ____, ...details } = turn(conversation, index);
      return details;
    },
  };
}

function described(conversations: readonly (readonly Given[])[], options: Partial<DescribeOptions> = {}): Described {
  const steps = describeDataset(datasetOf(conversations), { count: (text) => text.length, ...options });
  for (;;) {
    const { value, done } = steps.next();
    if (done) return value;
  }
}

/** A block of one letter. */
const block = (letter: string): string => letter.repeat(256);

describe("a dataset that is looked at", () => {
  it("has lengths whose shares are lengths that there are", () => {
    const turns = Array.from({ length: 100 }, (_, index) => [{ text: "x".repeat(index + 1), maxOutputTokens: 7 }]);
    const { inputTokens, outputTokens, turns: each } = described(turns);
    expect(inputTokens).to.deep.equal({ count: 100, mean: 50.5, min: 1, p50: 50, p90: 90, p99: 99, max: 100 });
    expect(outputTokens).to.include({ count: 100, mean: 7, min: 7, max: 7 });
    expect(each).to.include({ count: 100, mean: 1 });
  });

  it("has no lengths where none are known", () => {
    expect(described([[{ text: "a" }]], { count: undefined })).to.include({ inputTokens: undefined, outputTokens: undefined });
    expect(described([]).turns).to.equal(undefined);
  });

  it("takes lengths that it knows, and counts the others", () => {
    const { inputTokens } = described([[{ text: "abc" }, { text: "x", inputTokens: 50 }]]);
    expect(inputTokens).to.include({ count: 2, min: 3, max: 50 });
  });

  it("measures an even part of many conversations, and turns of all of them", () => {
    const many = Array.from({ length: 1000 }, (_, index) => [{ text: "x".repeat(index) }]);
    const { inputTokens, turns, prefixes } = described(many, { maxTurns: 100 });
    expect(inputTokens).to.include({ count: 100, min: 0, max: 990 });
    expect(turns).to.include({ count: 1000 });
    expect(prefixes).to.include({ requests: 100 });
  });

  it("counts the texts of bodies that rows bring", () => {
    const body = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
    const rows = [
      {
        messages: [
          { role: "user", content: "abc" },
          { role: "user", content: [{ type: "text", text: "de" }, { type: "image_url" }] },
        ],
      },
      { prompt: "abcd" },
      { prompt: ["ab", "c"] },
      { input: "abcdef" },
    ];
    const { inputTokens } = described(rows.map((row) => [{ rawBody: body(row) }]));
    expect(inputTokens).to.include({ count: 4, min: 3, max: 6, mean: (5 + 4 + 3 + 6) / 4 });
    expect(described([[{ rawBody: new TextEncoder().encode("hello") }]]).inputTokens).to.include({ mean: 5 });
  });

  describe("shares beginnings", () => {
    const shared = (...conversations: readonly (readonly Given[])[]): string => {
      const { sharedBlocks, blocks } = described(conversations).prefixes;
      return `${sharedBlocks}/${blocks}`;
    };

    it("where prompts begin alike, up to where they differ, and nowhere after", () => {
      const [a, b, c] = [block("a"), block("b"), block("c")];
      expect(shared([{ text: a + b }], [{ text: a + b }])).to.equal("2/4");
      expect(shared([{ text: a + b + c }], [{ text: a + c + c }])).to.equal("1/6");
      expect(shared([{ text: a + b }], [{ text: b + a }])).to.equal("0/4");
      expect(shared([{ text: "x" }], [{ text: "x" }])).to.equal("0/0");
    });

    it("where a session repeats what it has sent before", () => {
      expect(shared([{ text: block("a") }, { text: block("b") }, { text: block("c") }])).to.equal("3/6");
    });

    it("not where a turn is sent by itself, or begins anew", () => {
      const [a, b] = [{ text: block("a") }, { text: block("b") }];
      expect(shared([a, { ...b, isSelfContained: true }])).to.equal("0/2");
      expect(shared([a, { ...b, resetsHistory: true }])).to.equal("0/2");
    });
  });

  it("is gone through a conversation at a time", () => {
    const steps = describeDataset(datasetOf([[{}], [{}, {}], [{}]]), { count: undefined });
    const seen = [steps.next(), steps.next(), steps.next()].map(({ value }) => value);
    expect(seen).to.deep.equal([1, 2, 3]);
    expect(steps.next().done).to.equal(true);
  });
});
