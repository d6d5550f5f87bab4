import { expect } from "chai";
import fc from "fast-check";
import { FrameReader, type FrameSink } from "../../../../../services/worker/core/http2/frame-reader.ts";
import {
  errorCode,
  frameFlag,
  frameHeadBytes,
  frameType,
  putFrameHead,
} from "../../../../../services/worker/core/http2/frames.ts";

/** Calls as text; bytes of one frame of DATA are one, however they came. */
class Notes implements FrameSink<Buffer> {
  readonly calls: string[] = [];
  private body = "";

  onData(_stream: number, bytes: Buffer, start: number, end: number): void {
    if (end <= start) this.calls.push("data of nothing");
    this.body += bytes.toString("hex", start, end);
  }
  onDataEnd(stream: number, sizeBytes: number, isLast: boolean): void {
    this.calls.push(`data ${stream} ${this.body} of ${sizeBytes}${isLast ? " last" : ""}`);
    this.body = "";
  }
  onHeaders(stream: number, block: Uint8Array, start: number, end: number, isLast: boolean): void {
    this.calls.push(`headers ${stream} ${Buffer.from(block.slice(start, end)).toString("hex")}${isLast ? " last" : ""}`);
  }
  onReset(stream: number, code: number): void {
    this.calls.push(`reset ${stream} ${code}`);
  }
  onSettings(pairs: readonly (readonly [number, number])[]): void {
    this.calls.push(`settings ${JSON.stringify(pairs)}`);
  }
  onSettingsAck(): void {
    this.calls.push("settings ack");
  }
  onPing(payload: Uint8Array, isAck: boolean): void {
    this.calls.push(`ping ${Buffer.from(payload).toString("hex")}${isAck ? " ack" : ""}`);
  }
  onGoaway(lastStream: number, code: number, words: string): void {
    this.calls.push(`goaway ${lastStream} ${code} ${words}`);
  }
  onWindow(stream: number, addedBytes: number): void {
    this.calls.push(`window ${stream} ${addedBytes}`);
  }
}

const { data, headers, priority, reset, settings, pushPromise, ping, goaway, windowUpdate, continuation } = frameType;
const { endStream, ack, endHeaders, padded } = frameFlag;

function frame(type: number, payload: string | Buffer = "", { stream = 0, flags = 0 } = {}): Buffer {
  const bytes = typeof payload === "string" ? Buffer.from(payload, "hex") : payload;
  const head = Buffer.alloc(frameHeadBytes);
  putFrameHead(head, 0, bytes.length, { type, flags, stream });
  return Buffer.concat([head, bytes]);
}

/** Feeds pieces, each copied to a place of its own that is overwritten afterwards, as a buffer for reads is. */
function readPieces(pieces: readonly Buffer[]): { calls: string[]; wrong: unknown } {
  const notes = new Notes();
  const reader = new FrameReader(notes);
  for (const piece of pieces) {
    const place = Buffer.alloc(piece.length + 7, 0xee);
    piece.copy(place, 3);
    reader.feed(place, 3, 3 + piece.length);
    place.fill(0xdd);
  }
  return { calls: notes.calls, wrong: reader.wrong };
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const cuts = [0, ...at.toSorted((one, other) => one - other), bytes.length];
  return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end));
}

const first = frame(settings, "0003 0000 0064 0004 0000 ffff".replaceAll(" ", ""));
const prioritised = frameFlag.priority;

