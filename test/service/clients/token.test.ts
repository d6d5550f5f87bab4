import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { runCli } from "../../../clients/cli/command.ts";
import { suiteAddress } from "../../../clients/cli/suite-address.ts";
import { connect } from "../../../clients/node/connect.ts";
import { createChannel } from "../../../services/common/rpc/channel.ts";
import { readTokens } from "../../../services/common/rpc/tokens-file.ts";
import { failureOf, Harness } from "../rpc/harness.ts";
import { FakeTerminal } from "./fake-terminal.ts";

describe("assay token", () => {
  let folder: string;
  let harness: Harness;
  const at = (name: string) => join(folder, name);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-token-"));
    harness = new Harness();
  });
  afterEach(async () => {
    await harness.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function token(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const terminal = new FakeTerminal({ cwd: folder });
    const code = await runCli(["token", ...args, "--tokens-file", "tokens"], terminal);
    return { code, stdout: terminal.stdout, stderr: terminal.stderr };
  }

  it("makes tokens that a server knows, and keeps their hashes alone", async () => {
    const { code, stdout, stderr } = await token("create", "ann", "--role", "viewer,operator");
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/^assay_\S{43}\n$/);
    expect(stderr)
      .to.match(/tokens: ann, viewer, operator\n$/)
      .and.not.include(stdout.trim());
    expect(await readFile(at("tokens"), "utf8")).to.not.include(stdout.trim());
    expect((await stat(at("tokens"))).mode & 0o777).to.equal(0o600);
    const echo = await harness.serve({ auth: { tokens: {}, named: () => readTokens(at("tokens")) } });
    const ask = () => echo.client({ token: stdout.trim() }).echo({ text: "x" }, { timeoutMs: 20_000 });
    expect((await ask()).roles).to.deep.equal(["viewer", "operator"]);
    expect((await token("revoke", "ann")).code).to.equal(0);
    expect((await failureOf(ask())).code).to.equal("unauthenticated");
  });

  it("adds to what a person has written, and takes away nothing else", async () => {
    const written = `# ours\nbob viewer sha256:${"0".repeat(64)}`;
    await writeFile(at("tokens"), written, { mode: 0o600 });
    const { code, stdout, stderr } = await token("create", "ann", "--role", "operator", "--output", "ann.token");
    expect(code, stderr).to.equal(0);
    expect(stdout, "a token that has its file is shown nowhere else").to.equal("");
    expect((await stat(at("ann.token"))).mode & 0o777).to.equal(0o600);
    expect((await token("create", "anna", "--role", "viewer")).code).to.equal(0);
    expect(readTokens(at("tokens")).map(({ name }) => name)).to.deep.equal(["bob", "ann", "anna"]);
    await token("revoke", "ann");
    expect(readTokens(at("tokens")).map(({ name }) => name)).to.deep.equal(["bob", "anna"]);
    expect((await stat(at("tokens"))).mode & 0o777).to.equal(0o600);
    await token("revoke", "anna");
    expect((await readFile(at("tokens"), "utf8")).trim()).to.equal(written);
  });

  it("has each name once, and no file twice", async () => {
    await token("create", "ann", "--role", "viewer", "--output", "ann.token");
    const before = await readFile(at("tokens"), "utf8");
    const again = await token("create", "ann", "--role", "operator");
    expect([again.code, again.stdout]).to.deep.equal([1, ""]);
    expect(again.stderr).to.include("has a token ann already: assay token revoke takes it out");
    expect((await token("create", "bob", "--role", "viewer", "--output", "ann.token")).code).to.equal(1);
    expect(await readFile(at("tokens"), "utf8")).to.equal(before);
    expect((await token("revoke", "carl")).stderr).to.include("has no token carl");
  });

  for (const [what, args, message] of [
    ["without a role", ["create", "ann"], "--role: expected viewer, operator or member"],
    ["with a role that there is not", ["create", "ann", "--role", "boss"], "--role boss: expected viewer, operator or member"],
    ["with a name of two words", ["create", "an n", "--role", "viewer"], "NAME an n: expected at most 64"],
  ] as const) {
    it(`makes none ${what}`, async () => {
      const { code, stderr } = await token(...args);
      expect(code).to.equal(2);
      expect(stderr).to.include(message);
    });
  }

  it("is not taken where others can write to it", async () => {
    await token("create", "ann", "--role", "viewer");
    for (const mode of [0o620, 0o602, 0o666]) {
      await chmod(at("tokens"), mode);
      expect(() => readTokens(at("tokens")), mode.toString(8)).to.throw("others can write to it: chmod 600 it");
    }
    expect((await token("create", "bob", "--role", "viewer")).code).to.equal(1);
    await chmod(at("tokens"), 0o644);
    expect(readTokens(at("tokens"))).to.have.length(1);
  });
});

describe("a token", () => {
  it("goes to another host in TLS alone, unless that is spelled out", async () => {
    const clear = { address: "10.0.0.1:7400", token: "t" };
    expect(() => createChannel(clear)).to.throw("sending a token to 10.0.0.1:7400 in clear: it is another host, use TLS");
    expect((await failureOf(connect(clear))).code).to.equal("failed_precondition");
    const local = ["127.0.0.1:7400", "localhost:7400", "[::1]:7400"].map((address) => ({ address, token: "t" }));
    for (const fine of [...local, { ...clear, allowPlaintext: true }, { ...clear, tls: {} }, { address: clear.address }]) {
      createChannel(fine).close();
    }
  });

  it("of a suite of one's own goes to no other host in clear", async () => {
    const folder = await mkdtemp(join(tmpdir(), "assay-own-"));
    try {
      const env = { XDG_RUNTIME_DIR: folder };
      const { mkdir } = await import("node:fs/promises");
      await mkdir(join(folder, "assay"));
      await writeFile(join(folder, "assay", "token"), "own\n", { mode: 0o600 });
      const tokenOf = async (address: string, options = {}) => {
        const { token } = await suiteAddress(address, options, env);
        return typeof token === "object" ? token.current() : token;
      };
      expect(await tokenOf("127.0.0.1:1")).to.equal("own");
      expect(await tokenOf("bench.example:1")).to.equal(undefined);
      expect(await tokenOf("bench.example:1", { insecure: true })).to.equal(undefined);
      expect(await tokenOf("bench.example:1", { tls: true })).to.equal("own");
      const asked = await suiteAddress("bench.example:1", { insecure: true }, { ...env, ASSAY_TOKEN: "given" });
      expect(asked).to.include({ token: "given", allowPlaintext: true });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
