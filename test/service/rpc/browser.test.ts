import http from "node:http";
import { expect } from "chai";
import { Harness, type RunningEcho } from "./harness.ts";

const ECHO = "/assay.testing.v1.EchoService/Echo";

describe("HTTP/1.1 from a browser", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  /** The status and body of a request with just these headers: `fetch` would not let Host and Origin be set. */
  function send(
    { port }: RunningEcho,
    headers: Record<string, string>,
    { method = "POST", path = ECHO }: { method?: string; path?: string } = {},
  ): Promise<{ status: number | undefined; body: string }> {
    return new Promise((resolve, reject) => {
      const options = { port, host: "127.0.0.1", method, path, agent: false };
      const request = http.request({ ...options, headers: { "content-type": "application/json", ...headers } }, (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (text: string) => {
          body += text;
        });
        response.on("end", () => resolve({ status: response.statusCode, body }));
      });
      request.on("error", reject);
      request.end(method === "POST" ? "{}" : undefined);
    });
  }

  it("is answered from its own origin", async () => {
    const echo = await harness.serve();
    const host = `localhost:${echo.port}`;
    const headers = { host, origin: `http://${host}`, "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" };
    expect(await send(echo, headers)).to.deep.include({ status: 200 });
  });

  it("is refused for a foreign host, a foreign or hidden origin, and across sites", async () => {
    const echo = await harness.serve();
    const host = `localhost:${echo.port}`;
    const refused = [
      { host: `evil.example:${echo.port}` },
      { host: "localhost" },
      { host, origin: "http://evil.example" },
      { host, origin: "null" },
      { host, origin: `https://${host}` },
      { host, "sec-fetch-site": "cross-site" },
      { host, "sec-fetch-site": "same-site" },
    ];
    for (const headers of refused) expect(await send(echo, headers), JSON.stringify(headers)).to.deep.include({ status: 403 });
    expect(echo.server.stats().started).to.equal(0);
  });

  it("is answered under the names that the server was given", async () => {
    const echo = await harness.serve({ listen: { names: ["bench.local", "proxy.local:8443"] } });
    expect(await send(echo, { host: `bench.local:${echo.port}` })).to.deep.include({ status: 200 });
    expect(await send(echo, { host: "proxy.local:8443" })).to.deep.include({ status: 200 });
    expect(await send(echo, { host: `proxy.local:${echo.port}` })).to.deep.include({ status: 403 });
  });

  it("cannot be a form or a simple request, nor read anything by a link", async () => {
    const echo = await harness.serve();
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
      expect(await send(echo, { "content-type": type })).to.deep.include({ status: 415 });
    }
    expect(await send(echo, {}, { method: "OPTIONS" })).to.deep.include({ status: 405 });
    expect(await send(echo, {}, { method: "GET" })).to.deep.include({ status: 405 });
  });

  it("gets pages from the fallback, behind the same guard but also by a link from elsewhere", async () => {
    const echo = await harness.serve({ httpFallback: (request, response) => response.end(`page ${request.url}`) });
    const page = { method: "GET", path: "/index.html" };
    expect(await send(echo, {}, page)).to.deep.equal({ status: 200, body: "page /index.html" });
    const link = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
    expect(await send(echo, link, page)).to.deep.include({ status: 200 });
    expect(await send(echo, link, { path: "/index.html" })).to.deep.include({ status: 403 });
    expect(await send(echo, { host: "evil.example" }, page)).to.deep.include({ status: 403 });
    expect(await send(echo, {})).to.deep.include({ status: 200 });
  });

  it("gets 404 for what is no RPC, and is told of an RPC that needs HTTP/2", async () => {
    const echo = await harness.serve();
    expect(await send(echo, {}, { path: "/nothing" })).to.deep.include({ status: 404 });
    const bidi = await send(
      echo,
      { "content-type": "application/connect+json" },
      { path: ECHO.replace("/Echo", "/Talk").replace("v1.Talk", "v1.Echo") },
    );
    expect(bidi.status).to.equal(505);
  });
});
