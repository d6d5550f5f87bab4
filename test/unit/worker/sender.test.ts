import { expect } from "chai";
import { createEndpoint } from "../../../endpoints/catalog.ts";
import type { ChatMessage, Endpoint } from "../../../endpoints/endpoint.ts";
import { requestError } from "../../../endpoints/target-error.ts";
import { decodeReads } from "../../../services/common/chunk-stamps.ts";
import { monotonicNs } from "../../../services/common/clock.ts";
import type { Credit } from "../../../services/common/credits.ts";
import type { RawRecord } from "../../../services/common/raw-record.ts";
import type { RequestBody } from "../../../services/worker/bodies.ts";
import type { Legacy } from "../../../services/worker/open-request.ts";
import { Sender, type SenderOptions } from "../../../services/worker/sender.ts";
import { timerOverflowsOf } from "../../support/timer-overflows.ts";
import { chatAnswer, creditOf, FakeTransport } from "./fake-transport.ts";

const offsetNs = 1e12;
const clock = {
  now: () => monotonicNs() + offsetNs,
  toSuite: (ns: number) => ns + offsetNs,
  toLocal: (ns: number) => ns - offsetNs,
  offset: () => undefined,
};
const body: RequestBody = {
  body: Buffer.from("{}"),
  model: "m",
  inputTokens: 5,
  inputText: undefined,
  requestedOutputTokens: 16,
  isStreaming: false,
};
const question: ChatMessage[] = [{ role: "user", content: "why?" }];

const legacyOf = (...messages: ChatMessage[]): Legacy => ({ messages, hasAnswer: true });

