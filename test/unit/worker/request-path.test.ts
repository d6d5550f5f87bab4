import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { withOwnEndpoints } from "../../../endpoints/own-endpoints.ts";
import { RunSpecSchema, TransportKind } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import { createPath } from "../../../services/worker/request-path.ts";

type Init = MessageInitShape<typeof RunSpecSchema>;

describe("request path", async () => {
  it("is each target's own", async () => {
    const urls = [{ url: "http://h:1" }, { url: "http://h:2/llm" }];
    expect((await pathOf({ target: { urls } })).paths).to.deep.equal(["/v1/chat/completions", "/llm/v1/chat/completions"]);
  });

  const rows = [
    { url: "http://h:1", own: "", path: "/v1/chat/completions" },
    { url: "http://h:1/", own: "", path: "/v1/chat/completions" },
    { url: "h:1", own: "", path: "/v1/chat/completions" },
    { url: "http://h:1/v1", own: "", path: "/v1/chat/completions" },
    { url: "http://h:1/v1/", own: "", path: "/v1/chat/completions" },
    { url: "http://h:1/llm/v1", own: "", path: "/llm/v1/chat/completions" },
    { url: "http://h:1/llm", own: "", path: "/llm/v1/chat/completions" },
    { url: "http://h:1/llm", own: "/ask", path: "/llm/ask" },
    { url: "http://h:1/llm", own: "/llm/ask", path: "/llm/ask" },
  ];
  it("is the URL as it is for an endpoint without a path", async () => {
    const urls = ["http://h:1", "http://h:1/llm/ask/?key=1"].map((url) => ({ url }));
    const { paths } = await pathOf({ target: { urls }, endpoint: { type: "raw" } });
    expect(paths).to.deep.equal(["/", "/llm/ask/?key=1"]);
  });

  for (const { url, own, path } of rows) {
    it(`leads from ${url} ${own} to ${path}`, async () => {
      expect((await pathOf({ target: { urls: [{ url }] }, endpoint: { path: own } })).paths).to.deep.equal([path]);
    });
  }

  it("has the usual headers, those of the key and those of the spec", async () => {
    const { headers } = await pathOf({ target: { urls: [{ url: "h" }], apiKey: "k", headers: { "X-Team": "a" } } });
    const named = pairsOf(headers);
    expect(named.get("content-type")).to.equal("application/json");
    expect(named.get("accept")).to.equal("application/json");
    expect(named.get("authorization")).to.equal("Bearer k");
    expect(named.get("x-team")).to.equal("a");
    expect(named.get("user-agent")).to.match(/^assay\//);
  });

  it("asks for an event stream where one is wanted", async () => {
    const { headers, isStreaming } = await pathOf({ target: { urls: [{ url: "h" }] }, endpoint: { streaming: true } });
    expect(isStreaming).to.equal(true);
    expect(pairsOf(headers).get("accept")).to.equal("text/event-stream");
  });

  it("sends each header once: the spec's takes the place of the usual one", async () => {
    const given = { Authorization: "own", "USER-AGENT": "me" };
    const { headers } = await pathOf({ target: { urls: [{ url: "h" }], apiKey: "k", headers: given } });
    const names = headers.filter((_, index) => index % 2 === 0);
    expect(new Set(names).size).to.equal(names.length);
    expect(pairsOf(headers).get("authorization")).to.equal("own");
    expect(pairsOf(headers).get("user-agent")).to.equal("me");
  });

  describe("of an endpoint with ways of its own", () => {
    const own = {
      path: "/whole",
      streamPath: "/pieces",
      canStream: true,
      contentType: "application/x-ndjson",
      headers: { "x-version": "1", accept: "application/x-ndjson" },
      keyHeader: "x-api-key",
      formatBody: () => new Uint8Array(1),
      parse: () => undefined,
    };
    const endpoints = withOwnEndpoints({ endpoints: { mine: () => own } });
    const senderOf = async (streaming: boolean, path = "", headers: Record<string, string> = {}) => {
      const target = { urls: [{ url: "h" }], apiKey: "k", headers };
      const spec = create(RunSpecSchema, { models: ["m"], target, endpoint: { type: "mine", streaming, path } });
      return (await createPath(spec, { endpoints })).sender;
    };

    it("leads streams elsewhere where it says so, and both where the spec says", async () => {
      expect((await senderOf(false)).paths).to.deep.equal(["/whole"]);
      expect((await senderOf(true)).paths).to.deep.equal(["/pieces"]);
      expect((await senderOf(true, "/x")).paths).to.deep.equal(["/x"]);
    });

    it("has its headers, its content type and the key where it wants it, under those of the spec", async () => {
      const usual = pairsOf((await senderOf(false)).headers);
      expect(Object.fromEntries(usual)).to.include({
        "content-type": "application/x-ndjson",
        accept: "application/x-ndjson",
        "x-version": "1",
        "x-api-key": "k",
      });
      expect(usual.has("authorization")).to.equal(false);
      const given = pairsOf((await senderOf(false, "", { "X-Version": "2", "Content-Type": "text/plain" })).headers);
      expect(Object.fromEntries(given)).to.include({ "x-version": "2", "content-type": "text/plain" });
    });
  });

  it("names the session as the spec says", async () => {
    expect((await pathOf({ target: { urls: [{ url: "h" }] } })).sessionHeader).to.equal("x-correlation-id");
    const own = await pathOf({ target: { urls: [{ url: "h" }], sessionHeader: "x-session" } });
    expect(own.sessionHeader).to.equal("x-session");
  });

  it("counts limits in ns, and has none where none is given", async () => {
    const { timeouts } = await pathOf({ target: { urls: [{ url: "h" }], requestTimeoutSec: 1.5, idleTimeoutSec: 2 } });
    expect(timeouts).to.deep.equal({ requestNs: 1.5e9, firstByteNs: Number.POSITIVE_INFINITY, idleNs: 2e9 });
  });

  const refused: { what: string; spec: Init }[] = [
    { what: "a spec without a target", spec: {} },
    { what: "an endpoint that there is not", spec: { target: { urls: [{ url: "h" }] }, endpoint: { type: "telepathy" } } },
    { what: "a scheme that is neither HTTP's nor gRPC's", spec: { target: { urls: [{ url: "ftp://h:1" }] } } },
    { what: "a proxy that is none", spec: { target: { urls: [{ url: "h" }], proxyUrl: "socks5://me:s3cret@p" } } },
    {
      what: "a proxy for http1",
      spec: { target: { urls: [{ url: "h" }], proxyUrl: "p:1", transport: TransportKind.HTTP1 } },
    },
    { what: "a proxy for a Unix socket", spec: { target: { urls: [{ url: "unix:/s" }], proxyUrl: "p:1" } } },
    { what: "what is no URL", spec: { target: { urls: [{ url: "http://" }] } } },
  ];
  for (const { what, spec } of refused) {
    it(`refuses ${what}`, async () => {
      const error = await pathOf(spec).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(AssayError).with.property("code", "invalid_argument");
      expect(String(error)).to.not.contain("s3cret");
    });
  }
});

async function pathOf(init: Init) {
  return (await createPath(create(RunSpecSchema, { models: ["m"], ...init }))).sender;
}

function pairsOf(headers: readonly string[]): Map<string, string> {
  return new Map(headers.flatMap((name, index) => (index % 2 === 0 ? [[name, headers[index + 1] ?? ""] as const] : [])));
}
