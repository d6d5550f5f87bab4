import type { RequestListener, ServerResponse } from "node:http";
import { expect } from "chai";
import { createPageFetcher, type PageFetcher } from "../../../services/telemetry/sources/http.ts";
import { type PageServer, servePages } from "./page-server.ts";

describe("createPageFetcher", () => {
  const never = new AbortController().signal;
  const opened: (PageServer | PageFetcher)[] = [];
  const serve = async (listener: RequestListener): Promise<PageServer> => {
    const server = await servePages(listener);
    opened.push(server);
    return server;
  };
  const fetcher = (limits: { deadlineMs?: number; maxBytes?: number } = {}): PageFetcher => {
    const created = createPageFetcher({ deadlineMs: 5000, maxBytes: 1000, ...limits });
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
    expect(await fetcher().fetch(url, never)).to.deep.equal({ kind: "page", text: "up 1 # é\n" });
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
    expect(await pages.fetch(url, never)).to.deep.equal({ kind: "failed", reason: "HTTP status 500" });
    expect(await pages.fetch(url, never)).to.deep.equal({ kind: "page", text: "up 1\n" });
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
    expect(await fetcher().fetch(url, never)).to.deep.equal({ kind: "absent", reason: "HTTP status 404" });
  });

  it("fails on another status, and on an address that is none", async () => {
    const { url } = await serve((_, response) => response.writeHead(302, { location: "/" }).end());
    expect(await fetcher().fetch(url, never)).to.deep.equal({ kind: "failed", reason: "HTTP status 302" });
    expect(await fetcher().fetch("nowhere", never)).to.deep.include({ kind: "failed" });
  });

  it("gives up a body that is too long, without waiting for its end", async () => {
    const { url } = await serve((_, response) => response.write("x".repeat(1001)));
    expect(await fetcher().fetch(url, never)).to.deep.equal({ kind: "failed", reason: "page is larger than 1000 bytes" });
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
      expect(await fetcher({ deadlineMs: 30 }).fetch(url, never)).to.deep.equal({
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
      expect(await fetcher().fetch(url, cancel.signal)).to.deep.equal({ kind: "failed", reason: "cancelled" });
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
});
