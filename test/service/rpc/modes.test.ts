import { createClient as createConnectClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { Agent, request } from "undici";
import type { ClientTls } from "../../../services/common/rpc/channel.ts";
import type { TlsOptions } from "../../../services/common/rpc/port.ts";
import { createCertWorkshop, type KeyPair, type TestCa } from "../../support/certs.ts";
import { EchoService } from "../../support/gen/assay/testing/v1/echo_service_pb.js";
import { failureOf, gather, Harness, type RunningEcho } from "./harness.ts";

const TOKENS = { "viewer-token": "viewer", "operator-token": "operator", "member-token": "member" } as const;
const ECHO_PATH = "/assay.testing.v1.EchoService/Echo";

interface Credentials {
  readonly token?: string;
  readonly certificate?: KeyPair;
  /** Whom to trust; the server's own authority unless said otherwise. */
  readonly ca?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What one caller is to the server, over whichever protocol. */
interface Seen {
  readonly identity: string;
  readonly roles: readonly string[];
}

describe("one port", () => {
  const workshop = createCertWorkshop();
  const harness = new Harness();
  let ca: TestCa;
  let foreign: TestCa;
  let serverPair: KeyPair;
  let anna: KeyPair;

  before(() => {
    ca = workshop.ca("suite");
    foreign = workshop.ca("elsewhere");
    serverPair = ca.issue("server", "DNS:localhost", "IP:127.0.0.1");
    anna = ca.issue("anna", "URI:assay:role:operator");
  });
  after(() => workshop.remove());
  afterEach(() => harness.close());

  function tlsOf(clientCertificates: TlsOptions["clientCertificates"] & string): TlsOptions {
    return { ...serverPair, ca: ca.cert, clientCertificates };
  }

  function clientTls(echo: { tls: boolean }, { certificate, ca: trusted = ca.cert }: Credentials): ClientTls | undefined {
    return echo.tls ? { ca: trusted, ...(certificate ?? {}) } : undefined;
  }

  async function overGrpc(echo: RunningEcho, tls: boolean, credentials: Credentials): Promise<Seen> {
    const client = echo.client({ tls: clientTls({ tls }, credentials), token: credentials.token });
    return client.echo({ text: "hello" }, { metadata: credentials.headers ?? {}, timeoutMs: 5_000 });
  }

  async function overJson(echo: RunningEcho, tls: boolean, credentials: Credentials): Promise<Seen & { status: number }> {
    const { certificate, ca: trusted = ca.cert, token, headers } = credentials;
    const dispatcher = new Agent({ connect: tls ? { ca: trusted, ...(certificate ?? {}) } : {} });
    harness.onClose(() => dispatcher.close());
    const { statusCode, body } = await request(`${tls ? "https" : "http"}://127.0.0.1:${echo.port}${ECHO_PATH}`, {
      method: "POST",
      dispatcher,
      headers: {
        "content-type": "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      body: JSON.stringify({ text: "hello" }),
      bodyTimeout: 5_000,
    });
    const answer = (await body.json()) as { identity?: string; roles?: string[] };
    return { status: statusCode, identity: answer.identity ?? "", roles: answer.roles ?? [] };
  }

  const modes = [
    { name: "in clear", tls: undefined },
    { name: "with TLS", tls: () => tlsOf("none") },
    { name: "with client certificates required", tls: () => tlsOf("required") },
    { name: "with client certificates optional", tls: () => tlsOf("optional") },
  ] as const;

  for (const mode of modes) {
    describe(mode.name, () => {
      const hasTls = mode.tls !== undefined;
      const isRequired = mode.name.endsWith("required");
      const hasCertificates = mode.name.includes("client certificates");
      const serve = () => harness.serve({ auth: { tokens: TOKENS }, ...(mode.tls === undefined ? {} : { tls: mode.tls() }) });
      // Where a certificate is required everybody has one; this one gives no role.
      const nobody = () => (isRequired ? { certificate: ca.issue("nobody", "URI:assay:somebody") } : {});

      it("knows a caller by its token over gRPC and over JSON", async () => {
        const echo = await serve();
        const credentials = { token: "operator-token", ...nobody() };
        const identity = isRequired ? "certificate:nobody" : "token";
        expect(await overGrpc(echo, hasTls, credentials)).to.include({ identity, text: "hello" });
        expect(await overJson(echo, hasTls, credentials)).to.deep.equal({ status: 200, identity, roles: ["operator"] });
      });

      it("streams over gRPC and over gRPC-web", async () => {
        const echo = await serve();
        const credentials = { token: "viewer-token", ...nobody() };
        const tls = clientTls({ tls: hasTls }, credentials);
        const client = echo.client({ tls, token: credentials.token });
        expect(await gather(client.repeat({ count: 3 }))).to.have.length(3);
        const transport = createGrpcWebTransport({
          baseUrl: `${hasTls ? "https" : "http"}://127.0.0.1:${echo.port}`,
          httpVersion: "1.1",
          nodeOptions: { ...tls },
          interceptors: [
            (next) => (call) => {
              call.header.set("authorization", `Bearer ${credentials.token}`);
              return next(call);
            },
          ],
        });
        expect(await gather(createConnectClient(EchoService, transport).repeat({ count: 3 }))).to.have.length(3);
      });

      it("refuses a caller without a role", async () => {
        const echo = await serve();
        // A certificate is an identity, though not one that may do anything.
        const code = isRequired ? "permission_denied" : "unauthenticated";
        expect(await failureOf(overGrpc(echo, hasTls, nobody()))).to.include({ code });
        expect((await overJson(echo, hasTls, nobody())).status).to.equal(isRequired ? 403 : 401);
      });

      it("refuses an unknown token", async () => {
        const echo = await serve();
        const credentials = { token: "operator-toker", ...nobody() };
        expect(await failureOf(overGrpc(echo, hasTls, credentials))).to.include({ code: "unauthenticated" });
        expect((await overJson(echo, hasTls, credentials)).status).to.equal(401);
        expect(echo.server.stats().failed).to.deep.equal({ unauthenticated: 2 });
      });

      it("takes no identity from metadata", async () => {
        const echo = await serve();
        const headers = { "x-identity": "certificate:root", "x-roles": "operator", identity: "root", role: "operator" };
        const credentials = { token: "viewer-token", headers, ...nobody() };
        const expected = { identity: isRequired ? "certificate:nobody" : "token", roles: ["viewer"] };
        const { identity, roles } = await overGrpc(echo, hasTls, credentials);
        expect({ identity, roles }).to.deep.equal(expected);
        expect(await overJson(echo, hasTls, credentials)).to.deep.equal({ status: 200, ...expected });
      });

      if (!hasTls) return;

      it("is not trusted by a client of another authority", async () => {
        const echo = await serve();
        const credentials = { token: "operator-token", ca: foreign.cert, ...nobody() };
        expect(await failureOf(overGrpc(echo, true, credentials))).to.have.property("code", "unavailable");
        expect((await failureOf(overJson(echo, true, credentials))).code).to.match(/SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY/);
      });

      if (!hasCertificates) return;

      it("knows a caller by its certificate over gRPC and over JSON", async () => {
        const echo = await serve();
        const expected = { identity: "certificate:anna", roles: ["operator"] };
        const { identity, roles } = await overGrpc(echo, true, { certificate: anna });
        expect({ identity, roles }).to.deep.equal(expected);
        expect(await overJson(echo, true, { certificate: anna })).to.deep.equal({ status: 200, ...expected });
      });

      it("does not let one name of a certificate pass for two", async () => {
        const echo = await serve();
        const sly = ca.issue("sly", "URI:assay:role:viewer, URI:assay:role:operator");
        expect(await failureOf(overGrpc(echo, true, { certificate: sly }))).to.include({ code: "permission_denied" });
      });

      it("gives a certificate of another authority nothing", async () => {
        const echo = await serve();
        const mallory = foreign.issue("mallory", "URI:assay:role:operator");
        const outcome = await failureOf(overGrpc(echo, true, { certificate: mallory }));
        expect(outcome.code).to.equal(isRequired ? "unavailable" : "unauthenticated");
        if (isRequired) await failureOf(overJson(echo, true, { certificate: mallory }));
        else expect((await overJson(echo, true, { certificate: mallory })).status).to.equal(401);
      });
    });
  }

  it("takes new certificates without ending streams, and keeps the old ones if the new do not fit together", async () => {
    const echo = await harness.serve({ tls: tlsOf("none") });
    const stream = echo.client({ tls: { ca: ca.cert } }).talk();
    const received: number[] = [];
    const replies = new Map<number, () => void>();
    stream.onMessage(({ index }) => {
      received.push(index);
      replies.get(index)?.();
    });
    const reply = (index: number) =>
      new Promise<void>((resolve) => {
        replies.set(index, resolve);
        stream.send({ index });
      });
    await reply(1);
    const next = workshop.ca("next");
    const pair = next.issue("server", "IP:127.0.0.1");
    expect(() => echo.server.reloadTls({ cert: pair.cert, key: serverPair.key })).to.throw("loading certificates");
    await echo.client({ tls: { ca: ca.cert } }).echo({});
    echo.server.reloadTls(pair);
    await echo.client({ tls: { ca: next.cert } }).echo({});
    expect(await failureOf(echo.client({ tls: { ca: ca.cert } }).echo({}))).to.include({ code: "unavailable" });
    await reply(2);
    expect(received).to.deep.equal([1, 2]);
    stream.end();
  });

  it("refuses to ask for client certificates without a CA", async () => {
    const failure = await failureOf(harness.serve({ tls: { ...serverPair, clientCertificates: "optional" } }));
    expect(failure).to.include({ code: "invalid_argument" });
  });

  it("refuses to listen beyond this host in clear, unless that is spelled out", async () => {
    const auth = { tokens: TOKENS };
    const failure = await failureOf(harness.serve({ auth, listen: { host: "0.0.0.0" } }));
    expect(failure.message).to.equal("listening on 0.0.0.0: an address other than loopback needs TLS");
    const echo = await harness.serve({ auth, listen: { host: "0.0.0.0", allowPlaintext: true } });
    await echo.client({ address: `127.0.0.1:${echo.port}`, token: "viewer-token" }).echo({});
  });

  it("names the address that it cannot listen on", async () => {
    const { port } = await harness.serve();
    const failure = await failureOf(harness.serve({ listen: { port } }));
    expect(failure.code).to.equal("unavailable");
    expect(failure.message).to.match(new RegExp(`^listening on 127.0.0.1:${port}: .*EADDRINUSE`));
  });
});
