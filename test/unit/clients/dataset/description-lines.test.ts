import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { descriptionJson } from "../../../../clients/cli/dataset/description-json.ts";
import { descriptionLines } from "../../../../clients/cli/dataset/description-lines.ts";
import { DatasetDescriptionSchema } from "../../../../gen/assay/dataset/v1/dataset_pb.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const lengths = { count: 5n, mean: 2.5, min: 1, p50: 2, p90: 4, p99: 5, max: 5 };

type Given = Exclude<MessageInitShape<typeof DatasetDescriptionSchema>, { $typeName: string }>;

const full: Given = {
  info: {
    format: "single_turn",
    conversations: 1234n,
    rootConversations: 1234n,
    turns: 1234n,
    turnsEach: 1,
    skippedRows: 2n,
    timedConversations: 1000n,
    firstTimestampMs: 500,
    lastTimestampMs: 10_500,
    warnings: ["p: 2 of 1236 rows were left out"],
    sizeBytes: 1_048_576n,
    file: { name: "p", containers: ["jsonl", "csv"], files: 3n, rows: 1236n, formatReason: "its first row has text" },
  },
  inputTokens: lengths,
  turns: { ...lengths, mean: 1 },
  prefixes: { requests: 10n, blocks: 40n, sharedBlocks: 10n, blockChars: 256 },
  firstRequests: [
    { method: "POST", path: "/v1/x", bodyBytes: 20n, body: bytes('{"a":"x\\u001b[31m","b":[1]}'), headers: { "x-a": "b" } },
    { conversation: 1n, method: "POST", path: "/v1/x", bodyBytes: 20n, body: bytes('{"cut') },
  ],
};

const lines = (changes: Given = {}): string =>
  descriptionLines(create(DatasetDescriptionSchema, { ...full, ...changes }), { width: 120, hasColour: false }).join("\n");

describe("what assay dataset show prints", () => {
  it("says what the file is, how long prompts are, what they share, and what is sent", () => {
    const text = lines();
    for (const part of [
      "Format         single_turn (its first row has text)",
      "Written as     JSON lines, CSV, in 3 files",
      "Rows           1,236, 2 of them left out",
      "Conversations  1,234\n",
      "Turns          1,234, 1 each",
      "Timestamps     500.00 to 10,500.00 ms: 10.00 s, 99.90 conversations/s; 234 have none",
      "Prefixes       25.00 % of 40 blocks of 256 characters, in the first 10 requests",
      "Kept in        1.00 MiB",
      "│ Input of a turn (tokens) │ 2.50 │",
      "warning: p: 2 of 1236 rows were left out",
      "Conversation 0: POST /v1/x, 20 bytes\nx-a: b\n  {\n",
      '  {"cut',
    ]) {
      expect(text).to.contain(part);
    }
    expect(text).to.not.contain("Output asked for");
    expect(text, "no control characters of the file").to.not.contain("\u001b");
  });

  it("tells the conversations that are drawn from those that they begin, of which timestamps are no matter", () => {
    const info = { ...full.info, rootConversations: 1000n };
    const text = lines({ info });
    expect(text).to.contain("Conversations  1,234: 1,000 to be drawn, 234 that these begin\n");
    expect(text).to.contain("99.90 conversations/s\n");
    const json = JSON.parse(JSON.stringify(descriptionJson(create(DatasetDescriptionSchema, { ...full, info }))));
    expect(json).to.include({ conversations: 1234, root_conversations: 1000, child_conversations: 234 });
  });

  it("says how many media there are, of how many turns, and how large", () => {
    const media = [
      { modality: "image", turns: 1234n, count: 2468n, bytes: { ...lengths, count: 2468n, mean: 1024, min: 512, max: 2048 } },
      { modality: "video", turns: 100n, count: 100n },
    ];
    const text = lines({ media });
    expect(text).to.contain("Images         2,468, 2.41 MiB together, 0.50 to 2.00 KiB each\n");
    expect(text).to.contain("Videos         100 in 100 of the turns, elsewhere\n");
    expect(descriptionJson(create(DatasetDescriptionSchema, { ...full, media }))).to.deep.include({
      media: [
        {
          modality: "image",
          turns: 1234,
          count: 2468,
          bytes: { count: 2468, mean: 1024, min: 512, p50: 2, p90: 4, p99: 5, max: 2048 },
        },
        { modality: "video", turns: 100, count: 100, bytes: undefined },
      ],
    });
  });

  it("says what blocks share that the file names, rather than the texts that are made for them", () => {
    const blocks = {
      prefixBlocks: 20n,
      prefixUniqueBlocks: 8n,
      prefixHitShare: 0.6,
      prefixSharedTokens: 6144n,
      prefixRequests: 5n,
    };
    const info = { ...(full.info as object), ...blocks };
    expect(lines({ info })).to.contain(
      "Prefixes       20 named blocks, 8 of them different; a prefix cache has 60.00 % of them at best, 6,144 tokens\n",
    );
    const json = JSON.parse(JSON.stringify(descriptionJson(create(DatasetDescriptionSchema, { ...full, info }))));
    expect(json.named_blocks).to.include({ blocks: 20, unique_blocks: 8, shared_tokens: 6144, hit_share: 0.6, requests: 5 });
  });

  it("keeps what is long to what a screen holds", () => {
    const body = bytes(JSON.stringify({ text: "y".repeat(9000), list: Array.from({ length: 500 }, () => 1) }));
    const text = lines({ firstRequests: [{ body, bodyBytes: BigInt(body.length) }] });
    expect(text).to.contain("… (9000 characters)").and.contain("more lines)");
    expect(text.split("\n").length).to.be.lessThan(90);
    expect(Math.max(...text.split("\n").map((line) => line.length))).to.be.lessThan(500);
  });

  it("is JSON for programs, bodies whole", () => {
    const json = JSON.parse(JSON.stringify(descriptionJson(create(DatasetDescriptionSchema, full))));
    expect(json).to.deep.include({ rows: 1236, skipped_rows: 2, timed_conversations: 1000, first_timestamp_ms: 500 });
    expect(json.lengths).to.deep.equal({ input_tokens: { ...lengths, count: 5 }, turns: { ...lengths, count: 5, mean: 1 } });
    expect(json.requests[0]).to.deep.include({ method: "POST", body: { a: "x\u001b[31m", b: [1] }, headers: { "x-a": "b" } });
    expect(json.requests[1].body).to.equal('{"cut');
    expect(json.prefixes).to.deep.equal({ requests: 10, blocks: 40, shared_blocks: 10, block_chars: 256 });
  });
});
