import { expect } from "chai";
import { AssayError } from "../../../services/common/errors.ts";
import { compileRunSpec } from "../../../services/controller/core/run-spec.ts";
import { resetCache } from "../../../services/controller/reset-cache.ts";
import { askTarget } from "../../../services/worker/ask-target.ts";
import { timerOverflowsOf } from "../../support/timer-overflows.ts";
import { Harness } from "../rpc/harness.ts";
import { plainAnswer, type SeenRequest, startScripted } from "../worker/scripted-server.ts";
import { type SpecInit, specOf } from "./suite.ts";

describe("a target that is to empty its prefix cache", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  async function answering(...statuses: string[]) {
    let answered = 0;
    const server = await startScripted(({ socket }) => {
      const status = statuses[Math.min(answered++, statuses.length - 1)];
      socket.write(plainAnswer("", "content-type: text/plain\r\n", status));
    });
    harness.onClose(() => server.stop());
    return server;
  }

  async function reset(target: SpecInit["target"], patience = { totalMs: 400, firstMs: 1, mostMs: 2 }) {
    const notes: string[] = [];
    const over = new AbortController().signal;
    const failure = await resetCache(
      {
        spec: compileRunSpec(specOf({ target }), () => 1n).spec,
        over,
        ask: (question) => askTarget(question, "w1", over),
        note: (kind, message) => notes.push(`${kind}: ${message}`),
      },
      patience,
    ).then(
      () => undefined,
      (error: unknown) => {
        if (!(error instanceof AssayError)) throw error;
        expect(error.code).to.equal("failed_precondition");
        return error.message;
      },
    );
    return { failure, notes };
  }

  const lineOf = ({ head }: SeenRequest): string => head.split("\r\n")[0] ?? "";

  it("is asked by POST, with the run's key, once at each host, whatever the paths of its URLs", async () => {
    const [one, other] = [await answering("200 OK"), await answering("204 No Content")];
    const urls = [`${one.origin}/v1`, `${one.origin}/v2`, other.origin].map((url) => ({ url }));
    const { failure, notes } = await reset({ urls, apiKey: "k", resetKvCachePath: "/flush_cache" });
    expect(failure).to.equal(undefined);
    expect(notes.toSorted()).to.deep.equal(
      [one, other].map(({ origin }) => `target: the prefix cache of ${origin} was emptied`).toSorted(),
    );
    for (const { requests } of [one, other]) {
      expect(requests.map(lineOf)).to.deep.equal(["POST /flush_cache HTTP/1.1"]);
      expect(requests[0]?.head).to.match(/authorization: Bearer k\r\n/i);
      expect(requests[0]?.body).to.have.length(0);
    }
  });

  it("is asked with the query of its URL", async () => {
    const server = await answering("200 OK");
    const { failure } = await reset({ urls: [{ url: `${server.origin}/v1?api-key=k` }], resetKvCachePath: "/flush_cache?all=1" });
    expect(failure).to.equal(undefined);
    expect(server.requests.map(lineOf)).to.deep.equal(["POST /flush_cache?all=1&api-key=k HTTP/1.1"]);
  });

  it("has the run's key taken out of what it says back", async () => {
    const server = await startScripted(({ socket }) =>
      socket.write(plainAnswer("no such key: sk-canary", "", "401 Unauthorized")),
    );
    harness.onClose(() => server.stop());
    const { failure } = await reset({ urls: [{ url: server.origin }], apiKey: "sk-canary", resetKvCachePath: "/flush_cache" });
    expect(failure).to.contain("no such key: ***").and.not.contain("canary");
  });

  it("is not asked unless the run says so", async () => {
    const server = await answering("200 OK");
    expect(await reset({ urls: [{ url: server.origin }] })).to.deep.equal({ failure: undefined, notes: [] });
    expect(server.requests).to.deep.equal([]);
  });

  it("is asked again while it is busy", async () => {
    const server = await answering("503 Busy", "429 Slow Down", "409 Conflict", "423 Locked", "200 OK");
    const { failure, notes } = await reset({ urls: [{ url: server.origin }], resetKvCachePath: "/reset" });
    expect(failure).to.equal(undefined);
    expect(notes.slice(0, -1).map((note) => /status (\d+)/.exec(note)?.[1])).to.deep.equal(["503", "429", "409", "423"]);
  });

  it("fails the run where it stays busy", async () => {
    const server = await answering("503 Busy");
    const { failure, notes } = await reset({ urls: [{ url: server.origin }], resetKvCachePath: "/reset" });
    expect(failure).to.match(/^the prefix cache was not emptied: POST http:\S+\/reset: status 503/);
    expect(notes).to.not.deep.equal([]);
  });

  for (const status of ["404 Not Found", "401 Unauthorized", "302 Found"]) {
    it(`fails the run at once where it refuses: ${status}`, async () => {
      const server = await answering(status);
      const { failure, notes } = await reset({ urls: [{ url: server.origin }], resetKvCachePath: "/reset" });
      expect(failure).to.include(`POST ${server.origin}/reset: status ${status.slice(0, 3)}`);
      expect(failure?.includes("--reset-kv-cache-path")).to.equal(status.startsWith("404"));
      expect(notes).to.deep.equal([]);
      expect(server.requests).to.have.length(1);
    });
  }

  it("is waited for where the limit is beyond what a timer can wait", async () => {
    const server = await answering("200 OK");
    const target = { urls: [{ url: server.origin }], resetKvCachePath: "/reset", resetKvCacheTimeoutSec: 1e7 };
    const overflows = await timerOverflowsOf(async () => {
      expect((await reset(target)).failure).to.equal(undefined);
    });
    expect(overflows).to.deep.equal([]);
  });

  it("fails the run where it does not answer in time", async () => {
    const server = await startScripted(() => {});
    harness.onClose(() => server.stop());
    const target = { urls: [{ url: server.origin }], resetKvCachePath: "/reset", resetKvCacheTimeoutSec: 0.05 };
    expect((await reset(target, { totalMs: 0, firstMs: 1, mostMs: 1 })).failure).to.include("no answer after 0.05 s");
  });
});
