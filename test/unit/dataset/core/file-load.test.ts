import { fromBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import fc from "fast-check";
import { TurnSchema } from "../../../../gen/assay/dataset/v1/dataset_pb.js";
import { AssayError } from "../../../../services/common/errors.ts";
import type { RowItem } from "../../../../services/dataset/core/containers/row-item.ts";
import { turnsOf as countOf, rowOfTurn } from "../../../../services/dataset/core/conversation-index.ts";
import type { FileLoadOptions, LoadedFile } from "../../../../services/dataset/core/file-load.ts";
import { rowAt } from "../../../../services/dataset/core/packed-rows.ts";
import { loadingOf } from "./loading.ts";

type Changes = Partial<FileLoadOptions>;

/** A file of single_turn where nothing else is said. */
const loading = (changes: Changes = {}) => loadingOf({ format: "single_turn", ...changes });

function load(file: string | Buffer, changes: Changes = {}): LoadedFile {
  const begun = loading(changes);
  begun.push(Buffer.from(file as string));
  return begun.end();
}

function refusalOf(file: string | Buffer, changes: Changes = {}): AssayError {
  try {
    load(file, changes);
  } catch (error) {
    expect(error).to.be.instanceOf(AssayError);
    return error as AssayError;
  }
  return expect.fail("the file was taken");
}

const turnsOf = ({ turns }: LoadedFile) =>
  Array.from({ length: turns.size }, (_, index) => fromBinary(TurnSchema, rowAt(turns, index)));
const textsOf = (loaded: LoadedFile): (string | undefined)[] => turnsOf(loaded).map(({ messages }) => messages[0]?.content);
const lines = (...rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

describe("loading a file", () => {
  it("gives a turn for each row that is not blank, in order, with all that it says", () => {
    const extra = { seed: 7, nested: { list: [1, null, "ü"] } };
    const file = `\ufeff${lines({ text: "grün 🚂" })}\n  \t\r\n${lines({
      text: "b",
      role: "system",
      output_length: 9,
      model: "m",
      session_id: "s",
      extra,
    })}`;
    const loaded = load(file);
    expect(textsOf(loaded)).to.deep.equal(["grün 🚂", "b"]);
    expect(turnsOf(loaded)[1]).to.deep.include({ maxOutputTokens: 9, model: "m", conversationId: "s", extraInputs: extra });
    expect(turnsOf(loaded)[1]?.messages[0]?.role).to.equal("system");
    expect(loaded).to.include({ format: "single_turn", skippedRows: 0 });
    expect(loaded.outputTokens).to.deep.equal({ sum: 9, count: 1 });
  });

  it("gives back any text that was written as JSON, however the file comes in pieces", () => {
    const row = fc.record({
      text: fc.string({ unit: "grapheme", minLength: 1 }),
      output_length: fc.integer({ min: 1, max: 99 }),
    });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 9 }), (rows, pieceBytes) => {
        const file = Buffer.from(lines(...rows));
        const begun = loading();
        for (let at = 0; at < file.length; at += pieceBytes) begun.push(file.subarray(at, at + pieceBytes));
        const turns = turnsOf(begun.end());
        const seen = turns.map(({ messages, maxOutputTokens }) => ({
          text: messages[0]?.content,
          output_length: maxOutputTokens,
        }));
        expect(seen).to.deep.equal(rows);
      }),
    );
  });

  it("takes the first rows where not all are wanted, and does not look at the rest", () => {
    const begun = loading({ maxConversations: 2 });
    begun.push(Buffer.from(`${lines({ text: "a" })}`));
    expect(begun.load.isFull).to.equal(false);
    begun.push(Buffer.from(`${lines({ text: "b" })}{"text":`));
    expect([begun.load.isFull, begun.load.rows]).to.deep.equal([true, 2]);
    expect(textsOf(begun.end())).to.deep.equal(["a", "b"]);
  });

  it("puts the rows of a session together, in order, wherever they stand, as one conversation", () => {
    const loaded = load(
      lines(
        { text: "a", session_id: "s" },
        { text: "b" },
        { text: "c", session_id: "t" },
        { text: "d", session_id: "s", delay: 20 },
        { text: "e", session_id: "t" },
        { text: "f", session_id: "s", delay: 0.5 },
      ),
    );
    const { conversations, delaysMs, turns } = loaded;
    expect([conversations.size, turns.size, loaded.usedRows]).to.deep.equal([3, 6, 6]);
    const texts = [0, 1, 2].map((conversation) =>
      Array.from({ length: countOf(conversations, conversation) }, (_, turn) => {
        return textsOf(loaded)[rowOfTurn(conversations, conversation, turn)];
      }),
    );
    expect(texts).to.deep.equal([["a", "d", "f"], ["b"], ["c", "e"]]);
    expect([...(delaysMs ?? [])]).to.deep.equal([0, 0, 0, 20, 0, 0.5]);
  });

  it("keeps the rows of sessions that have begun where no more conversations are wanted, and looks at no others", () => {
    const loaded = load(
      `${lines({ text: "a", session_id: "s" }, { text: "b" }, { text: "c" })}{"broken\n${lines(
        { text: "d", session_id: "other", image: "x" },
        { text: "e", session_id: "s" },
      )}`,
      { maxConversations: 2 },
    );
    expect(textsOf(loaded)).to.deep.equal(["a", "b", "e"]);
    expect(loaded).to.include({ usedRows: 3, skippedRows: 0 });
    expect(loaded.conversations.size).to.equal(2);
  });

  it("reads conversations of several turns, one a row or in pieces", () => {
    const loaded = load(
      lines(
        {
          session_id: "s",
          turns: [
            { text: "a", output_length: 3 },
            { text: "b", delay: 10 },
          ],
        },
        { turns: [{ text: "c" }] },
        { session_id: "s", turns: [{ text: "d", delay: 5 }] },
      ),
      { format: undefined },
    );
    expect(loaded).to.include({ format: "multi_turn", usedRows: 3 });
    expect(loaded.outputTokens).to.deep.equal({ sum: 3, count: 1 });
    const { conversations } = loaded;
    expect([0, 1].map((conversation) => countOf(conversations, conversation))).to.deep.equal([3, 1]);
    const texts = [0, 1, 2].map((turn) => textsOf(loaded)[rowOfTurn(conversations, 0, turn)]);
    expect(texts).to.deep.equal(["a", "b", "d"]);
  });

  it("says which turn of a conversation is wrong, at the place of its turns", () => {
    const rows = lines({ session_id: "s", turns: [{ text: "a" }, { text: "b", delay: -1 }] });
    expect(refusalOf(rows, { format: "multi_turn" }).message).to.equal(
      "/data/p.jsonl, line 1, column 19: turns[1].delay: expected a number from 0 to 604800000, got -1",
    );
  });

  it("says that a pause before a session's first turn has no effect, and drops it", () => {
    const rows = lines(
      { text: "a", session_id: "s", delay: 7 },
      { text: "b", session_id: "s", delay: 5 },
      { text: "c", delay: 3 },
    );
    const loaded = load(rows, { format: "single_turn" });
    expect([...(loaded.delaysMs ?? [])]).to.deep.equal([0, 5, 0]);
    expect(turnsOf(loaded).map(({ delayMs }) => delayMs)).to.deep.equal([0, 5, 0]);
    expect(loaded.notes).to.deep.equal(["the delay before the first turn of 2 conversations has no effect: it follows nothing"]);
    expect(load(lines({ text: "a" })).notes).to.deep.equal([]);
  });

  it("finds the format out from the first row, and counts fields that the format does not have", () => {
    const loaded = load(lines({ text: "a", id: 1 }, { text: "b", id: 2, topic: "x" }), { format: undefined });
    expect(loaded.format).to.equal("single_turn");
    expect([...loaded.unknownFields]).to.deep.equal([
      ["id", 2],
      ["topic", 1],
    ]);
  });

  const good = lines({ text: "a" });
  const bad: readonly (readonly [what: string, file: string | Buffer, line: number, column: number, message: string])[] = [
    ["a missing comma", `${good}{"text":"b" "role":"user"}`, 2, 13, 'expected a comma or }, got "\\""'],
    ["a row that breaks off", `${good}{"text":"b`, 2, 11, "expected a closing quote, got the end of the line"],
    ["a row over several lines", '{\n"text":"a"}', 1, 2, "expected a name in double quotes, or }, got the end of the line"],
    ["characters, not bytes, before a mistake", '{"text":"ü🚂",}', 1, 14, 'expected a name in double quotes, got "}"'],
    ["text that is no JSON", `${good}  hello`, 2, 3, 'expected a JSON object, got "h"'],
    ["a list", "[]\n", 1, 1, "expected a JSON object, got []"],
    ["a text", '"a"', 1, 1, 'expected a JSON object, got "a"'],
    ["two objects in a line", '{"text":"a"} {"text":"b"}', 1, 14, 'expected nothing more, got "{"'],
    [
      "a field of the wrong kind",
      `${good}{"text":"b", "output_length":0}`,
      2,
      14,
      "output_length: expected a whole number from 1 to 10000000, got 0",
    ],
    ["a picture that there is not", '{"text":"b","image":"missing.png"}', 1, 13, 'image: "missing.png": there is no such file'],
    [
      "a row without a text",
      ` {"role":"user"}`,
      1,
      2,
      'expected a text that is not empty in the field text, or a medium, got {"role":"user"}',
    ],
    [
      "a byte that is no UTF-8",
      Buffer.from([...Buffer.from('{"text":"ü'), 0xff, 0x22, 0x7d]),
      1,
      11,
      "expected UTF-8, got a byte that belongs to no character",
    ],
    ["a line that is too long", `${good}{"text":"${"x".repeat(1000)}"}\n`, 2, 1, "a line has 1000 bytes at most"],
  ];
  for (const [what, file, line, column, message] of bad) {
    it(`says where and what for ${what}`, () => {
      const error = refusalOf(file);
      const description = `line ${line}, column ${column}: ${message}`;
      expect(error.violations).to.deep.equal([{ field: "dataset.file.path", description }]);
      expect(error).to.include({ code: "invalid_argument", reason: "BAD_DATASET", message: `/data/p.jsonl, ${description}` });
      expect(error.metadata).to.deep.equal({ file: "/data/p.jsonl", line: `${line}`, column: `${column}` });
    });

    it(`leaves ${what} out and counts it where rows are skipped`, () => {
      const loaded = load(Buffer.concat([Buffer.from(file as string), Buffer.from(`\n${good}`)]), { isSkipping: true });
      expect(loaded.skippedRows).to.be.at.least(1);
      expect(loaded.firstSkipped[0]).to.equal(`line ${line}, column ${column}: ${message}`);
      expect(textsOf(loaded).at(-1)).to.equal("a");
    });
  }

  for (const file of ["", "\n \n\r\n", "\ufeff"]) {
    it(`refuses a file without rows: ${JSON.stringify(file)}`, () => {
      for (const changes of [{}, { isSkipping: true }, { format: undefined }]) {
        expect(refusalOf(file, changes).message).to.equal("/data/p.jsonl: the file holds no rows");
      }
    });
  }

  it("refuses a file of which no row can be used, with the first reason", () => {
    const error = refusalOf(`x\n${lines({ image: "missing" }, { image: 7 })}`, { isSkipping: true });
    expect(error.message).to.equal(
      '/data/p.jsonl, line 1, column 1: expected a JSON object, got "x" (none of its 3 rows can be used, the first)',
    );
    expect(refusalOf("x", { isSkipping: true }).message).to.contain("(its row cannot be used)");
  });

  it("refuses a file whose first row is of no format, also where rows are skipped", () => {
    const strange = lines({ prompts: [] });
    expect(refusalOf(strange, { format: undefined }).message).to.contain("line 1, column 1: no format that is known");
    expect(refusalOf(strange + strange, { format: undefined, isSkipping: true }).message).to.contain("no format that is known");
  });

  it("takes no turn that is longer than what can be sent, which a document may have", () => {
    const place = { line: 3, column: 5 };
    const document = (...texts: readonly string[]): RowItem => ({
      kind: "row",
      value: { session_id: "s", turns: texts.map((text) => ({ text })) },
      placeOf: () => place,
    });
    const long = "ü".repeat(8 << 20);
    const { load } = loadingOf({ isSkipping: true });
    load.take(document("a", long));
    load.take(document("b", "x".repeat(9 << 20)));
    const loaded = load.end();
    expect(loaded.firstSkipped).to.deep.equal(["line 3, column 5: turn 2 of 2 is longer than the 15728640 bytes that are sent"]);
    expect(textsOf(loaded).map((text) => text?.length)).to.deep.equal([1, 9 << 20]);
    expect(() => loadingOf().load.take(document(long))).to.throw(AssayError, /line 3, column 5: turn 1 of 1 is longer/);
  });

  it("never fails in any other way, whatever bytes come", () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 8 }),
      fc
        .constantFrom(
          '{"text":"a"',
          ',"extra":{"a":[1]}',
          "}",
          "\n",
          "\r\n",
          '{"texts":[',
          '{"turns":[{"text":"a"},',
          "]",
          "null",
          "{}",
        )
        .map((text) => Buffer.from(text)),
      fc.json().map((text) => Buffer.from(`${text}\n`)),
      fc
        .dictionary(fc.constantFrom("text", "texts", "role", "delay", "extra", "type", "turns", "session_id"), fc.jsonValue())
        .map((row) => Buffer.from(lines(row))),
    );
    fc.assert(
      fc.property(
        fc.array(piece),
        fc.boolean(),
        fc.constantFrom("single_turn" as const, "multi_turn" as const, undefined),
        (pieces, isSkipping, format) => {
          try {
            const { turns } = load(Buffer.concat(pieces), { isSkipping, format });
            expect(turns.size).to.be.greaterThan(0);
          } catch (error) {
            expect(error).to.be.instanceOf(AssayError);
            expect((error as AssayError).code).to.equal("invalid_argument");
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
