import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { dirname, join } from "node:path";
import { connect } from "node:tls";
import { expect } from "chai";
import { ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import { RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { RunService, SuiteService } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { hostOf } from "../../../services/common/member/own-address.ts";
import type { ClientTls } from "../../../services/common/rpc/channel.ts";
import { createClient } from "../../../services/common/rpc/client.ts";
import { findSuites } from "../../../services/common/suite-files.ts";
import { protocolVersion, version } from "../../../services/common/version.ts";
import { createCertWorkshop } from "../../support/certs.ts";
import { ServeFolder } from "../../support/served.ts";
import { phaseOf, RunWatch, specOf } from "../controller/suite.ts";
import { failureOf, until } from "../rpc/harness.ts";

const otherVersion = join(import.meta.dirname, "../../support/other-version.mjs");

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Common name of the certificate that a new connection is shown. */
function nameShownAt(address: string): Promise<string> {
  const [, host, port] = /^(.+):(\d+)$/.exec(address) ?? [];
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(port), host: host ?? "", rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

describe("assay serve", function () {
  this.timeout(60_000);
  let place: ServeFolder;
  const closers: (() => void)[] = [];
  beforeEach(() => {
    place = new ServeFolder();
  });
  afterEach(async () => {
    for (const close of closers.splice(0)) close();
    await place.close();
  });

  const tokenOf = (file = place.tokenFile): string => readFileSync(file, "utf8").trim();
  function clientsTo(address: string, options: { token?: string | undefined; tls?: ClientTls } = {}) {
    const suites = createClient(SuiteService, { address, ...options });
    const runs = createClient(RunService, { address, ...options });
    closers.push(
      () => suites.close(),
      () => runs.close(),
    );
    return { suites, runs };
  }
  /** Services of every member of a suite, by name. */
  async function membersAt(address: string, options: { token?: string | undefined; tls?: ClientTls } = {}) {
    const { members } = await clientsTo(address, options).suites.getSuite({});
    return members.flatMap(({ services }) => services.map((service) => ServiceKind[service]));
  }

  describe("towards other commands of its user", () => {
    const listed = () => {
      const { suites } = findSuites({ XDG_RUNTIME_DIR: join(place.folder, "run") });
      return suites.map(({ address, startedBy, tokenFile }) => ({ address, startedBy, tokenFile }));
    };

    it("says where it is and where its token is, until it ends", async () => {
      const suite = await place.start("--services=controller");
      expect(listed()).to.deep.equal([{ address: suite.address, startedBy: "assay serve", tokenFile: place.tokenFile }]);
      expect(await suite.terminate()).to.equal(0);
      expect(listed()).to.deep.equal([]);
    });

    it("does without where that cannot be written, and says so", async () => {
      mkdirSync(join(place.folder, "run/assay"), { recursive: true });
      writeFileSync(join(place.folder, "run/assay/suites"), "");
      const suite = await place.start("--services=controller", "--insecure");
      expect(suite.stderr()).to.match(
        /^warning: assay watch will not find this suite without --controller: cannot write into .*suites/m,
      );
    });

    it("keeps quiet where it has no runs", async () => {
      const controller = await place.start("--services=controller");
      await place.start("--services=timing", `--controller=${controller.address}`);
      expect(listed().map(({ address }) => address)).to.deep.equal([controller.address]);
    });
  });

  describe("with wrong arguments", () => {
    const rows: readonly [string, string[], string][] = [
      ["no services", [], "--services: must be of all, controller, dataset,"],
      ["services without a value", ["--services"], "got nothing"],
      ["an unknown service", ["--services=timing,contoller"], "got contoller, did you mean controller?"],
      ["no controller", ["--services=timing"], "--controller: needed where the controller is not among the services"],
      ["no token", ["--services=timing", "--controller=127.0.0.1:1"], "--join-token-file: the suite's token cannot be read"],
      [
        "a host beyond loopback",
        ["--services=controller", "--host=0.0.0.0"],
        "--host 0.0.0.0: needs --tls-cert and --tls-key, or --insecure",
      ],
      ["an authority alone", ["--services=controller", "--tls-ca=/x"], "--tls-ca: needs --tls-cert and --tls-key"],
      ["tokens that are not there", ["--services=controller", "--tokens-file=/no/tokens"], "--tokens-file /no/tokens: ENOENT"],
      [
        "a controller on another host in clear",
        ["--services=timing", "--controller=10.0.0.1:7400"],
        "--controller 10.0.0.1:7400: is another host: needs --tls-cert, --tls-key and --tls-ca, or --insecure",
      ],
      [
        "tokens that nobody is asked for",
        ["--services=controller", "--insecure", "--tokens-file=/x"],
        "--tokens-file: has no effect together with --insecure",
      ],
      ["half of a key pair", ["--services=controller", "--tls-cert=/x"], "--tls-cert and --tls-key belong together"],
      [
        "a wildcard to be given to others",
        ["--services=controller", "--advertise=0.0.0.0:7400"],
        "--advertise 0.0.0.0:7400: must be an address by which others reach this process",
      ],
      [
        "an address that does not lead to the controller",
        ["--services=timing", "--insecure", "--host=0.0.0.0", "--controller=[2001:db8::7]:7400"],
        "no address of this host that leads to the controller at [2001:db8::7]:7400; --advertise says one",
      ],
      [
        "files that are not there",
        ["--services=controller", "--tls-cert=/no/c", "--tls-key=/no/k"],
        "--tls-cert /no/c: cannot be read: ENOENT",
      ],
    ];
    for (const [what, args, message] of rows) {
      it(`says so in one line and ends with 2: ${what}`, async () => {
        const { code, stdout, stderr } = await place.run(...args);
        expect(stderr).to.include(message);
        expect([code, stdout, stderr.trim().split("\n").length]).to.deep.equal([2, "", 1]);
        expect(stderr).to.match(/^assay serve: /);
      });
    }

    it("says everything that is wrong at once, a line for each", async () => {
      const { code, stderr } = await place.run("--services=controller", "--port=x", "--nonsense=3", "--log-level=loud");
      expect(code).to.equal(2);
      const lines = stderr.trim().split("\n").slice(1);
      expect(lines).to.have.length(3);
      for (const part of ["--port", "--nonsense", "--log-level"]) expect(lines.join("\n")).to.include(part);
    });

    it("fails with 1, and ends, where its folder or its port cannot be had", async () => {
      writeFileSync(join(place.folder, "file"), "");
      const folder = await place.run("--services=controller", `--runs-dir=${join(place.folder, "file", "runs")}`);
      expect([folder.code, folder.stderr.includes("cannot make folder")]).to.deep.equal([1, true]);
      const { address } = await place.start("--services=controller");
      const port = await place.run("--services=controller,dataset", `--port=${address.split(":").at(-1)}`);
      expect(port.code).to.equal(1);
      expect(port.stderr).to.include(`listening on ${address}`);
    });

    it("explains itself on request", async () => {
      const { code, stdout } = await place.run("--help");
      expect(code).to.equal(0);
      for (const part of ["--services", "--join-token-file", "ASSAY_RUNS_DIR"]) expect(stdout).to.include(part);
    });
  });

  describe("and its token", () => {
    it("is made for its owner alone, and found by the next process", async () => {
      const controller = await place.start("--services=controller");
      expect(statSync(place.tokenFile).mode & 0o777).to.equal(0o600);
      expect(statSync(dirname(place.tokenFile)).mode & 0o777).to.equal(0o700);
      expect(tokenOf()).to.match(/^[\w-]{43}$/);
      await place.start("--services=timing", `--controller=${controller.address}`);
      expect(await membersAt(controller.address, { token: tokenOf() })).to.deep.equal(["CONTROLLER", "TIMING"]);
      for (const token of [undefined, "wrong"]) {
        expect((await failureOf(membersAt(controller.address, { token }))).code).to.be.oneOf([
          "unauthenticated",
          "permission_denied",
        ]);
      }
      expect(controller.stderr()).to.not.include(tokenOf());
    });

    it("stays over a restart of the controller, and may lie anywhere", async () => {
      const file = join(place.folder, "elsewhere", "t");
      const first = await place.start("--services=controller", `--join-token-file=${file}`);
      const token = tokenOf(file);
      expect(await first.terminate()).to.equal(0);
      await place.start("--services=controller", `--join-token-file=${file}`);
      expect(tokenOf(file)).to.equal(token);
      expect(existsSync(place.tokenFile)).to.equal(false);
    });

    it("is what a member is refused for at once, when it is another one", async () => {
      const controller = await place.start("--services=controller");
      const file = join(place.folder, "wrong");
      writeFileSync(file, "wrong\n");
      const member = await place.run("--services=timing", `--controller=${controller.address}`, `--join-token-file=${file}`);
      expect(member.code).to.equal(1);
      expect(member.stderr).to.include("assay serve: ");
    });

    it("is never an empty one", async () => {
      mkdirSync(dirname(place.tokenFile), { recursive: true });
      writeFileSync(place.tokenFile, "\n");
      chmodSync(place.tokenFile, 0o600);
      const { code, stderr } = await place.run("--services=controller");
      expect([code, stderr.includes("is empty")]).to.deep.equal([2, true]);
    });

    it("is not asked for with --insecure, on any address, of which others are given one that leads to them", async () => {
      const port = await freePort();
      const { address } = await place.start("--services=controller", "--insecure", "--host=0.0.0.0", `--port=${port}`);
      expect(existsSync(place.tokenFile)).to.equal(false);
      expect(await membersAt(`127.0.0.1:${port}`)).to.deep.equal(["CONTROLLER"]);
      expect(address)
        .to.match(new RegExp(`:${port}$`))
        .and.not.match(/^0\.0\.0\.0/);
      const controller = `--controller=127.0.0.1:${port}`;
      const timing = await place.start("--services=timing", "--insecure", "--host=0.0.0.0", controller);
      const named = await place.start("--services=telemetry", "--insecure", "--host=0.0.0.0", controller, "--advertise=bench:74");
      const { members } = await clientsTo(address).suites.getSuite({});
      expect(members.map((member) => member.address)).to.deep.equal([address, timing.address, named.address]);
      const alone = await place.start("--services=dataset", "--insecure", "--host=0.0.0.0", controller, "--advertise=bench");
      expect(alone.address).to.match(/^bench:\d+$/);
      expect([hostOf(timing.address), named.address]).to.deep.equal(["127.0.0.1", "bench:74"]);
    });
  });

  it("does not join a controller of another version: both are said, and the process ends", async () => {
    const controller = await place.start("--services=controller");
    place.env = { NODE_OPTIONS: `--import ${otherVersion}`, ASSAY_TEST_VERSION: "9.9.9" };
    const { code, stdout, stderr } = await place.run(
      "--services=worker-manager",
      `--controller=${controller.address}`,
      "--host-name=h2",
    );
    expect([code, stdout]).to.deep.equal([1, ""]);
    expect(stderr).to.include(
      `assay serve: the controller is Assay ${version} (protocol ${protocolVersion}), this member Assay 9.9.9 (protocol ${protocolVersion}) on h2: all hosts need the same version`,
    );
  });

  it("ends a member whose controller comes back as another version, and says why", async () => {
    const port = await freePort();
    const first = await place.start("--services=controller", `--port=${port}`);
    const member = await place.start("--services=timing", `--controller=${first.address}`);
    const exit = once(member.child, "exit");
    await first.terminate();
    place.env = { NODE_OPTIONS: `--import ${otherVersion}`, ASSAY_TEST_VERSION: "9.9.9" };
    await place.start("--services=controller", `--port=${port}`);
    const [code] = await exit;
    expect([code, member.stderr()]).to.satisfy(([status, text]: [number, string]) => {
      return status === 1 && text.includes("assay serve: the controller is Assay 9.9.9");
    });
  });

  it("serves TLS, with members of the suite over TLS, by the suite's token", async () => {
    const workshop = createCertWorkshop();
    try {
      const ca = workshop.ca("suite");
      const pair = ca.issue("assay", "IP:127.0.0.1", "DNS:localhost");
      const files = { cert: pair.cert, key: pair.key, ca: ca.cert };
      const tlsArgs = Object.entries(files).map(([name, pem]) => {
        writeFileSync(join(place.folder, `${name}.pem`), pem);
        return `--tls-${name}=${join(place.folder, `${name}.pem`)}`;
      });
      const controller = await place.start("--services=controller,dataset", ...tlsArgs);
      const member = await place.start("--services=timing", `--controller=${controller.address}`, ...tlsArgs);
      const token = tokenOf();
      expect(await membersAt(controller.address, { token, tls: { ca: ca.cert } })).to.deep.equal([
        "CONTROLLER",
        "DATASET",
        "TIMING",
      ]);
      expect((await failureOf(membersAt(controller.address, { token }))).code).to.equal("unavailable");
      expect(await member.terminate()).to.equal(0);
    } finally {
      workshop.remove();
    }
  });

  it("is joined by members that are known by their certificates, without a token", async () => {
    const workshop = createCertWorkshop();
    try {
      const ca = workshop.ca("suite");
      const loopback = ["DNS:localhost", "IP:127.0.0.1", "URI:assay:role:member"];
      const argsOf = ({ certPath, keyPath }: { certPath: string; keyPath: string }) => [
        `--tls-cert=${certPath}`,
        `--tls-key=${keyPath}`,
        `--tls-ca=${ca.certPath}`,
      ];
      const controller = await place.start("--services=controller,dataset", ...argsOf(ca.issue("server", ...loopback)));
      // As on another host: nobody there has the suite's token.
      place.env = { XDG_RUNTIME_DIR: join(place.folder, "elsewhere"), HOME: place.folder };
      const to = `--controller=${controller.address}`;
      await place.start("--services=timing", to, ...argsOf(ca.issue("gpu-1", ...loopback)));
      expect(existsSync(join(place.folder, "elsewhere"))).to.equal(false);
      const viewer = ca.issue("grafana", "URI:assay:role:viewer");
      const tls = { ca: ca.cert, cert: viewer.cert, key: viewer.key };
      expect((await membersAt(controller.address, { tls })).sort()).to.deep.equal(["CONTROLLER", "DATASET", "TIMING"]);
      expect((await failureOf(clientsTo(controller.address, { tls: { ca: ca.cert } }).suites.getSuite({}))).code).to.equal(
        "unauthenticated",
      );
      const stranger = await place.run("--services=timing", to, ...argsOf(ca.issue("guest", ...loopback.slice(0, 2))));
      expect(stranger.code).to.equal(1);
      expect(stranger.stderr).to.include('which the certificate "guest" does not give');
    } finally {
      workshop.remove();
    }
  });

  it("reads certificates and tokens again, while what is open goes on", async () => {
    const workshop = createCertWorkshop();
    try {
      const ca = workshop.ca("suite");
      const at = (name: string) => join(place.folder, name);
      const write = (name: string) => {
        const { cert, key } = ca.issue(name, "DNS:localhost", "IP:127.0.0.1", "URI:assay:role:member");
        writeFileSync(at("key"), key, { mode: 0o600 });
        writeFileSync(at("cert"), cert);
      };
      const tokens = (...named: readonly (readonly [name: string, token: string])[]) => {
        const lines = named.map(([name, token]) => `${name} operator sha256:${createHash("sha256").update(token).digest("hex")}`);
        writeFileSync(at("tokens"), `${lines.join("\n")}\n`, { mode: 0o600 });
      };
      write("first");
      tokens(["ann", "of-ann"]);
      const args = [
        `--tls-cert=${at("cert")}`,
        `--tls-key=${at("key")}`,
        `--tls-ca=${ca.certPath}`,
        `--tokens-file=${at("tokens")}`,
      ];
      const controller = await place.start("--services=controller", ...args);
      const member = await place.start("--services=timing", `--controller=${controller.address}`, ...args);
      const tls = { ca: ca.cert };
      const { suites } = clientsTo(controller.address, { tls, token: "of-ann" });
      const watched = suites.watchSuite({ intervalMs: 100 })[Symbol.asyncIterator]();
      const sizes = async () => (await watched.next()).value?.suite?.members.length;
      expect(await sizes()).to.equal(2);
      expect(await Promise.all([controller, member].map(({ address }) => nameShownAt(address)))).to.deep.equal([
        "first",
        "first",
      ]);
      write("second");
      tokens(["bob", "of-bob"]);
      await until("the new certificates and tokens", () =>
        [controller, member].every(({ stderr }) => (stderr().match(/new (certificates|tokens) are used/g) ?? []).length >= 2),
      );
      expect(await Promise.all([controller, member].map(({ address }) => nameShownAt(address)))).to.deep.equal([
        "second",
        "second",
      ]);
      for (let message = 0; message < 5; message++) expect(await sizes()).to.equal(2);
      await watched.return?.(undefined);
      expect(await membersAt(controller.address, { tls, token: "of-bob" })).to.have.length(2);
      expect((await failureOf(membersAt(controller.address, { tls, token: "of-ann" }))).code).to.equal("unauthenticated");
      const { runs } = clientsTo(controller.address, { tls, token: "of-bob" });
      await runs.createRun({ spec: specOf(), runId: "audited" });
      await until("the line of the log", () => /a run was created.*audited.*token bob/.test(controller.stderr()));
    } finally {
      workshop.remove();
    }
  });

  it("serves TLS on any address, to itself by the name that its certificate is for", async () => {
    const workshop = createCertWorkshop();
    try {
      const ca = workshop.ca("suite");
      const { cert, key } = ca.issue("assay", "DNS:localhost");
      const tlsArgs = Object.entries({ cert, key, ca: ca.cert }).map(([name, pem]) => {
        writeFileSync(join(place.folder, `${name}.pem`), pem);
        return `--tls-${name}=${join(place.folder, `${name}.pem`)}`;
      });
      const port = await freePort();
      const listen = ["--host=0.0.0.0", `--port=${port}`, `--advertise=localhost:${port}`];
      const { address } = await place.start("--services=controller,dataset", ...listen, ...tlsArgs);
      expect(address).to.equal(`localhost:${port}`);
      expect(await membersAt(address, { token: tokenOf(), tls: { ca: ca.cert } })).to.deep.equal(["CONTROLLER", "DATASET"]);
    } finally {
      workshop.remove();
    }
  });

  it("runs every service alone, each in a process of its own, and all of them end as asked", async () => {
    const controller = await place.start("--services=controller");
    const names = ["dataset", "timing", "worker-manager", "worker", "record-processor", "records-manager", "telemetry"];
    const members = await Promise.all(
      names.map((name) => place.start(`--services=${name}`, `--controller=${controller.address}`)),
    );
    const services = await membersAt(controller.address, { token: tokenOf() });
    const kinds = names.map((name) => name.toUpperCase().replaceAll("-", "_"));
    expect(services.sort()).to.deep.equal(["CONTROLLER", ...kinds].sort());
    expect(await Promise.all(members.map((member) => member.terminate()))).to.deep.equal(names.map(() => 0));
    expect(await controller.terminate()).to.equal(0);
  });

  it("runs any set of services in one process, each named once", async () => {
    const { address } = await place.start("--services", "telemetry, controller,telemetry,records-manager");
    expect(await membersAt(address, { token: tokenOf() })).to.deep.equal(["TELEMETRY", "CONTROLLER", "RECORDS_MANAGER"]);
  });

  it("reads files that clients name below the folder that it was told, and no others", async () => {
    const data = join(place.folder, "prompts");
    mkdirSync(data);
    writeFileSync(join(data, "p.jsonl"), '{"text":"a"}\n');
    const { address } = await place.start("--services=controller,dataset", `--dataset-root=${data}`);
    const { runs } = clientsTo(address, { token: tokenOf() });
    const validated = (path: string) =>
      runs.validateRun({ spec: specOf({ dataset: { source: { case: "file", value: { path } } } }) });
    expect((await validated(join(data, "p.jsonl"))).effectiveSpec?.dataset?.source.case).to.equal("file");
    expect(await failureOf(validated(place.tokenFile))).to.include({ code: "permission_denied" });
  });

  it("runs all of them: a whole run, and an end in the middle of the next that leaves nothing behind", async () => {
    const mock = await place.startMock();
    const all = await place.start("--services=all", "--cores=2");
    const { runs, suites } = clientsTo(all.address, { token: tokenOf() });
    const target = { urls: [{ url: mock.address }] };
    const { run } = await runs.createRun({ spec: specOf({ target, workers: { maxWorkers: 1 } }), runId: "first" });
    const ended = await new RunWatch(runs.watchRun({ runId: "first" }, { timeoutMs: 30_000 })).end;
    expect([RunState[ended.state], ended.reason]).to.deep.equal(["COMPLETED", ""]);
    expect(ended.phases[0]?.identity?.succeeded).to.equal(10n);
    expect(existsSync(join(run?.folder ?? "", "run.db"))).to.equal(true);

    // No folder was named that clients may have files read from.
    const source = { case: "file", value: { path: place.tokenFile } } as const;
    const denied = await failureOf(runs.createRun({ spec: specOf({ target, dataset: { source } }) }));
    expect(denied).to.include({ code: "permission_denied" });
    expect(denied.message).to.include("--dataset-root").and.not.include(tokenOf());

    const phases = [{ ...phaseOf("profiling"), stop: { durationSec: 60 } }];
    await runs.createRun({ spec: specOf({ target, phases, workers: { maxWorkers: 1 } }), runId: "second" });
    await new RunWatch(runs.watchRun({ runId: "second" }, { timeoutMs: 30_000 })).seen(RunState.RUNNING);
    const { members } = await suites.getSuite({});
    const pids = members.map(({ pid }) => pid);
    expect(new Set(pids).size).to.equal(2);
    expect(await all.terminate()).to.equal(0);
    for (const pid of pids) expect(existsSync(`/proc/${pid}`), `process ${pid}`).to.equal(false);
  });
});