/** Every kind, and what is told of each; nothing: it is passed over. */
const kinds: readonly (readonly [bytes: Buffer, told: string | undefined])[] = [
  [frame(settings, "", { flags: ack }), "settings ack"],
  [frame(settings), "settings []"],
  [frame(headers, "8801", { stream: 1, flags: endHeaders }), "headers 1 8801"],
  [frame(headers, "", { stream: 3, flags: endHeaders | endStream }), "headers 3  last"],
  [frame(headers, "02 88 0000".replaceAll(" ", ""), { stream: 5, flags: endHeaders | padded }), "headers 5 88"],
  [frame(headers, "00000001 ff 8889".replaceAll(" ", ""), { stream: 5, flags: endHeaders | prioritised }), "headers 5 8889"],
  [
    frame(headers, "01 00000001 ff 88 00".replaceAll(" ", ""), { stream: 5, flags: endHeaders | prioritised | padded }),
    "headers 5 88",
  ],
  [
    Buffer.concat([
      frame(headers, "01 88 00".replaceAll(" ", ""), { stream: 7, flags: endStream | padded }),
      frame(continuation, "", { stream: 7 }),
      frame(continuation, "89", { stream: 7 }),
      frame(continuation, "8a8b", { stream: 7, flags: endHeaders }),
    ]),
    "headers 7 88898a8b last",
  ],
  [frame(data, "010203", { stream: 1 }), "data 1 010203 of 3"],
  [frame(data, "", { stream: 1 }), "data 1  of 0"],
  [frame(data, "", { stream: 1, flags: endStream }), "data 1  of 0 last"],
  [frame(data, "02 0102 0000".replaceAll(" ", ""), { stream: 1, flags: padded }), "data 1 0102 of 5"],
  [frame(data, "00 01".replaceAll(" ", ""), { stream: 1, flags: padded | endStream }), "data 1 01 of 2 last"],
  [frame(data, "00", { stream: 1, flags: padded }), "data 1  of 1"],
  [frame(data, "02 0000".replaceAll(" ", ""), { stream: 1, flags: padded }), "data 1  of 3"],
  [frame(reset, "00000008", { stream: 1 }), "reset 1 8"],
  [frame(ping, "0102030405060708"), "ping 0102030405060708"],
  [frame(ping, "0102030405060708", { flags: ack }), "ping 0102030405060708 ack"],
  [frame(goaway, `80000005 0000000b ${Buffer.from("too\nmany").toString("hex")}`.replaceAll(" ", "")), "goaway 5 11 too?many"],
  [frame(windowUpdate, "80000005", { stream: 1 }), "window 1 5"],
  [frame(windowUpdate, "7fffffff"), "window 0 2147483647"],
  [frame(priority, "0000000110", { stream: 1 }), undefined],
  [frame(0x42, "0102", { stream: 1, flags: 0xff }), undefined],
  [frame(0xff), undefined],
];

