import type { RequestListener, ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import { createPageFetcher, type PageFetcher } from "../../../services/telemetry/sources/http.ts";
import { createCertWorkshop } from "../../support/certs.ts";
import { type PageServer, servePages } from "./page-server.ts";

describe("createPageFetcher", () => {
  const never = new AbortController().signal;
  const opened: (PageServer | PageFetcher)[] = [];
  const serve = async (listener: RequestListener): Promise<PageServer> => {
    const server = await servePages(listener);
    opened.push(server);
    return server;
  };
  const limits = { deadlineMs: 5000, maxBytes: 1000 };
  const fetcher = (others: { deadlineMs?: number; maxBytes?: number } = {}): PageFetcher => {
    const created = createPageFetcher({ ...limits, ...others });
    opened.push(created);
    return created;
  };
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((one) => one.close()));
  });

  it("fetches a page, asking for the plain text format", async () => {
    let accepted: string | undefined;
    const { url } = await serve((request, response) => {
      accepted = request.headers.accept;
      response.end("up 1 # é\n");
    });
    expect(await fetcher().fetch(url, never)).to.deep.equal({
      kind: "page",
      text: "up 1 # é\n",
      sizeBytes: 10,
      isOpenMetrics: false,
    });
    expect(accepted).to.equal("text/plain;version=0.0.4");
  });

  it("keeps its connection from page to page, also over an answer that is no page", async () => {
    const sockets = new Set<unknown>();
    let answers = 0;
    const { url } = await serve((request, response) => {
      sockets.add(request.socket);
      response.writeHead(answers++ === 1 ? 503 : 200).end("up 1\n");
    });
    const pages = fetcher();
    const kinds = [await pages.fetch(url, never), await pages.fetch(url, never), await pages.fetch(url, never)];
    expect(kinds.map((page) => page.kind)).to.deep.equal(["page", "failed", "page"]);
    expect(sockets.size).to.equal(1);
  });

  it("is not held up by a long answer that was no page", async () => {
    let answers = 0;
    const { url } = await serve((_, response) => {
      if (answers++ > 0) response.end("up 1\n");
      else response.writeHead(500).end("x".repeat(1_000_000));
    });
    const pages = fetcher();
    expect(await pages.fetch(url, never)).to.deep.equal({ kind: "failed", reason: "HTTP status 500", isAnswered: true });
    expect(await pages.fetch(url, never)).to.deep.include({ kind: "page", text: "up 1\n" });
  });

  it("says that a page is absent where nobody listens", async () => {
    const { url, close } = await servePages((_, response) => response.end());
    await close();
    const page = await fetcher().fetch(url, never);
    expect(page).to.deep.include({ kind: "absent" });
    expect(page.kind !== "page" && page.reason).to.include("ECONNREFUSED");
  });

  it("says that a page is absent where the server does not have it", async () => {
    const { url } = await serve((_, response) => response.writeHead(404).end("none"));
    expect(await fetcher().fetch(url, never)).to.deep.equal({ kind: "absent", reason: "HTTP status 404", isAnswered: true });
  });

  it("fails on another status, and on an address that is none", async () => {
    const { url } = await serve((_, response) => response.writeHead(302, { location: "/" }).end());
    expect(await fetcher().fetch(url, never)).to.deep.equal({ kind: "failed", reason: "HTTP status 302", isAnswered: true });
    expect(await fetcher().fetch("nowhere", never)).to.deep.include({ kind: "failed" });
  });

  it("gives up a body that is too long, without waiting for its end", async () => {
    const { url } = await serve((_, response) => response.write("x".repeat(1001)));
    expect(await fetcher().fetch(url, never)).to.deep.include({ kind: "failed", reason: "page is larger than 1000 bytes" });
  });

  it("takes a body of exactly the limit", async () => {
    const { url } = await serve((_, response) => response.end("x".repeat(1000)));
    expect(await fetcher().fetch(url, never)).to.deep.include({ kind: "page" });
  });

  const stalls: [string, (response: ServerResponse) => void][] = [
    ["before the headers", () => {}],
    ["in the middle of the body", (response) => response.write("up")],
  ];
  for (const [where, answer] of stalls) {
    it(`gives up at its deadline when the server stalls ${where}`, async () => {
      const { url } = await serve((_, response) => answer(response));
      expect(await fetcher({ deadlineMs: 30 }).fetch(url, never)).to.deep.include({
        kind: "failed",
        reason: "no page within 30 ms",
      });
    });

    it(`ends at once when it is cancelled ${where}`, async () => {
      const cancel = new AbortController();
      const { url } = await serve((_, response) => {
        answer(response);
        cancel.abort();
      });
      expect(await fetcher().fetch(url, cancel.signal)).to.deep.include({ kind: "failed", reason: "cancelled" });
    });
  }

  it("fails when the connection breaks within the body", async () => {
    const { url } = await serve((request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("up 1\n", () => request.socket.destroy());
    });
    const page = await fetcher().fetch(url, never);
    expect(page).to.deep.include({ kind: "failed" });
  });

  it("sends user and password of the URL, and the headers that it is told to", async () => {
    const seen: (string | undefined)[] = [];
    const { url } = await serve((request, response) => {
      seen.push(request.headers.authorization, request.headers["x-tenant"] as string | undefined);
      response.end("up 1\n");
    });
    await fetcher().fetch(url.replace("//", "//us%40er:p%3Ass@"), never);
    expect(seen).to.deep.equal([`Basic ${Buffer.from("us@er:p:ss").toString("base64")}`, undefined]);
    const told = createPageFetcher(limits, { headers: { authorization: "Bearer t0ken", "x-tenant": "a" } });
    opened.push(told);
    await told.fetch(url, never);
    expect(seen.slice(2)).to.deep.equal(["Bearer t0ken", "a"]);
  });

  it("says nothing of a password where the address is none", async () => {
    const page = await fetcher().fetch("http://user:s3cret@host:port/", never);
    expect(page).to.deep.equal({ kind: "failed", reason: "not a URL", isAnswered: false });
  });

  it("unpacks a page that comes packed, and counts its bytes as they were sent", async () => {
    const packed = gzipSync("up 1\n".repeat(100));
    const { url } = await serve((request, response) => {
      expect(request.headers["accept-encoding"]).to.equal("gzip");
      response.writeHead(200, { "content-encoding": "gzip" }).end(packed);
    });
    expect(await fetcher().fetch(url, never)).to.deep.include({ text: "up 1\n".repeat(100), sizeBytes: packed.length });
  });

  it("gives up a page that gets too long as it is unpacked", async () => {
    const { url } = await serve((_, response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("x".repeat(1_000_000))),
    );
    expect(await fetcher().fetch(url, never)).to.deep.include({ kind: "failed", reason: "page is larger than 1000 bytes" });
  });

  it("fails on what says that it is packed and is not, or is cut", async () => {
    let answers = 0;
    const { url } = await serve((_, response) =>
      response
        .writeHead(200, { "content-encoding": answers === 2 ? "br" : "gzip" })
        .end(answers++ === 0 ? "up 1\n" : gzipSync("up 1\n").subarray(0, 12)),
    );
    const pages = fetcher();
    expect((await pages.fetch(url, never)).kind).to.equal("failed");
    expect((await pages.fetch(url, never)).kind).to.equal("failed");
    expect(await pages.fetch(url, never)).to.deep.include({ reason: "content encoding br, which was not asked for" });
  });

  for (const [what, headers, body] of [
    ["its type", { "content-type": "text/html; charset=utf-8" }, "Sign in"],
    ["its beginning", {}, "\n<!DOCTYPE html><html></html>"],
  ] as const) {
    it(`tells an HTML page by ${what}`, async () => {
      const { url } = await serve((_, response) => response.writeHead(200, headers).end(body));
      const reason = "the answer is an HTML page, not metrics";
      expect(await fetcher().fetch(url, never)).to.deep.equal({ kind: "failed", reason, isAnswered: true });
    });
  }

  it("says that an answer is OpenMetrics", async () => {
    const { url } = await serve((_, response) =>
      response.writeHead(200, { "content-type": "application/openmetrics-text; version=1.0.0" }).end("up 1\n# EOF\n"),
    );
    expect(await fetcher().fetch(url, never)).to.deep.include({ kind: "page", isOpenMetrics: true });
  });

  it("trusts the authority that it is told to, and no other", async () => {
    const workshop = createCertWorkshop();
    const ca = workshop.ca("test");
    const { cert, key } = ca.issue("exporter", "IP:127.0.0.1");
    const secure = await servePages((_, response) => response.end("up 1\n"), { cert, key });
    const { url } = secure;
    const trusting = createPageFetcher(limits, { tls: { ca: ca.cert } });
    opened.push(trusting);
    try {
      expect((await trusting.fetch(url, never)).kind).to.equal("page");
      expect((await fetcher().fetch(url, never)).kind).to.equal("failed");
    } finally {
      await secure.close();
      workshop.remove();
    }
  });
});
