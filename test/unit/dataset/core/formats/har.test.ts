import { expect } from "chai";
import { harFormat } from "../../../../../services/dataset/core/formats/har.ts";
import { finishedRows, problemOf, readerOptions, readerTools, rowSource } from "../loading.ts";

const text = '{ "model": "m", "messages": [], "max_tokens": 5 }';
const chat = "https://api.example/v1/chat/completions";

function entry(changes: Record<string, unknown> = {}, startedDateTime: unknown = "2026-01-01T00:00:01.500Z") {
  return {
    startedDateTime,
    request: { method: "POST", url: chat, postData: { mimeType: "application/json", text }, ...changes },
  };
}

const log = (...entries: unknown[]) => ({ log: { version: "1.2", entries } });

describe("a HAR file", () => {
  it("is the bodies that were posted to the run's path, as they were, at their moments", () => {
    const { read, finish, notes } = harFormat.createReader(readerOptions, readerTools);
    const got = read(
      log(
        entry(),
        entry({ method: "GET", url: `${chat}?a=b` }),
        entry({ url: "https://api.example/v1/models" }),
        entry({ url: "https://api.example/v1/models" }),
        entry({ postData: { text: "a=b" } }),
        entry({ url: `${chat}?key=k`, postData: { text: '{"prompt":"a"}' } }, "2026-01-01T00:00:00.000Z"),
      ),
      rowSource,
    );
    expect(got).to.deep.equal({ row: undefined });
    const rows = finishedRows(finish);
    expect(rows.map(({ turns: [{ rawBody, timestampMs }] }) => [rawBody, timestampMs])).to.deep.equal([
      ['{"prompt":"a"}', 0],
      [text, 1500],
    ]);
    expect(rows[1]?.turns[0].maxOutputTokens).to.equal(5);
    expect(notes?.()).to.deep.equal([
      "1 entries were left out: GET /v1/chat/completions",
      "2 entries were left out: POST /v1/models",
      "1 entries were left out: POST /v1/chat/completions whose body is no JSON object",
    ]);
  });

  const refused: readonly (readonly [row: Record<string, unknown>, problem: string])[] = [
    [{ log: {} }, "log.entries: expected a list, got nothing"],
    [log("a"), "log.entries[0].request: expected an object, got nothing"],
    [log(entry({ url: 7 })), "log.entries[0].request.url: expected a text, got 7"],
    [log(entry({}, "now")), 'log.entries[0].startedDateTime: expected a moment as 2026-04-29T00:03:18.123Z, got "now"'],
    [log(), "log.entries: expected bodies posted to /v1/chat/completions, got none"],
    [
      log(entry({ url: "https://api.example/v1/embeddings" })),
      "log.entries: expected bodies posted to /v1/chat/completions, got none: POST /v1/embeddings",
    ],
  ];
  for (const [row, problem] of refused) {
    it(`is refused by its place: ${problem}`, () => expect(problemOf(harFormat, row)).to.equal(`log/${problem}`));
  }
});
