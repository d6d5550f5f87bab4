import { expect } from "chai";
import type { ChatMessage } from "../../../../../endpoints/endpoint.ts";
import type { BatchSizes, ReaderOptions } from "../../../../../services/dataset/core/formats/format.ts";
import { randomPoolFormat } from "../../../../../services/dataset/core/formats/random-pool.ts";
import { finishedRows, loadedRows, problemOf, readerOptions, readerTools, rowSource } from "../loading.ts";

type Rows = readonly Record<string, unknown>[];

interface Changes extends Partial<Omit<ReaderOptions, "batchSizes">> {
  readonly batchSizes?: Partial<BatchSizes>;
}

/** Messages that are drawn from pools, by the names of their files. */
function drawnFrom(pools: Readonly<Record<string, Rows>>, { batchSizes, ...changes }: Changes = {}): ChatMessage[] {
  const options = { ...readerOptions, ...changes, batchSizes: { ...readerOptions.batchSizes, ...batchSizes } };
  const { read, finish } = randomPoolFormat.createReader(options, readerTools);
  for (const [file, rows] of Object.entries(pools)) {
    for (const row of rows) expect(read(row, { ...rowSource, file, isInFolder: true })).to.deep.equal({ row: undefined });
  }
  return finishedRows(finish).map(({ turns }) => turns[0].messages[0] as ChatMessage);
}

const letters = [..."abcdefgh"].map((text) => ({ text }));

describe("a random pool", () => {
  it("gives 100 conversations, drawn with replacement, or as many as are asked for", () => {
    const drawn = drawnFrom({ "p.jsonl": letters });
    expect(drawn).to.have.lengthOf(100);
    expect(new Set(drawn.map(({ content }) => content)).size).to.equal(8);
    expect(drawnFrom({ "p.jsonl": letters }, { maxConversations: 7 })).to.deep.equal(drawn.slice(0, 7));
  });

  it("tells which fields of its rows it does not have, and of how many", () => {
    const rows = [{ text: "a", output_length: 5 }, { text: "b", output_length: 5, delay: 1 }, { text: "c" }];
    const { unknownFields } = loadedRows(rows, { format: "random_pool" });
    expect([...unknownFields]).to.deep.equal([
      ["output_length", 2],
      ["delay", 1],
    ]);
  });

  it("draws by the seed", () => {
    const of = (seed: number) => drawnFrom({ "p.jsonl": letters }, { seed }).map(({ content }) => content);
    expect(of(1)).to.deep.equal(of(1));
    expect(of(1)).to.not.deep.equal(of(2));
  });

  it("draws one of every pool, and merges them by kind, in the order of the pools, under their names", () => {
    const pools = {
      "images.jsonl": [{ image: "i.png", text: "caption" }],
      "queries.jsonl": [{ texts: ["what?", { name: "own", contents: ["why?"] }] }],
    };
    const [message] = drawnFrom(pools, { maxConversations: 1 });
    expect(message).to.deep.equal({
      role: "user",
      content: "caption\nwhat?\nwhy?",
      parts: [
        { modality: "text", content: "caption", name: "images" },
        { modality: "text", content: "what?", name: "queries" },
        { modality: "text", content: "why?", name: "own" },
        { modality: "image", content: "data:image/png;base64,i.png", name: "images" },
      ],
    });
  });

  it("draws the same of a pool whatever pools are beside it", () => {
    const alone = drawnFrom({ "p.jsonl": letters }).map(({ content }) => content);
    const beside = drawnFrom({ "o.jsonl": [{ text: "o" }], "p.jsonl": letters }).map(({ content }) => content);
    expect(beside).to.deep.equal(alone.map((letter) => `o\n${letter}`));
  });

  describe("with batch sizes", () => {
    const rows = [{ text: "a", image: "a.png" }, { text: "b", image: "b.png" }, { texts: ["c", { contents: ["d"] }] }];

    it("draws each kind by itself, as many as its batch has", () => {
      const drawn = drawnFrom({ "p.jsonl": rows }, { batchSizes: { text: 3, image: 2 }, maxConversations: 200 });
      const kinds = drawn.map(({ parts = [] }) => parts.map(({ modality }) => modality).join());
      expect(new Set(kinds)).to.deep.equal(new Set(["text,text,text,image,image"]));
      expect(new Set(drawn.flatMap(({ content }) => content.split("\n")))).to.deep.equal(new Set(["a", "b", "c", "d"]));
      const isApart = drawn.some(({ content, parts = [] }) => content.startsWith("c") && parts.length === 5);
      expect(isApart).to.equal(true);
    });

    it("leaves out a kind that is drawn 0 times", () => {
      const [message] = drawnFrom({ "p.jsonl": rows }, { batchSizes: { image: 0 } });
      expect(message?.parts).to.equal(undefined);
    });

    it("takes no heed of the size of a kind that the pool does not have", () => {
      const pools = { "a.jsonl": letters, "b.jsonl": letters };
      expect(drawnFrom(pools, { batchSizes: { image: 4 } })).to.deep.equal(drawnFrom(pools));
    });

    const refused: readonly (readonly [
      what: string,
      pools: Readonly<Record<string, Rows>>,
      sizes: Partial<BatchSizes>,
      why: string,
    ])[] = [
      [
        "several pools",
        { "a.jsonl": letters, "b.jsonl": letters },
        { text: 2 },
        "need a single pool, there are 2: a.jsonl, b.jsonl",
      ],
      ["names", { "a.jsonl": [{ texts: [{ name: "query", contents: ["a"] }] }] }, { text: 2 }, "without names and uuids"],
      ["uuids", { "a.jsonl": [{ text: "a", image_uuids: ["u"] }] }, { image: 2 }, "without names and uuids"],
      ["nothing", { "a.jsonl": letters }, { text: 0 }, "requests would be empty"],
    ];
    for (const [what, pools, batchSizes, why] of refused) {
      it(`refuses ${what}`, () => expect(() => drawnFrom(pools, { batchSizes })).to.throw(why));
    }
  });

  it("refuses a row that says nothing, or is of another type", () => {
    expect(problemOf(randomPoolFormat, {})).to.equal(
      "undefined: expected a text that is not empty in the field text, or a medium, got {}",
    );
    expect(problemOf(randomPoolFormat, { type: "single_turn", text: "a" })).to.equal(
      'type: expected "random_pool", got "single_turn"',
    );
  });
});