describe("the reader of frames of HTTP/2", () => {
  const said = Buffer.concat([first, ...kinds.map(([bytes]) => bytes)]);
  const told = ["settings [[3,100],[4,65535]]", ...kinds.flatMap(([, words]) => words ?? [])];

  it("tells of every kind", () => expect(readPieces([said])).to.deep.equal({ calls: told, wrong: undefined }));

  it("takes a flag for what it is, and no reserved bit for part of a stream's number", () => {
    const bytes = frame(reset, "00000001", { stream: 9, flags: 0xff });
    bytes[5] = 0x80;
    expect(readPieces([first, bytes]).calls.at(-1)).to.equal("reset 9 1");
  });

  it("tells the same wherever it is cut", () => {
    for (let at = 0; at <= said.length; at++) {
      expect(readPieces(cut(said, [at])), `at ${at}`).to.deep.equal({ calls: told, wrong: undefined });
    }
    expect(readPieces(Array.from(said, (_, at) => said.subarray(at, at + 1))).calls).to.deep.equal(told);
    fc.assert(
      fc.property(fc.array(fc.nat(said.length), { maxLength: 40 }), (cuts) => {
        expect(readPieces(cut(said, cuts))).to.deep.equal({ calls: told, wrong: undefined });
      }),
    );
  });

  it("tells of a frame without payload that ends a read before the next one", () => {
    for (const [bytes, words] of kinds) {
      expect(readPieces([Buffer.concat([first, bytes])]).calls.slice(1)).to.deep.equal(words === undefined ? [] : [words]);
    }
  });

  it("hands on what has come of a frame of DATA before the rest", () => {
    const notes = new Notes();
    const reader = new FrameReader(notes);
    let seen = "";
    notes.onData = (_stream, bytes, start, end) => (seen += bytes.toString("latin1", start, end));
    const bytes = Buffer.concat([first, frame(data, Buffer.from("abcdef"), { stream: 1 })]);
    reader.feed(bytes, 0, bytes.length - 2);
    expect(seen).to.equal("abcd");
    reader.feed(bytes, bytes.length - 2, bytes.length);
    expect(seen).to.equal("abcdef");
  });

  const { protocol, frameSize, enhanceYourCalm } = errorCode;
  const wrong: readonly (readonly [what: string, bytes: readonly Buffer[], code: number, says: RegExp])[] = [
    ["what is HTTP/1.1", [Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")], protocol, /does not begin with its settings/],
    ["another first frame", [frame(ping, "0102030405060708")], protocol, /does not begin with its settings/],
    ["an answer to settings as the first frame", [frame(settings, "", { flags: ack })], protocol, /does not begin/],
    ["a frame that is too large", [first, frame(data, Buffer.alloc(16_385), { stream: 1 })], frameSize, /has 16385 bytes/],
    ["DATA of no stream", [first, frame(data, "01")], protocol, /data belongs to no stream/],
    ["DATA whose padding has no length", [first, frame(data, "", { stream: 1, flags: padded })], frameSize, /no length/],
    ["DATA with padding as long as it is", [first, frame(data, "0200", { stream: 1, flags: padded })], protocol, /longer/],
    ["HEADERS of no stream", [first, frame(headers, "88", { flags: endHeaders })], protocol, /headers belong to no stream/],
    [
      "HEADERS with too much padding",
      [first, frame(headers, "0288", { stream: 1, flags: endHeaders | padded })],
      protocol,
      /longer/,
    ],
    ["HEADERS without the length of padding", [first, frame(headers, "", { stream: 1, flags: padded })], protocol, /longer/],
    ["HEADERS without their priority", [first, frame(headers, "0000", { stream: 1, flags: prioritised })], protocol, /longer/],
    ["CONTINUATION of nothing", [first, frame(continuation, "88", { stream: 1 })], protocol, /never began/],
    ["a frame within a block", [first, frame(headers, "88", { stream: 1 }), frame(settings)], protocol, /between/],
    [
      "a block that goes on in another stream",
      [first, frame(headers, "88", { stream: 1 }), frame(continuation, "88", { stream: 3, flags: endHeaders })],
      protocol,
      /between/,
    ],
    [
      "a block without end",
      [first, frame(headers, "88", { stream: 1 }), ...Array(17).fill(frame(continuation, Buffer.alloc(16_384), { stream: 1 }))],
      enhanceYourCalm,
      /larger than 256 KiB/,
    ],
    ["RST_STREAM of another length", [first, frame(reset, "000000", { stream: 1 })], frameSize, /a reset has 3 bytes/],
    ["RST_STREAM of no stream", [first, frame(reset, "00000000")], protocol, /a reset belongs to no stream/],
    ["SETTINGS of a stream", [first, frame(settings, "", { stream: 1 })], protocol, /settings belong to a stream/],
    ["SETTINGS that are cut", [first, frame(settings, "00030000")], frameSize, /settings have 4 bytes/],
    ["an answer to settings that says some", [first, frame(settings, "000300000001", { flags: ack })], frameSize, /6 bytes/],
    ["PUSH_PROMISE", [first, frame(pushPromise, "0000000288", { stream: 1, flags: endHeaders })], protocol, /it pushes/],
    ["PING of another length", [first, frame(ping, "01")], frameSize, /a ping has 1 bytes/],
    ["PING of a stream", [first, frame(ping, "0102030405060708", { stream: 1 })], protocol, /a ping belongs to a stream/],
    ["GOAWAY that is cut", [first, frame(goaway, "00000001")], frameSize, /a goaway has 4 bytes/],
    ["GOAWAY of a stream", [first, frame(goaway, "0000000100000000", { stream: 1 })], protocol, /a goaway belongs to a stream/],
    ["WINDOW_UPDATE of another length", [first, frame(windowUpdate, "0000")], frameSize, /window has 2 bytes/],
    ["WINDOW_UPDATE by nothing", [first, frame(windowUpdate, "80000000")], protocol, /grows by nothing/],
  ];
  for (const [what, frames, code, says] of wrong) {
    it(`ends at ${what}, wherever it is cut, and tells nothing more`, () => {
      const bytes = Buffer.concat([...frames, frame(settings)]);
      const whole = readPieces([bytes]);
      expect(whole.wrong).to.have.property("code", code);
      expect(whole.wrong).to.have.property("message").that.matches(says);
      expect(whole.calls).to.deep.equal(frames[0] === first ? told.slice(0, 1) : []);
      if (bytes.length > 1000) return;
      for (let at = 0; at <= bytes.length; at++) expect(readPieces(cut(bytes, [at])), `at ${at}`).to.deep.equal(whole);
    });
  }

  it("is ended by who is told, at once", () => {
    for (const [bytes, words] of kinds) {
      if (words === undefined) continue;
      const notes = new Notes();
      const reader = new FrameReader(notes);
      const all = Buffer.concat([first, bytes, frame(settings)]);
      const push = notes.calls.push.bind(notes.calls);
      notes.calls.push = (...calls) => {
        if (notes.calls.length === 1) reader.fail(1, "enough");
        return push(...calls);
      };
      reader.feed(all, 0, all.length);
      reader.feed(all, 0, all.length);
      expect(notes.calls).to.deep.equal([...told.slice(0, 1), words]);
    }
  });

  it("comes to an end with whatever is said", () => {
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
      fc
        .record({ type: fc.nat(11), flags: fc.nat(255), stream: fc.nat(3), payload: fc.uint8Array({ maxLength: 20 }) })
        .map(({ type, flags, stream, payload }) => frame(type, Buffer.from(payload), { stream, flags })),
    );
    fc.assert(
      fc.property(fc.array(garbage), fc.array(fc.nat(500), { maxLength: 10 }), (pieces, cuts) => {
        const bytes = Buffer.concat([first, ...pieces]);
        const whole = readPieces([bytes]);
        expect(whole.calls.length).to.be.at.most(bytes.length / frameHeadBytes);
        expect(
          readPieces(
            cut(
              bytes,
              cuts.map((at) => Math.min(at, bytes.length)),
            ),
          ).calls,
        ).to.deep.equal(whole.calls);
      }),
      { numRuns: 500 },
    );
  });
});
