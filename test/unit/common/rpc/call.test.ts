import { expect } from "chai";
import { AssayError } from "../../../../services/common/errors.ts";
import { silentLogger } from "../../../../services/common/logger.ts";
import { CallBook, type CallStart } from "../../../../services/common/rpc/call.ts";

const START: CallStart = {
  service: "assay.x.v1.XService",
  method: "GetX",
  isStream: false,
  isTraced: true,
  protocol: "grpc",
  caller: { peer: { address: "127.0.0.1:1", isLoopback: true, identity: { kind: "anonymous" } }, roles: ["viewer"] },
  metadata: { get: () => undefined },
  deadlineMs: undefined,
};

const late = () => new AssayError("deadline_exceeded", "late");

describe("a call", () => {
  it("aborts its signal with the reason, whether it is asked for before or after", () => {
    const call = new CallBook(silentLogger).open(START);
    const before = call.signal;
    const error = late();
    call.abort(error);
    expect(before.aborted).to.equal(true);
    expect(call.signal.reason).to.equal(error);
    const other = new CallBook(silentLogger).open(START);
    other.abort(error);
    expect(other.signal.reason).to.equal(error);
    expect(other.abortError).to.equal(error);
  });

  it("does not abort after its end", () => {
    const call = new CallBook(silentLogger).open(START);
    const heard: AssayError[] = [];
    call.onAbort((error) => heard.push(error));
    expect(call.end()).to.equal(true);
    call.abort(late());
    expect(call.signal.aborted).to.equal(false);
    expect(call.abortError).to.equal(undefined);
    expect(heard).to.deep.equal([]);
  });

  it("ends once", () => {
    const book = new CallBook(silentLogger);
    const call = book.open(START);
    call.abort(late());
    expect(call.end()).to.equal(false);
    call.abort(late());
    expect(book.stats()).to.deep.equal({ started: 1, succeeded: 0, failed: { deadline_exceeded: 1 }, open: 0, openStreams: 0 });
  });

  it("tells an abort to listeners that come late, and none that was taken away", () => {
    const call = new CallBook(silentLogger).open(START);
    const heard: string[] = [];
    call.onAbort(() => heard.push("kept"));
    call.onAbort(() => heard.push("removed"))();
    call.abort(late());
    call.onAbort(() => heard.push("late"));
    expect(heard).to.deep.equal(["kept", "late"]);
  });
});

describe("the book of calls", () => {
  it("counts so that started = open + succeeded + failed", () => {
    const book = new CallBook(silentLogger);
    const calls = [1, 2, 3, 4].map((n) => book.open({ ...START, isStream: n > 2 }));
    calls[0]?.end();
    calls[1]?.end(new AssayError("not_found", "no"));
    calls[2]?.end(new AssayError("not_found", "no"));
    expect(book.stats()).to.deep.equal({ started: 4, succeeded: 1, failed: { not_found: 2 }, open: 1, openStreams: 1 });
  });

  it("logs every end at debug and internal errors at warn, with their cause", () => {
    const lines: unknown[] = [];
    const line = (level: string) => (message: string, fields?: object) =>
      lines.push([level, message, { ...fields, durationMs: 0 }]);
    const book = new CallBook({ ...silentLogger, debug: line("debug"), warn: line("warn") });
    const common = { service: START.service, method: "GetX", protocol: "grpc", peer: "127.0.0.1:1", durationMs: 0 };
    book.open(START).end();
    book.open(START).end(new AssayError("not_found", "no x"));
    const cause = new Error("deep");
    book.open(START).end(new AssayError("internal", "broken", { cause }));
    expect(lines).to.deep.equal([
      ["debug", "call ended", { ...common, status: "ok" }],
      ["debug", "call ended", { ...common, status: "not_found", error: "no x" }],
      ["warn", "call failed", { ...common, status: "internal", error: "broken", cause: cause.stack }],
    ]);
  });
});