describe("sender", () => {
  let transport: FakeTransport;
  let records: RawRecord[];
  let ended: [number, boolean][];

  beforeEach(() => {
    transport = new FakeTransport();
    records = [];
    ended = [];
  });

  function senderWith(options: Partial<SenderOptions> = {}): Sender {
    const endpoint = createEndpoint("chat") as Endpoint;
    return new Sender({
      transport,
      endpoint,
      paths: ["/v1/chat/completions", "/b/v1/chat/completions"],
      isStreaming: false,
      headers: ["content-type", "application/json"],
      sessionHeader: "x-correlation-id",
      hasOwnConnections: false,
      timeouts: { requestNs: 60e9, firstByteNs: 10e9, idleNs: 5e9 },
      workerId: "w1",
      clock,
      wallOffsetNs: 3,
      onRecord: (record) => records.push({ ...record, stamps: record.stamps.slice(), payload: Buffer.from(record.payload) }),
      onEnded: (id, { sessionOver }) => ended.push([id, sessionOver]),
      ...options,
    });
  }

  function onlyRecord(): RawRecord {
    expect(records).to.have.lengthOf(1);
    return records[0] as RawRecord;
  }

  describe("a record", () => {
    it("has the body of its request and the headers of its answer at the raw level alone, without cookies", () => {
      const head = { headers: () => ({ server: "s", "set-cookie": ["a=secret", "b=secret"] }) };
      for (const isRaw of [true, false]) {
        records = [];
        senderWith({ isRaw }).send(creditOf({ id: 1 }), body, legacyOf());
        const { handler, write } = transport.last;
        const sentNs = write(500);
        handler.onHead(sentNs + 1_000_000, 200, "text/plain", head);
        handler.onBody(sentNs + 2_000_000, Buffer.from("answer"));
        handler.onEnd(sentNs + 3_000_000);
        const { payload, hasRequestBody, responseHeaders } = onlyRecord();
        expect(Buffer.from(payload).toString()).to.equal(isRaw ? `${body.body.toString()}answer` : "answer");
        expect(hasRequestBody).to.equal(isRaw);
        expect(responseHeaders).to.equal(isRaw ? '{"server":"s","set-cookie":"***"}' : undefined);
      }
    });

    it("says what was asked and what came, in suite time", () => {
      const sender = senderWith();
      const credit = creditOf({
        id: 9,
        phase: 2,
        conversation: 4,
        sessionId: 6,
        index: 7,
        dueNs: 55,
        issuedNs: 44,
        receivedNs: 33,
      });
      sender.send(credit, body, legacyOf());
      const { request, handler, write } = transport.last;
      const sentNs = write(500);
      handler.onHead(sentNs + 1_000_000, 200, "text/plain");
      handler.onBody(sentNs + 2_000_000, Buffer.from("ab"));
      handler.onBody(sentNs + 3_000_000, Buffer.from("c"));
      expect(sender.inFlight).to.equal(1);
      handler.onEnd(sentNs + 4_000_000);
      const record = onlyRecord();
      expect(record).to.include({ creditId: 9, phase: 2, conversation: 4, turn: 0, sessionId: 6, sessionNum: 7, targetIndex: 0 });
      expect(record).to.include({ workerId: "w1", model: "m", wallOffsetNs: 3, issuedNs: 44, receivedNs: 33 + offsetNs });
      expect(record).to.include({ sentNs: sentNs + offsetNs, firstByteNs: 1_000_000, endNs: 4_000_000, connectNs: 500 });
      expect(record).to.include({ dnsNs: undefined, tcpNs: 500, tlsNs: undefined, writtenNs: undefined });
      expect(record.blockedNs).to.be.at.least(0);
      expect(record).to.include({ localAddress: "", remoteAddress: "" });
      expect(record).to.include({ status: 200, contentType: "text/plain", error: undefined, isCancelled: false });
      expect(record).to.include({ isStreaming: false, isConnectionReused: false, requestBytes: 2, responseBytes: 3 });
      expect(record).to.include({ requestedOutputTokens: 16, inputTokens: 5, inputText: undefined, cancelledNs: undefined });
      expect(Buffer.from(record.payload).toString()).to.equal("abc");
      const { readEnds, readNs } = decodeReads(record.stamps);
      expect([[...readEnds], [...readNs]]).to.deep.equal([
        [2, 3],
        [2_000_000, 3_000_000],
      ]);
      expect(request).to.include({ target: 0, path: "/v1/chat/completions" });
      expect(request.headers).to.deep.equal(["content-type", "application/json"]);
      expect(request.ownHeaders).to.deep.equal(["x-request-id", record.requestId, "x-correlation-id", record.correlationId]);
      expect(ended).to.deep.equal([[9, false]]);
      expect([sender.inFlight, sender.total]).to.deep.equal([0, 1]);
    });

    it("of an answer that came to its end is made when there is time, in order, with the moments of the end; of a failure at once", () => {
      const later: (() => void)[] = [];
      const sender = senderWith({ whenThereIsTime: (work) => later.push(work) });
      const ends = [1, 2, 3].map((id) => {
        sender.send(creditOf({ id }), body, undefined);
        const { handler, write } = transport.last;
        const sentNs = write(500);
        handler.onHead(sentNs, 200, "text/plain");
        return () =>
          id === 2 ? handler.onFailure(sentNs, requestError("reset", "stream", "cut")) : handler.onEnd(sentNs + id * 1e6);
      });
      for (const end of ends) end();
      expect(sender.inFlight).to.equal(0);
      sender.cancel([1, 3], requestError("cancelled", "wait", "too late"));
      expect(ended.map(([id]) => id)).to.deep.equal([2]);
      for (const work of later) work();
      expect(records.map(({ creditId, error, endNs }) => [creditId, error?.code, endNs])).to.deep.equal([
        [2, "reset", 0],
        [1, undefined, 1e6],
        [3, undefined, 3e6],
      ]);
      expect(ended.map(([id]) => id)).to.deep.equal([2, 1, 3]);
    });

    it("has the same moment for all that came in one read, whatever its fraction of a microsecond", () => {
      for (const fractionNs of [499, 500, 501]) {
        records = [];
        senderWith().send(creditOf(), body, legacyOf());
        const { handler, write } = transport.last;
        const atNs = write() + 1_000_000 + fractionNs;
        handler.onHead(atNs, 200, "text/plain");
        handler.onBody(atNs, Buffer.from("a"));
        handler.onEnd(atNs);
        const { firstByteNs, endNs, stamps } = onlyRecord();
        const [readNs] = decodeReads(stamps).readNs;
        expect([firstByteNs, endNs]).to.deep.equal([readNs, readNs]);
      }
    });

    it("has ids of its own, and the given headers stay as they are", () => {
      const headers = ["a", "b"];
      const sender = senderWith({ headers });
      for (const id of [1, 2]) {
        sender.send(creditOf({ id, sessionId: id }), body, legacyOf());
        transport.last.answer("{}");
      }
      expect(new Set(records.flatMap(({ requestId, correlationId }) => [requestId, correlationId])).size).to.equal(4);
      expect(headers).to.deep.equal(["a", "b"]);
    });

    it("of a request that could not be written says when it would have been, and how long that took", () => {
      const sender = senderWith();
      const beforeNs = monotonicNs();
      sender.send(creditOf(), body, legacyOf());
      const afterNs = monotonicNs();
      transport.last.handler.onFailure(afterNs + 7e9, requestError("connect_timeout", "connect", "no"));
      const record = onlyRecord();
      expect(record.sentNs - offsetNs).to.be.within(beforeNs, afterNs);
      expect(record.sentNs - offsetNs + record.endNs).to.be.closeTo(afterNs + 7e9, 502);
      expect(record).to.include({ status: 0, firstByteNs: undefined, isCancelled: false });
      expect(record.error).to.include({ code: "connect_timeout", phase: "connect" });
      expect(ended).to.deep.equal([[1, true]]);
    });

    it("of a credit that cannot be sent is unsendable, and the credit is used", () => {
      const sender = senderWith();
      sender.failUnsent(creditOf({ id: 3 }), requestError("unsendable", "send", "there is no turn"));
      const record = onlyRecord();
      expect(record.error).to.deep.equal({ code: "unsendable", phase: "send", message: "there is no turn" });
      expect(record).to.include({ creditId: 3, status: 0, requestBytes: 0, isCancelled: false });
      expect(ended).to.deep.equal([[3, true]]);
      expect(transport.sent).to.deep.equal([]);
    });

    it("is made once, whatever the transport says afterwards", () => {
      const sender = senderWith();
      sender.send(creditOf(), body, legacyOf());
      transport.last.answer("{}");
      transport.last.handler.onFailure(monotonicNs(), requestError("reset", "wait", "late"));
      expect(records).to.have.lengthOf(1);
      expect(ended).to.have.lengthOf(1);
    });

    it("is made too where the transport fails before it returns", () => {
      transport.send = (_request, handler) => {
        handler.onFailure(monotonicNs(), requestError("unsendable", "send", "at once"));
        return { isWritten: false, abort: () => {} };
      };
      const sender = senderWith();
      sender.send(creditOf(), body, legacyOf());
      expect(onlyRecord().error?.code).to.equal("unsendable");
      expect(sender.inFlight).to.equal(0);
    });
  });

  describe("a timeout", () => {
    // Far beyond what the test itself takes.
    const limits = { requestNs: 1000e9, firstByteNs: 100e9, idleNs: 10e9 };

    it("of the first byte counts from the write, not from the wait for a connection", () => {
      const sender = senderWith({ timeouts: limits });
      sender.send(creditOf(), body, legacyOf());
      const sentNs = transport.last.write(500e9);
      sender.checkTimeouts(sentNs + 100e9);
      expect(records).to.deep.equal([]);
      sender.checkTimeouts(sentNs + 101e9);
      expect(onlyRecord().error).to.include({ code: "first_byte_timeout", phase: "wait" });
      expect(transport.last.aborted?.code).to.equal("first_byte_timeout");
    });

    it("of silence counts from the last byte", () => {
      const sender = senderWith({ timeouts: limits });
      sender.send(creditOf(), body, legacyOf());
      const { handler, write } = transport.last;
      const sentNs = write();
      handler.onHead(sentNs + 50e9, 200, "");
      sender.checkTimeouts(sentNs + 60e9);
      handler.onBody(sentNs + 60e9, Buffer.from("x"));
      sender.checkTimeouts(sentNs + 70e9);
      expect(records).to.deep.equal([]);
      sender.checkTimeouts(sentNs + 71e9);
      const record = onlyRecord();
      expect(record.error).to.include({ code: "idle_timeout", phase: "stream" });
      expect(record).to.include({ status: 200, responseBytes: 1 });
    });

    for (const [phase, reach] of [
      ["connect", 0],
      ["wait", 1],
      ["stream", 2],
    ] as const) {
      it(`of the whole request holds also in phase ${phase}`, () => {
        const sender = senderWith({
          timeouts: { requestNs: 1000e9, firstByteNs: Number.POSITIVE_INFINITY, idleNs: Number.POSITIVE_INFINITY },
        });
        sender.send(creditOf(), body, legacyOf());
        const { handler, write } = transport.last;
        const startNs = monotonicNs();
        if (reach > 0) write();
        if (reach > 1) handler.onHead(startNs, 200, "");
        sender.checkTimeouts(startNs - 1e9);
        expect(records).to.deep.equal([]);
        sender.checkTimeouts(startNs + 1001e9);
        expect(onlyRecord().error).to.include({ code: "request_timeout", phase });
      });
    }

    it("ends only the requests that are over it", () => {
      const sender = senderWith({ timeouts: limits });
      for (const id of [1, 2, 3]) sender.send(creditOf({ id }), body, legacyOf());
      const [first, second] = transport.sent;
      const sentNs = first?.write() ?? 0;
      second?.write(90e9);
      sender.checkTimeouts(sentNs + 150e9);
      expect(records.map(({ creditId }) => creditId)).to.deep.equal([1]);
      expect(sender.inFlight).to.equal(2);
    });
  });

  describe("a cancel", () => {
    it("ends the requests that it names, with a record that says so", () => {
      const sender = senderWith();
      for (const id of [1, 2]) sender.send(creditOf({ id }), body, legacyOf());
      transport.sent[0]?.write();
      sender.cancel([1, 77], requestError("cancelled", "wait", "phase is over"));
      const record = onlyRecord();
      expect(record).to.include({ creditId: 1, isCancelled: true });
      expect(record.cancelledNs).to.equal(record.endNs);
      expect(record.error?.message).to.equal("phase is over");
      sender.cancelAll(requestError("fenced", "wait", "lease"));
      expect(records[1]).to.include({ creditId: 2, isCancelled: false });
      expect(records[1]?.error?.code).to.equal("fenced");
      expect(sender.inFlight).to.equal(0);
    });
  });

  it("gives up an answer that goes on and on, with nothing of it kept", () => {
    senderWith().send(creditOf({ id: 1, turns: 3 }), body, legacyOf());
    const { handler, write } = transport.last;
    const sentNs = write();
    handler.onHead(sentNs + 1, 200, "text/event-stream");
    const piece = Buffer.alloc(1 << 20);
    for (let count = 1; count <= 128; count++) handler.onBody(sentNs + 1 + count, piece);
    expect(records).to.deep.equal([]);
    handler.onBody(sentNs + 200, piece, 0, 1);
    const record = onlyRecord();
    expect(record.error).to.deep.equal({ code: "parse", phase: "parse", message: "answer is longer than 128 MiB" });
    expect(record).to.include({ responseBytes: (128 << 20) + 1, status: 200 });
    expect([record.payload.length, record.stamps.length]).to.deep.equal([0, 0]);
    expect(ended).to.deep.equal([[1, true]]);
  });

  describe("a request that is given up on purpose", () => {
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

    it("ends cancelled as soon as it is written, where it is not to wait, and its session with it", async () => {
      const sender = senderWith();
      sender.send(creditOf({ cancelAfterNs: 0, turns: 3 }), body, legacyOf());
      await turn();
      expect(records, "before the write").to.deep.equal([]);
      transport.last.write();
      expect(records, "during the write").to.deep.equal([]);
      await turn();
      const record = onlyRecord();
      expect(record.error).to.include({ code: "cancelled", phase: "wait" });
      expect(record).to.include({ isCancelled: true, status: 0 });
      expect(record.cancelledNs).to.equal(record.endNs);
      expect(ended).to.deep.equal([[1, true]]);
    });

    it("waits for the last byte of a large body", async () => {
      const sender = senderWith();
      sender.send(creditOf({ cancelAfterNs: 0 }), body, legacyOf());
      transport.last.isWritten = false;
      transport.last.write();
      await turn();
      expect(transport.last.aborted).to.equal(undefined);
      transport.last.isWritten = true;
      while (transport.last.aborted === undefined) await turn();
      expect(onlyRecord().isCancelled).to.equal(true);
    });

    it("waits for a time beyond what a timer can", async () => {
      const sender = senderWith();
      const overflows = await timerOverflowsOf(async () => {
        sender.send(creditOf({ cancelAfterNs: 1e16 }), body, legacyOf());
        transport.last.write();
        await turn();
      });
      transport.last.handler.onFailure(monotonicNs(), requestError("reset", "stream", "over"));
      expect(overflows).to.deep.equal([]);
    });

    it("is answered where the answer is there before its time", async () => {
      const sender = senderWith();
      sender.send(creditOf({ cancelAfterNs: 3600e9 }), body, legacyOf());
      transport.last.answer("{}");
      await turn();
      expect(onlyRecord()).to.include({ isCancelled: false, status: 200, error: undefined });
    });
  });

  it("sends ids of requests and sessions that a user or a turn gives in place of its own, and none twice", () => {
    const namesOf = (headers: readonly string[], own?: readonly string[]): string[] => {
      senderWith({ headers, sessionHeader: "X-Session" }).send(
        creditOf({}),
        { ...body, ...(own && { headers: own }) },
        undefined,
      );
      const { request } = transport.last;
      return [...request.headers, ...(request.ownHeaders ?? [])].filter((_, index) => index % 2 === 0);
    };
    expect(namesOf([])).to.deep.equal(["x-request-id", "X-Session"]);
    expect(namesOf(["x-request-id", "mine"])).to.deep.equal(["x-request-id", "X-Session"]);
    expect(namesOf(["x-session", "mine"])).to.deep.equal(["x-session", "x-request-id"]);
    expect(namesOf([], ["x-request-id", "its own", "x-session", "its own"])).to.deep.equal(["x-request-id", "x-session"]);
  });

  it("sends a turn's own headers in place of the run's of the same names", () => {
    const sender = senderWith({ headers: ["content-type", "application/json", "x-tenant", "all"] });
    sender.send(creditOf({}), { ...body, headers: ["x-tenant", "one", "x-more", "2"] }, undefined);
    const { request } = transport.last;
    expect(request.headers).to.deep.equal(["content-type", "application/json"]);
    expect(request.ownHeaders?.slice(4)).to.deep.equal(["x-tenant", "one", "x-more", "2"]);
  });

  describe("a session", () => {
    it("grows by question and answer, and is over with its last turn", () => {
      const sender = senderWith();
      const turns = 3;
      for (let turn = 0; turn < turns; turn++) {
        const credit = creditOf({ id: turn, turn, turns, sessionId: 8 });
        expect(sender.historyOf(credit)).to.have.lengthOf(2 * turn);
        sender.send(credit, body, legacyOf({ role: "user", content: `q${turn}` }));
        transport.last.answer(chatAnswer(`a${turn}`));
      }
      expect(ended.map(([, over]) => over)).to.deep.equal([false, false, false]);
      expect(new Set(records.map(({ correlationId }) => correlationId)).size).to.equal(1);
      expect(sender.historyOf(creditOf({ turn: 2, turns, sessionId: 8 }))).to.deep.equal([]);
    });

    it("is what its forks begin with, as it was at that turn, until all of them have begun", () => {
      const sender = senderWith();
      const parent = creditOf({ turns: 3, sessionId: 8, forks: 2 });
      const fork = (sessionId: number) =>
        creditOf({ id: sessionId, turns: 2, sessionId, parentSession: 8, rootSession: 8, agentDepth: 1, forkedAt: 0 });
      expect(sender.hasForkPoint(fork(9))).to.equal(false);
      sender.send(parent, body, legacyOf(...question));
      transport.last.answer(chatAnswer("because"));
      sender.send({ ...parent, id: 2, turn: 1, forks: undefined }, body, legacyOf({ role: "user", content: "go on" }));
      transport.last.answer(chatAnswer("no"));
      const said = [...question, { role: "assistant", content: "because" }];
      for (const session of [9, 10]) {
        const first = fork(session);
        expect(sender.hasForkPoint(first)).to.equal(true);
        expect(sender.historyOf(first)).to.deep.equal(said);
        expect(sender.historyTokensOf(first)).to.equal(5);
        sender.send(first, body, legacyOf({ role: "user", content: "fork" }));
        transport.last.answer(chatAnswer(`${session}`));
        const next = { ...first, turn: 1, forkedAt: undefined };
        expect(sender.historyOf(next).slice(2)).to.deep.equal([
          { role: "user", content: "fork" },
          { role: "assistant", content: `${session}` },
        ]);
      }
      expect(sender.hasForkPoint(fork(11)), "both have begun").to.equal(false);
      expect(sender.historyOf({ ...parent, turn: 2 })).to.have.lengthOf(4);
      expect(records.at(-1)).to.include({ parentSession: 8, rootSession: 8, agentDepth: 1 });
    });

    it("is over where its last turn failed and others were to begin with it", () => {
      const sender = senderWith();
      sender.send(creditOf({ turns: 1, forks: 1 }), body, legacyOf(...question));
      transport.last.answer("no answer at all");
      expect(ended).to.deep.equal([[1, true]]);
      expect(sender.hasForkPoint(creditOf({ parentSession: 0, forkedAt: 0 }))).to.equal(false);
    });

    it("has an id that others can tell, where that is asked for", () => {
      const sender = senderWith({ correlationIdOf: (phase, session) => `${phase}-${session}` });
      sender.send(creditOf({ sessionId: 4, phase: 1 }), body, legacyOf());
      transport.last.answer(chatAnswer("a"));
      expect(onlyRecord().correlationId).to.equal("1-4");
    });

    it("holds what was said, in order", () => {
      const sender = senderWith();
      const credit = creditOf({ turns: 2 });
      sender.send(credit, body, legacyOf(...question));
      transport.last.answer(chatAnswer("because"));
      expect(sender.historyOf({ ...credit, turn: 1 })).to.deep.equal([...question, { role: "assistant", content: "because" }]);
    });

    it("holds what the target calls its answers, by which the next turn can go on", () => {
      const endpoint = createEndpoint("responses") as Endpoint;
      const sender = senderWith({ endpoint });
      const credit = creditOf({ turns: 2 });
      sender.send(credit, body, legacyOf(...question));
      const output = [{ type: "message", content: [{ type: "output_text", text: "because" }] }];
      transport.last.answer(JSON.stringify({ object: "response", id: "resp_1", status: "completed", output }));
      const history = sender.historyOf({ ...credit, turn: 1 });
      expect(history.at(-1)).to.deep.equal({ role: "assistant", content: "because", answerId: "resp_1" });
      const messages = [...history, { role: "user", content: "and?" }] as const;
      const next = { model: "m", messages, maxOutputTokens: undefined, isStreaming: false, extraInputs: { store: true } };
      expect(JSON.parse(Buffer.from(endpoint.formatBody(next)).toString())).to.deep.include({
        previous_response_id: "resp_1",
        input: [{ type: "message", role: "user", content: "and?" }],
      });
    });

    it("knows how many of its tokens the dataset counted", () => {
      const sender = senderWith();
      const credit = creditOf({ turns: 3 });
      expect(sender.historyTokensOf(credit)).to.equal(0);
      sender.send(credit, { ...body, inputTokens: 12 }, legacyOf(...question));
      transport.last.answer(chatAnswer("because"));
      expect(sender.historyTokensOf({ ...credit, turn: 1 })).to.equal(12);
    });

    it("holds the text of a streamed answer", () => {
      const sender = senderWith({ isStreaming: true });
      const credit = creditOf({ turns: 2 });
      sender.send(credit, body, legacyOf(...question));
      const { handler, write } = transport.last;
      const sentNs = write();
      handler.onHead(sentNs + 1, 200, "text/event-stream");
      for (const [index, content] of ["be", "cause"].entries()) {
        const event = JSON.stringify({ choices: [{ index: 0, delta: { content } }] });
        handler.onBody(sentNs + 10 * index + 10, Buffer.from(`data: ${event}\n\n`));
      }
      const last = JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
      handler.onBody(sentNs + 90, Buffer.from(`data: ${last}\n\ndata: [DONE]\n\n`));
      handler.onEnd(sentNs + 100);
      expect(sender.historyOf({ ...credit, turn: 1 }).at(-1)).to.deep.equal({ role: "assistant", content: "because" });
      expect(ended).to.deep.equal([[1, false]]);
    });

    for (const [title, fail] of [
      ["an error of the target", (fake: FakeTransport) => fake.last.answer("{}", 500)],
      ["an answer that says nothing", (fake: FakeTransport) => fake.last.answer("{}")],
      [
        "a cut connection",
        (fake: FakeTransport) => {
          fake.last.write();
          fake.last.handler.onFailure(monotonicNs(), requestError("reset", "wait", "gone"));
        },
      ],
    ] as const) {
      it(`is over after ${title}: nothing can be built on it`, () => {
        const sender = senderWith();
        const credit = creditOf({ turns: 3 });
        sender.send(credit, body, legacyOf(...question));
        fail(transport);
        expect(ended).to.deep.equal([[1, true]]);
        expect(sender.historyOf({ ...credit, turn: 1 })).to.deep.equal([]);
      });
    }

    it("repeats the tools that an answer called", () => {
      const sender = senderWith();
      const credit = creditOf({ turns: 2 });
      sender.send(credit, body, legacyOf(...question));
      const call = { id: "c1", type: "function", function: { name: "look", arguments: '{"at":1}' } };
      const message = { role: "assistant", content: null, tool_calls: [call] };
      transport.last.answer(JSON.stringify({ choices: [{ message, finish_reason: "tool_calls" }] }));
      expect(JSON.parse(sender.historyOf({ ...credit, turn: 1 }).at(-1)?.json ?? "")).to.deep.equal(message);
    });

    it("holds no answer that the dataset has itself, and goes on whatever came of it", () => {
      const sender = senderWith();
      const credit = creditOf({ turns: 3 });
      const legacy: Legacy = { messages: question, hasAnswer: false };
      sender.send(credit, body, legacy);
      transport.last.answer(chatAnswer("because"));
      sender.send({ ...credit, id: 2, turn: 1 }, body, legacy);
      transport.last.answer("{}", 500);
      expect(sender.historyOf({ ...credit, turn: 2 })).to.deep.equal([...question, ...question]);
      expect(ended).to.deep.equal([
        [1, false],
        [2, false],
      ]);
    });

    it("can be begun anew", () => {
      const sender = senderWith();
      const credit = creditOf({ turns: 3 });
      sender.send(credit, { ...body, inputTokens: 12 }, legacyOf(...question));
      transport.last.answer(chatAnswer("because"));
      const next = { ...credit, id: 2, turn: 1 };
      sender.forget(next);
      expect(sender.historyOf(next)).to.deep.equal([]);
      expect(sender.historyTokensOf(next)).to.equal(0);
    });

    it("goes on without a history where its turns need none, whatever came of one", () => {
      const sender = senderWith();
      const credit = creditOf({ turns: 3 });
      sender.send(credit, body, undefined);
      transport.last.answer(chatAnswer("because"));
      sender.send({ ...credit, id: 2, turn: 1 }, body, undefined);
      transport.last.answer("{}", 500);
      expect(sender.historyOf({ ...credit, turn: 2 })).to.deep.equal([]);
      sender.send({ ...credit, id: 3, turn: 2 }, body, undefined);
      transport.last.answer(chatAnswer("so"));
      expect(ended.map(([, over]) => over)).to.deep.equal([false, false, false]);
      expect(new Set(records.map(({ correlationId }) => correlationId)).size).to.equal(1);
    });

    it("is another one in another phase, also with the same number", () => {
      const sender = senderWith();
      sender.send(creditOf({ id: 1, phase: 0, turns: 2 }), body, legacyOf(...question));
      transport.last.answer(chatAnswer("in warm-up"));
      // The warm-up ends here; its second turn is never drawn.
      sender.send(creditOf({ id: 2, phase: 1, turns: 2 }), body, legacyOf(...question));
      transport.last.answer(chatAnswer("measured"));
      expect(sender.historyOf(creditOf({ phase: 1, turn: 1, turns: 2 }))).to.deep.equal([
        ...question,
        { role: "assistant", content: "measured" },
      ]);
      expect(records[0]?.correlationId).not.to.equal(records[1]?.correlationId);
    });
  });

  it("asks each target at its own path", () => {
    senderWith().send(creditOf({ targetIndex: 1 }), body, legacyOf());
    expect(transport.last.request).to.include({ target: 1, path: "/b/v1/chat/completions" });
  });

  describe("connections of a session's own", () => {
    const turns = 3;

    it("are asked for by all its turns, and ended with its last one", () => {
      const sender = senderWith({ hasOwnConnections: true });
      for (let turn = 0; turn < turns; turn++) {
        expect(transport.endedSessions).to.deep.equal([]);
        sender.send(creditOf({ id: turn + 1, phase: 1, sessionId: 4, turn, turns }), body, legacyOf(...question));
        transport.last.answer(chatAnswer("so"));
      }
      sender.send(creditOf({ id: 9, phase: 0, sessionId: 4 }), body, legacyOf(...question));
      transport.last.answer(chatAnswer("so"));
      const names = transport.sent.map(({ request }) => request.session);
      expect(names).to.deep.equal(["1/4", "1/4", "1/4", "0/4"]);
      expect(transport.endedSessions).to.deep.equal(["1/4", "0/4"]);
    });

    it("are ended with a session that cannot go on", () => {
      senderWith({ hasOwnConnections: true }).send(creditOf({ sessionId: 4, turns }), body, legacyOf(...question));
      transport.last.answer("{}", 500);
      expect(transport.endedSessions).to.deep.equal(["0/4"]);
    });

    it("are ended with the phase where a session was cut off between two turns, and with its answer where that still comes", () => {
      const sender = senderWith({ hasOwnConnections: true });
      const credits = [1, 2, 3].map((id) => creditOf({ id, sessionId: id, turns }));
      for (const credit of credits) sender.send(credit, body, legacyOf(...question));
      transport.sent[0]?.answer(chatAnswer("so"));
      transport.sent[2]?.answer(chatAnswer("so"));
      const [idle, answering, pending] = credits as [Credit, Credit, Credit];
      sender.enterPhase(0, new Map());
      expect(transport.endedSessions).to.deep.equal([]);
      sender.enterPhase(1, new Map([[4, { ...pending, id: 4, turn: 1 }]]));
      expect(transport.endedSessions).to.deep.equal(["0/1"]);
      expect([idle, pending].map((credit) => sender.historyOf({ ...credit, turn: 1 }).length)).to.deep.equal([0, 2]);
      transport.sent[1]?.answer(chatAnswer("so"));
      expect(transport.endedSessions).to.deep.equal(["0/1", "0/2"]);
      expect(sender.historyOf({ ...answering, turn: 1 })).to.deep.equal([]);
    });

    it("are nobody's where they are not asked for", () => {
      senderWith().send(creditOf({ sessionId: 4 }), body, legacyOf(...question));
      transport.last.answer(chatAnswer("so"));
      expect(transport.last.request.session).to.equal(undefined);
      expect(transport.endedSessions).to.deep.equal([]);
    });
  });

  describe("the first content of an answer", () => {
    const event = (delta: object): string => `data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`;
    const role = event({ role: "assistant", content: "" });
    const word = event({ content: "a" });

    function foundIn(chunks: readonly string[], isWanted = true): { found: number[]; after: number } {
      const found: number[] = [];
      let after = -1;
      const sender = senderWith({
        isStreaming: true,
        firstContent: { isWanted: () => isWanted, found: (id) => found.push(id) },
      });
      sender.send(creditOf({ id: 4 }), body, legacyOf());
      const { handler, write } = transport.last;
      const sentNs = write();
      handler.onHead(sentNs + 1, 200, "text/event-stream");
      for (const [index, chunk] of chunks.entries()) {
        handler.onBody(sentNs + 2 + index, Buffer.from(chunk));
        if (found.length > 0 && after < 0) after = index;
      }
      return { found, after };
    }

    it("is told once, where that is wanted, and not for a chunk with nothing but a role or for half an event", () => {
      expect(foundIn([role, word.slice(0, 30), word.slice(30), word])).to.deep.equal({ found: [4], after: 2 });
      expect(foundIn([role + word, word])).to.deep.equal({ found: [4], after: 0 });
      expect(foundIn([role, word], false).found).to.deep.equal([]);
    });

    it("is not looked for without end", () => {
      const silence = `: ${"x".repeat(70_000)}\n\n`;
      expect(foundIn([silence, word]).found).to.deep.equal([]);
    });
  });

  it("asks whether a request may be written, where somebody may say no", () => {
    senderWith({ mayWrite: (id) => id !== 5 }).send(creditOf({ id: 5 }), body, legacyOf());
    expect(transport.last.handler.mayWrite()).to.equal(false);
    senderWith().send(creditOf({ id: 5 }), body, legacyOf());
    expect(transport.last.handler.mayWrite()).to.equal(true);
  });
});
