import { setImmediate as turnOfLoop } from "node:timers/promises";
import { expect } from "chai";
import type { Endpoint, FollowUp, WholeResponse } from "../../../endpoints/endpoint.ts";
import { createVideoGenerationEndpoint } from "../../../endpoints/openai/video-generation.ts";
import { requestError } from "../../../endpoints/target-error.ts";
import { decodeReads } from "../../../services/common/chunk-stamps.ts";
import { monotonicNs } from "../../../services/common/clock.ts";
import type { RawRecord } from "../../../services/common/raw-record.ts";
import type { RequestBody } from "../../../services/worker/bodies.ts";
import { Sender, type SenderOptions } from "../../../services/worker/sender.ts";
import { creditOf, FakeTransport, type SentRequest } from "./fake-transport.ts";

const clock = { now: monotonicNs, toSuite: (ns: number) => ns, toLocal: (ns: number) => ns, offset: () => undefined };
const body: RequestBody = {
  body: Buffer.from("{}"),
  model: "m",
  inputTokens: 5,
  inputText: undefined,
  requestedOutputTokens: undefined,
  isStreaming: false,
};
const job = (status: string) => `{"id":"v1","status":"${status}"}`;

/** The endpoint, in whose steps there is no wait. */
function videos(downloadVideoContent = false): Endpoint {
  const endpoint = createVideoGenerationEndpoint({ downloadVideoContent });
  const next = (answer: WholeResponse): FollowUp | undefined => {
    const step = endpoint.next?.(answer);
    return step && { ...step, waitMs: 0 };
  };
  return { ...endpoint, next };
}

describe("requests that follow a job", () => {
  let transport: FakeTransport;
  let records: RawRecord[];
  let ended: number[];

  beforeEach(() => {
    transport = new FakeTransport();
    records = [];
    ended = [];
  });

  function begin(options: Partial<SenderOptions> = {}): Sender {
    const sender = new Sender({
      transport,
      endpoint: videos(),
      paths: ["/v1/videos?key=1"],
      isStreaming: false,
      headers: ["content-type", "application/json", "accept", "application/json"],
      sessionHeader: "x-correlation-id",
      hasOwnConnections: false,
      timeouts: { requestNs: 60e9, firstByteNs: 10e9, idleNs: 5e9 },
      workerId: "w1",
      clock,
      wallOffsetNs: 0,
      onRecord: (record) => records.push({ ...record, stamps: record.stamps.slice(), payload: Buffer.from(record.payload) }),
      onEnded: (id) => ended.push(id),
      ...options,
    });
    sender.send(creditOf(), body, undefined);
    return sender;
  }

  async function request(number: number): Promise<SentRequest> {
    while (transport.sent.length < number) await turnOfLoop();
    return transport.sent[number - 1] as SentRequest;
  }

  it("are one request: one credit and one record, with the first one's start and the last one's answer and end", async () => {
    const sender = begin();
    const first = await request(1);
    first.answer(job("queued"));
    const second = await request(2);
    second.answer(job("in_progress"));
    const third = await request(3);
    expect([sender.inFlight, sender.total, records.length]).to.deep.equal([1, 1, 0]);
    third.answer(job("completed"));
    expect(records).to.have.lengthOf(1);
    expect(ended).to.deep.equal([1]);
    const [record] = records as [RawRecord];
    expect(record).to.include({ status: 200, error: undefined, requestBytes: 2, firstByteNs: 1000 });
    expect(record.endNs).to.be.greaterThan(record.firstByteNs ?? 0);
    expect(Buffer.from(record.payload).toString()).to.equal(job("completed"));
    expect(record.responseBytes).to.equal([job("queued"), job("in_progress"), job("completed")].join("").length);
    const { readEnds, readNs } = decodeReads(record.stamps);
    expect([...readEnds]).to.deep.equal([job("completed").length]);
    expect(readNs[0]).to.be.at.most(record.endNs);
  });

  it("go to the job's path, with the request's own headers and without a body", async () => {
    begin();
    (await request(1)).answer(job("queued"));
    const { request: get } = await request(2);
    const { request: post } = await request(1);
    expect(get).to.include({ method: "GET", path: "/v1/videos/v1?key=1", target: 0 });
    expect(get.body.length).to.equal(0);
    expect(get.headers).to.deep.equal(["accept", "application/json"]);
    expect(get.ownHeaders).to.deep.equal(post.ownHeaders);
  });

  it("end with a status that is none of success", async () => {
    begin();
    (await request(1)).answer(job("queued"));
    (await request(2)).answer('{"error":{"message":"gone"}}', 404);
    expect(records[0]).to.include({ status: 404, error: undefined });
    expect(Buffer.from((records[0] as RawRecord).payload).toString()).to.include("gone");
  });

  it("are none behind a first answer that failed", async () => {
    begin();
    (await request(1)).answer(job("queued"), 500);
    expect(records[0]).to.include({ status: 500 });
    await turnOfLoop();
    expect(transport.sent).to.have.lengthOf(1);
  });

  it("count a download as part of the request, and keep none of it", async () => {
    begin({ endpoint: videos(true) });
    (await request(1)).answer(job("completed"));
    const download = await request(2);
    expect(download.request.path).to.equal("/v1/videos/v1/content?key=1");
    download.answer("VIDEO".repeat(1000), 200, "video/mp4");
    const [record] = records as [RawRecord];
    expect(record.responseBytes).to.equal(job("completed").length + 5000);
    expect(Buffer.from(record.payload).toString().trim()).to.equal(job("completed"));
    const { readEnds, readNs } = decodeReads(record.stamps);
    const parsed = videos().parse({ ...record, readEnds, readNs });
    expect(parsed.error).to.equal(undefined);
    expect(parsed.contentNs.at(-1)).to.equal(record.endNs);
  });

  it("fail with what the target says of a download that there is not", async () => {
    begin({ endpoint: videos(true) });
    (await request(1)).answer(job("completed"));
    (await request(2)).answer('{"error":{"message":"expired"}}', 404);
    expect(records[0]?.error).to.deep.include({ code: "http_4xx", message: "http status 404: expired" });
  });

  it("can be cancelled between two of them, and while one is out", async () => {
    const waiting = { ...videos(), next: () => ({ below: "/v1", waitMs: 2 ** 30 }) };
    const sender = begin({ endpoint: waiting });
    (await request(1)).answer(job("queued"));
    sender.cancelAll(requestError("cancelled", "wait", "the run was stopped"));
    expect(records[0]?.error?.code).to.equal("cancelled");
    expect([sender.inFlight, transport.sent.length]).to.deep.equal([0, 1]);

    records = [];
    transport = new FakeTransport();
    const other = begin();
    (await request(1)).answer(job("queued"));
    await request(2);
    other.cancelAll(requestError("cancelled", "wait", "the run was stopped"));
    expect(records[0]?.error?.code).to.equal("cancelled");
    expect(transport.last.aborted?.code).to.equal("cancelled");
  });

  it("are over the request's limit together", async () => {
    const sender = begin();
    (await request(1)).answer(job("queued"));
    await request(2);
    sender.checkTimeouts(monotonicNs() + 61e9);
    expect(records[0]?.error).to.deep.include({ code: "request_timeout" });
  });

  it("are not sent once the worker may not write", async () => {
    let mayWrite = true;
    begin({ mayWrite: () => mayWrite });
    (await request(1)).answer(job("queued"));
    mayWrite = false;
    expect((await request(2)).handler.mayWrite()).to.equal(false);
  });
});
