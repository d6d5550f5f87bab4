import { expect } from "chai";
import fc from "fast-check";
import { SseReader } from "../../../endpoints/sse.ts";

interface SeenEvent {
  readonly type: string;
  readonly data: string;
  readonly end: number;
}

function eventsOf(body: string | Uint8Array): SeenEvent[] {
  const reader = new SseReader(typeof body === "string" ? Buffer.from(body) : body);
  const events: SeenEvent[] = [];
  while (reader.next()) events.push({ type: reader.eventType, data: reader.data(), end: reader.end });
  return events;
}

function dataOf(body: string): string[] {
  return eventsOf(body).map(({ data }) => data);
}

/** The standard's algorithm word for word, over text, with the two liberties that SseReader documents. */
function referenceData(body: string): string[] {
  const events: string[] = [];
  let data: string[] = [];
  let type = "";
  const dispatch = (): void => {
    if (data.length > 0 || type !== "") events.push(data.join("\n"));
    data = [];
    type = "";
  };
  for (const line of body.replace(/^\ufeff/, "").split(/\r\n|\r|\n/)) {
    if (line === "") dispatch();
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (name === "data") data.push(value ?? "");
    if (name === "event") type = value ?? "";
  }
  dispatch();
  return events;
}

describe("SseReader", () => {
  const rows: readonly (readonly [string, string, readonly string[]])[] = [
    ["joins several data lines with LF", "data: a\ndata: b\n\n", ["a\nb"]],
    ["removes exactly one space behind the colon", "data:  a\n\ndata:b\n\n", [" a", "b"]],
    ["takes a line without colon as a field with empty value", "data\ndata\n\n", ["\n"]],
    ["ignores comments, unknown fields, id and retry", ": ping\nfoo: 1\nid: 3\nretry: 10\ndata: a\n\n", ["a"]],
    ["gives no event for a block of comments", ": ping\n\n: ping\n\ndata: a\n\n", ["a"]],
    ["gives an event with empty data", "data:\n\n", [""]],
    ["ignores one leading byte order mark", "\ufeffdata: a\n\n", ["a"]],
    ["does not take a second byte order mark for nothing", "\ufeff\ufeffdata: a\n\ndata: b\n\n", ["b"]],
    ["gives an event that the end of the body cut off", "data: a\n\ndata: b", ["a", "b"]],
    ["is not confused by blank lines before, between and behind", "\n\ndata: a\n\n\n\ndata: b\n\n\n", ["a", "b"]],
    ["decodes UTF-8", "data: übergröße 🚂\n\n", ["übergröße 🚂"]],
    ["keeps colons in the value", 'data: {"a":1}\n\n', ['{"a":1}']],
    ["does not take a longer name for data", "database: a\ndata: b\n\n", ["b"]],
  ];
  for (const [title, body, expected] of rows) {
    it(title, () => {
      for (const ending of ["\n", "\r\n", "\r"]) expect(dataOf(body.replaceAll("\n", ending)), ending).to.deep.equal(expected);
    });
  }

  it("names the event's type, the last one given", () => {
    expect(eventsOf("event: a\nevent: error\ndata: x\n\ndata: y\n\n").map(({ type }) => type)).to.deep.equal(["error", ""]);
  });

  it("gives an event of a type without data, with its comment", () => {
    const reader = new SseReader(Buffer.from(": ping\n\nevent: error\n: out of\n: memory\n\n"));
    expect(reader.next()).to.equal(true);
    expect([reader.eventType, reader.data(), reader.comment]).to.deep.equal(["error", "", "out of\nmemory"]);
    expect(reader.next()).to.equal(false);
  });

  it("says where an event was complete: behind the line end of its blank line, of CRLF its CR", () => {
    expect(eventsOf("data: a\n\ndata: b\n\n").map(({ end }) => end)).to.deep.equal([9, 18]);
    expect(eventsOf("data: a\r\n\r\ndata: b\r\n\r\n").map(({ end }) => end)).to.deep.equal([10, 21]);
    expect(eventsOf("data: a").map(({ end }) => end)).to.deep.equal([7]);
  });

  it("says whether a blank line completed the event", () => {
    const reader = new SseReader(Buffer.from("data: a\n\ndata: b\n"));
    reader.next();
    expect(reader.isTerminated).to.equal(true);
    reader.next();
    expect(reader.isTerminated).to.equal(false);
  });

  it("reads what the standard's algorithm reads, whatever lines come", () => {
    const line = fc.oneof(
      fc.constantFrom("data: x", "data:{}", "data", "data: ü", ": c", "event: e", "event:", "id: 1", "x", "", "", ":", "data:  "),
      fc.string({ unit: "binary", maxLength: 12 }),
    );
    const ending = fc.constantFrom("\n", "\r\n", "\r");
    fc.assert(
      fc.property(fc.array(fc.tuple(line, ending)), fc.boolean(), (lines, hasMark) => {
        // Lone surrogates are no text: let them go the way through UTF-8 first.
        const body = Buffer.from((hasMark ? "\ufeff" : "") + lines.flat().join("")).toString();
        expect(dataOf(body)).to.deep.equal(referenceData(body));
      }),
    );
  });

  it("reads a view into a larger buffer", () => {
    const whole = Buffer.from("xxxdata: a\n\nyyy");
    expect(eventsOf(new Uint8Array(whole.buffer, whole.byteOffset + 3, 9)).map(({ data }) => data)).to.deep.equal(["a"]);
  });
});
