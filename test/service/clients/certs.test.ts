import { execFile, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { createAuthority } from "../../../clients/cli/certs/x509.ts";
import { runCli } from "../../../clients/cli/command.ts";
import { createCertWorkshop } from "../../support/certs.ts";
import { failureOf, Harness } from "../rpc/harness.ts";
import { FakeTerminal } from "./fake-terminal.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
const hasPython = spawnSync("python3", ["-c", "import ssl"]).status === 0;
const run = promisify(execFile);

/** Asks a server for its page and prints whose certificate it has; strict as Python's default context is from 3.13 on. */
const pythonClient = `
import socket, ssl, sys
ca, cert, key, port = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.verify_flags |= ssl.VERIFY_X509_STRICT
context.load_cert_chain(cert, key)
with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as plain:
    with context.wrap_socket(plain, server_hostname="localhost") as secure:
        secure.sendall(b"GET /none HTTP/1.1\\r\\nhost: localhost:" + port.encode() + b"\\r\\nconnection: close\\r\\n\\r\\n")
        print(dict(part[0] for part in secure.getpeercert()["subject"])["commonName"], secure.recv(100).split()[1].decode())
`;

describe("assay certs", () => {
  let folder: string;
  let harness: Harness;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-certs-"));
    harness = new Harness();
  });
  afterEach(async () => {
    await harness.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function certs(...args: string[]): Promise<{ code: number; terminal: FakeTerminal }> {
    const terminal = new FakeTerminal({ cwd: folder });
    return { code: await runCli(["certs", ...args], terminal), terminal };
  }
  const text = (name: string) => readFile(join(folder, "certs", name), "utf8");
  const pair = async (name: string) => ({ cert: await text(`${name}.crt`), key: await text(`${name}.key`) });

  /** A server that wants a certificate of this authority, and knows no token. */
  async function serve() {
    const tls = { ...(await pair("server")), ca: await text("ca.crt"), clientCertificates: "required" } as const;
    return harness.serve({ tls, auth: { tokens: {} } });
  }

  it("makes what two ends know each other by, with the roles that were asked for", async () => {
    const { code, terminal } = await certs("--server", "bench.example", "--member", "gpu-1", "--client", "ann:viewer");
    expect(code, terminal.stderr).to.equal(0);
    expect(terminal.stdout)
      .to.match(/certs\/ca\.crt: authority, until \d{4}-/)
      .and.match(/ann\.crt: client, viewer, until/);
    const echo = await serve();
    const roles = async (name: string) => {
      const client = echo.client({ tls: { ca: await text("ca.crt"), ...(await pair(name)) } });
      const { identity, roles: held } = await client.echo({ text: "hello" }, { timeoutMs: 20_000 });
      return { identity, held };
    };
    // The echo is for viewers: a member's certificate is good for the handshake and for nothing else there.
    expect(await roles("ann")).to.deep.include({ held: ["viewer"] });
    expect((await failureOf(roles("gpu-1"))).code).to.equal("permission_denied");
    const other = await serve();
    const named = (serverName: string) => text("ca.crt").then((ca) => pair("ann").then((own) => ({ ca, ...own, serverName })));
    await other.client({ tls: await named("bench.example") }).echo({ text: "hello" }, { timeoutMs: 20_000 });
    const stranger = other.client({ tls: await named("other.example") });
    expect((await failureOf(stranger.echo({ text: "hello" }, { timeoutMs: 20_000 }))).code).to.equal("unavailable");
  });

  it("keeps keys to their owner, and adds to the authority that is there", async () => {
    await certs("--server", "a.example");
    const authority = await pair("ca");
    const { code, terminal } = await certs("--client", "ann:operator", "--days", "2");
    expect(code, terminal.stderr).to.equal(0);
    expect(await pair("ca")).to.deep.equal(authority);
    for (const name of ["ca", "server", "ann"]) {
      expect((await stat(join(folder, "certs", `${name}.key`))).mode & 0o777).to.equal(0o600);
    }
    expect((await stat(join(folder, "certs"))).mode & 0o777).to.equal(0o700);
  });

  it("writes over nothing without --force, and over the authority never", async () => {
    await certs("--client", "ann:viewer");
    const [authority, before] = [await pair("ca"), await pair("ann")];
    const refused = await certs("--client", "ann:operator", "bob:viewer");
    expect(refused.code).to.equal(1);
    expect(refused.terminal.stderr).to.match(/certs has ann\.crt, ann\.key already: --force writes over them/);
    expect(await pair("ann")).to.deep.equal(before);
    const missing = await stat(join(folder, "certs", "bob.crt")).catch(() => undefined);
    expect(missing, "nothing of what was asked for is made").to.equal(undefined);
    expect((await certs("--client", "ann:operator", "--force")).code).to.equal(0);
    expect(await pair("ann")).to.not.deep.equal(before);
    expect(await pair("ca")).to.deep.equal(authority);
  });

  it("makes what holds as long as it was asked to, and no longer than the authority, also for a clock that is behind", async () => {
    const hourMs = 3_600_000;
    const held = async (name: string) => {
      const { validFrom, validTo } = new X509Certificate(await text(`${name}.crt`));
      return { fromMs: Date.parse(validFrom), hours: Math.round((Date.parse(validTo) - Date.now()) / hourMs) };
    };
    await certs("--client", "ann:viewer", "--days", "2");
    const { fromMs, hours } = await held("ann");
    expect(hours).to.equal(48);
    expect(Date.now() - fromMs).to.be.at.least(hourMs);
    await certs("--client", "bob:viewer");
    expect((await held("bob")).hours).to.equal(365 * 24);
    const authorityUntil = async (untilMs: number) => {
      const { cert, key } = createAuthority("short", { fromMs: Date.now() - 10 * hourMs, untilMs });
      await writeFile(join(folder, "certs", "ca.crt"), cert);
      await writeFile(join(folder, "certs", "ca.key"), key);
    };
    await authorityUntil(Date.now() + 5 * hourMs);
    expect((await certs("--client", "carl:viewer")).code).to.equal(0);
    expect((await held("carl")).hours).to.equal(5);
    await authorityUntil(Date.now() - hourMs);
    const { code, terminal } = await certs("--client", "dora:viewer");
    expect(code).to.equal(1);
    expect(terminal.stderr).to.match(/using the authority .*: it held until \d{4}-/);
  });

  it("says what is wrong with an authority that it cannot use", async () => {
    await certs("--client", "ann:viewer");
    await rm(join(folder, "certs", "ca.key"));
    const { code, terminal } = await certs("--client", "bob:viewer");
    expect(code).to.equal(1);
    expect(terminal.stderr).to.match(/using the authority .*ca\.crt, .*ca\.key: .*ENOENT/);
  });

  it("makes what openssl takes in its strict mode, also of an authority that openssl made", async function () {
    if (!hasOpenssl) this.skip();
    const workshop = createCertWorkshop();
    harness.onClose(() => workshop.remove());
    const verify = async (name: string, purpose: string) => {
      const files = ["-CAfile", join(folder, "certs", "ca.crt"), join(folder, "certs", `${name}.crt`)];
      return (await run("openssl", ["verify", "-x509_strict", "-purpose", purpose, ...files])).stdout;
    };
    await certs("--server", "a.example,10.0.0.1", "--client", "ann:viewer");
    for (const [name, purpose] of [
      ["server", "sslserver"],
      ["server", "sslclient"],
      ["ann", "sslclient"],
    ] as const) {
      expect(await verify(name, purpose)).to.match(/: OK$/m);
    }
    const wrong = await verify("ann", "sslserver").catch((error: Error) => error.message);
    expect(wrong).to.include("unsuitable certificate purpose");
    const { certPath, cert } = workshop.ca("made elsewhere");
    await writeFile(join(folder, "certs", "ca.crt"), cert);
    await writeFile(join(folder, "certs", "ca.key"), await readFile(certPath.replace(/crt$/, "key")));
    expect((await certs("--client", "bob:viewer")).code).to.equal(0);
    // That authority names no uses of its own that strictness asks for.
    const files = ["-CAfile", certPath, join(folder, "certs", "bob.crt")];
    expect((await run("openssl", ["verify", ...files])).stdout).to.match(/: OK$/m);
  });

  it("makes what Python takes in its strict mode, on both ends", async function () {
    if (!hasPython) this.skip();
    await certs("--server", "a.example", "--client", "ann:viewer");
    const { port } = await serve();
    const files = ["ca.crt", "ann.crt", "ann.key"].map((name) => join(folder, "certs", name));
    const { stdout } = await run("python3", ["-c", pythonClient, ...files, String(port)], { timeout: 60_000 });
    expect(stdout.trim()).to.equal("server 404");
  });
});
