import http from "node:http";
import { networkInterfaces } from "node:os";
import { expect } from "chai";
import type { HttpPage } from "../../../services/common/rpc/http1.ts";
import type { RpcServerOptions } from "../../../services/common/rpc/server.ts";
import { Harness, type RunningEcho } from "./harness.ts";

interface Answer {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** `fetch` would not let Host and Origin be set. */
function get(at: RunningEcho, headers: Record<string, string> = {}, { method = "GET", path = "/page", host = "127.0.0.1" } = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = http.request({ port: at.port, host, method, path, agent: false, headers }, (response) => {
    let body = "";
    response.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body }));
  });
  request.on("error", reject);
  request.end();
  return promise;
}

/** An address of this host that is not its loopback; undefined where it has none. */
function ownAddress(): string | undefined {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find(({ family, internal }) => family === "IPv4" && !internal)?.address;
}

describe("a page over HTTP/1.1", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  const page = (isOpenOnLoopback: boolean): HttpPage => ({
    name: "GET /page",
    roles: ["viewer", "member"],
    isOpenOnLoopback,
    answer: (request, response) => void response.end(`this is ${request.url}`),
  });
  const serve = (isOpen: boolean, options: Partial<RpcServerOptions> = {}) =>
    harness.serve({ auth: { tokens: { v: "viewer", m: "member" } }, pages: { "/page": page(isOpen) }, ...options });

  it("is answered to everybody on this host where it is open there", async () => {
    expect(await get(await serve(true))).to.include({ status: 200, body: "this is /page" });
  });

  it("keeps its query, which is no part of its path", async () => {
    expect(await get(await serve(true), {}, { path: "/page?a=b" })).to.include({ status: 200, body: "this is /page?a=b" });
  });

  it("asks for a role where it is not open", async () => {
    const echo = await serve(false);
    const refused = await get(echo);
    expect(refused).to.include({ status: 401 });
    expect(refused.headers["www-authenticate"]).to.equal("Bearer");
    expect(JSON.parse(refused.body)).to.deep.equal({
      code: "unauthenticated",
      message: "calling GET /page needs the role viewer or member: send a bearer token or a client certificate",
    });
    expect(await get(echo, { authorization: "Bearer nobody" })).to.include({ status: 401 });
    for (const token of ["v", "m"]) expect(await get(echo, { authorization: `Bearer ${token}` })).to.include({ status: 200 });
  });

  it("that is open on loopback asks others for a role", async function () {
    const address = ownAddress();
    if (address === undefined) this.skip();
    const echo = await serve(true, { listen: { host: address, allowPlaintext: true } });
    expect(await get(echo, {}, { host: address })).to.include({ status: 401 });
    expect(await get(echo, { authorization: "Bearer v" }, { host: address })).to.include({ status: 200 });
  });

  it("stands behind the guard of Host and Origin", async () => {
    const echo = await serve(true);
    expect(await get(echo, { host: "evil.example" })).to.include({ status: 403 });
    expect(await get(echo, { origin: "http://evil.example" })).to.include({ status: 403 });
  });

  it("is answered to HEAD without its body, and to nothing else", async () => {
    const echo = await serve(true);
    expect(await get(echo, {}, { method: "HEAD" })).to.include({ status: 200, body: "" });
    const posted = await get(echo, {}, { method: "POST" });
    expect(posted).to.include({ status: 405 });
    expect(posted.headers.allow).to.equal("GET, HEAD");
  });

  it("is found by its own path alone", async () => {
    const echo = await serve(true);
    for (const path of ["/page/", "/constructor", "/"]) {
      expect(await get(echo, {}, { path }), path).to.include({ status: 404 });
    }
  });

  it("leaves calls and the fallback as they are", async () => {
    const echo = await serve(true, { httpFallback: (_request, response) => response.end("fallback") });
    expect(await get(echo, {}, { path: "/other" })).to.include({ body: "fallback" });
    expect((await echo.client({ token: "v" }).echo({ text: "x" })).text).to.equal("x");
  });
});
