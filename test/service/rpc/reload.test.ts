import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { expect } from "chai";
import type { LogFields, Logger } from "../../../services/common/logger.ts";
import { createChannel } from "../../../services/common/rpc/channel.ts";
import { createClient } from "../../../services/common/rpc/client.ts";
import { readPems, type WatchedPems, watchPems } from "../../../services/common/rpc/tls-files.ts";
import { watchTokens } from "../../../services/common/rpc/tokens-file.ts";
import { createCertWorkshop, type TestCa } from "../../support/certs.ts";
import { EchoService } from "../../support/gen/assay/testing/v1/echo_service_pb.js";
import { failureOf, Harness, until } from "./harness.ts";

const everyMs = 10;

/** Keeps what is logged. */
class KeptLog implements Logger {
  readonly lines: string[] = [];
  debug(): void {}
  info = (message: string, fields: LogFields = {}): void => void this.lines.push(`info ${message} ${JSON.stringify(fields)}`);
  warn = (message: string): void => void this.lines.push(`warn ${message}`);
  error = (message: string, fields: LogFields = {}): void => void this.lines.push(`error ${message} ${JSON.stringify(fields)}`);
}

describe("files that are replaced under a running server", () => {
  const workshop = createCertWorkshop();
  let harness: Harness;
  let folder: string;
  let ca: TestCa;
  let log: KeptLog;
  let pems: WatchedPems;
  const at = (name: string) => join(folder, name);

  before(() => {
    ca = workshop.ca("suite");
  });
  after(() => workshop.remove());
  beforeEach(async () => {
    harness = new Harness();
    folder = await mkdtemp(join(tmpdir(), "assay-reload-"));
    log = new KeptLog();
    await write("server", ca.issue("first", "DNS:localhost", "IP:127.0.0.1", "URI:assay:role:member"), ca);
    pems = watchPems({ cert: at("server.crt"), key: at("server.key"), ca: at("ca.crt") }, { log, everyMs });
    harness.onClose(() => pems.close());
  });
  afterEach(async () => {
    await harness.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Each file whole, one after the other, as a person's `mv` does it. */
  async function put(name: string, text: string): Promise<void> {
    await writeFile(at(`${name}.new`), text, { mode: 0o600 });
    await rename(at(`${name}.new`), at(name));
  }
  async function write(name: string, pair: { cert: string; key: string }, authority?: TestCa): Promise<void> {
    await put(`${name}.key`, pair.key);
    await put(`${name}.crt`, pair.cert);
    if (authority !== undefined) await put("ca.crt", authority.cert);
  }

  async function serve() {
    const tlsNow = () => {
      const { cert = Buffer.of(), key = Buffer.of(), ca: trusted = Buffer.of() } = pems.current();
      return { cert, key, ca: trusted, clientCertificates: "required" } as const;
    };
    const echo = await harness.serve({ tls: tlsNow(), auth: { tokens: {} } });
    pems.onChange(() => echo.server.reloadTls(tlsNow()));
    return echo;
  }

  /** Common name of the certificate that a new connection is shown. */
  function shown(port: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.once("error", reject);
    });
  }

  it("serve new connections, while open streams go on", async () => {
    const { client: clientOf, port } = await serve();
    const anna = ca.issue("anna", "URI:assay:role:viewer");
    const client = clientOf({ tls: { ca: ca.cert, ...anna } });
    const numbers: number[] = [];
    const stream = client.repeat({ count: -1, sizeBytes: 10 })[Symbol.asyncIterator]();
    const next = async () => numbers.push((await stream.next()).value?.index ?? -1);
    await next();
    expect(await shown(port)).to.equal("first");
    await write("server", ca.issue("second", "DNS:localhost", "IP:127.0.0.1"));
    // On a busy machine the key alone may be seen first, and complained of.
    await until("the new certificate", () => log.lines.some((line) => line.startsWith("info")));
    expect(await shown(port)).to.equal("second");
    // Whoever the authority has signed for is known to new connections, too.
    expect((await clientOf({ tls: { ca: ca.cert, ...anna } }).echo({ text: "x" }, { timeoutMs: 20_000 })).identity).to.equal(
      "certificate:anna",
    );
    for (let more = 0; more < 100; more++) await next();
    expect(numbers).to.deep.equal(Array.from({ length: 101 }, (_, index) => index));
    await stream.return?.(undefined);
    expect(log.lines.at(-1)).to.match(/^info new certificates are used .*server\.crt/);
  });

  it("are kept as they were when the new ones do not fit, which is told once", async () => {
    const { port } = await serve();
    const second = ca.issue("second", "DNS:localhost");
    await put("server.crt", second.cert);
    await until("the complaint", () => log.lines.length > 0);
    expect(await shown(port)).to.equal("first");
    await put("ca.crt", "no certificate");
    await until("the second complaint", () => log.lines.length > 1);
    const told = log.lines.length;
    await new Promise((resolve) => setTimeout(resolve, 20 * everyMs));
    expect(log.lines).to.have.length(told);
    expect(log.lines[0]).to.match(/^error new certificates cannot be used, the old ones stay .*do not belong together/);
    await put("server.key", second.key);
    await put("ca.crt", ca.cert);
    await until("the new pair", () => log.lines.some((line) => line.startsWith("info")));
    expect(await shown(port)).to.equal("second");
  });

  it("are kept when the new authority is none, though certificate and key are as they were", async () => {
    const { port } = await serve();
    await put("ca.crt", "no certificate");
    await until("the complaint", () => log.lines.length > 0);
    expect(log.lines[0]).to.match(/^error new certificates cannot be used, the old ones stay .*--tls-ca \S+ca\.crt: /);
    expect(pems.current().ca?.toString()).to.equal(ca.cert);
    expect(await shown(port)).to.equal("first");
  });

  it("are not taken where half of a pair is named", () => {
    for (const paths of [{ cert: at("server.crt") }, { key: at("server.key"), ca: at("ca.crt") }]) {
      expect(() => readPems(paths)).to.throw("--tls-cert and --tls-key belong together");
    }
  });

  it("are what a dialler shows and trusts when it connects again, on the same channel", async () => {
    const other = workshop.ca("another");
    const server = async (authority: TestCa, port: number) => {
      const pair = authority.issue("server", "DNS:localhost", "IP:127.0.0.1");
      const tls = { ...pair, ca: authority.cert, clientCertificates: "required" } as const;
      return harness.serve({ tls, auth: { tokens: {} }, listen: { port } });
    };
    const first = await server(ca, 0);
    const channel = createChannel({ address: first.address, tls: { watched: pems } });
    harness.onClose(() => channel.close());
    const client = createClient(EchoService, channel);
    const ask = () => client.echo({ text: "x" }, { waitForReady: true, timeoutMs: 20_000 });
    // Its certificate is a member's: the handshake is done, and the echo is for viewers.
    expect((await failureOf(ask())).code).to.equal("permission_denied");
    await first.server.stop(0);
    await server(other, first.port);
    const strange = client.echo({ text: "x" }, { timeoutMs: 20_000 });
    expect((await failureOf(strange)).code).to.equal("unavailable");
    await write("server", other.issue("again", "URI:assay:role:viewer"), other);
    await until("the new certificate", () => log.lines.some((line) => line.startsWith("info")));
    expect((await ask()).identity).to.equal("certificate:again");
    expect(channel.reach.tls?.ca?.toString()).to.equal(other.cert);
  });

  it("make tokens known and unknown", async () => {
    const hash = (token: string) => import("node:crypto").then((crypto) => crypto.hash("sha256", token));
    await put("tokens", `ann viewer sha256:${await hash("one")}\n`);
    const tokens = watchTokens(at("tokens"), { log, everyMs });
    harness.onClose(() => tokens.close());
    const echo = await harness.serve({ auth: { tokens: {}, named: tokens.current } });
    const ask = (token: string) => echo.client({ token }).echo({ text: "x" }, { timeoutMs: 20_000 });
    expect((await ask("one")).identity).to.equal("token");
    expect((await failureOf(ask("two"))).code).to.equal("unauthenticated");
    await put("tokens", `bob operator sha256:${await hash("two")}\n`);
    await until("the new tokens", () => log.lines.length > 0);
    expect((await ask("two")).roles).to.deep.equal(["operator"]);
    expect((await failureOf(ask("one"))).code).to.equal("unauthenticated");
    await put("tokens", "nonsense\n");
    await until("the complaint", () => log.lines.length > 1);
    expect((await ask("two")).roles).to.deep.equal(["operator"]);
    expect(await readFile(at("tokens"), "utf8")).to.equal("nonsense\n");
    // A file of the same length.
    await put("tokens", `bob operator sha256:${await hash("three")}\n`);
    await until("the newest tokens", () => log.lines.length > 2);
    expect((await ask("three")).roles).to.deep.equal(["operator"]);
  });
});
