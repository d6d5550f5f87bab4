import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { expect } from "chai";
import { runCli } from "../../../clients/cli/command.ts";
import { exitCodes } from "../../../clients/cli/exit-codes.ts";
import type { SendOptions } from "../../../clients/cli/flags.ts";
import { send } from "../../../clients/cli/send.ts";
import { ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import { SuiteService } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { WorkerManagerService } from "../../../gen/assay/worker_manager/v1/worker_manager_service_pb.js";
import { createMock, type Mock } from "../../../mock/server.ts";
import { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import { implement } from "../../../services/common/rpc/handler.ts";
import { createRpcServer } from "../../../services/common/rpc/server.ts";
import { createDatasetModule } from "../../../services/dataset/module.ts";
import { createRecordProcessorService } from "../../../services/record-processor/service.ts";
import { createWorkerService } from "../../../services/worker/service.ts";
import { createCertWorkshop } from "../../support/certs.ts";
import { Harness, until } from "../rpc/harness.ts";
import { plainAnswer, type ScriptedServer, startScripted } from "../worker/scripted-server.ts";
import { FakeTerminal } from "./fake-terminal.ts";

const missing = (): never => {
  throw new AssayError("unimplemented", "not in this suite");
};

describe("assay send", () => {
  const harness = new Harness();
  let mock: Mock;
  let terminal: FakeTerminal;

  beforeEach(async () => {
    terminal = new FakeTerminal();
    mock = await createMock({ models: ["m"] });
    harness.onClose(() => mock.stop());
  });
  afterEach(() => harness.close());

  /** A suite whose worker and record-processor are real; `hasWorker`: from the beginning, or once one is spawned. */
  async function serve({ hasWorker = true } = {}): Promise<{ address: string; spawned: () => number }> {
    let workers = hasWorker ? 1 : 0;
    let spawned = 0;
    let address = "";
    const suite = implement(SuiteService, {
      role: "viewer",
      handlers: {
        getSuite: () => ({
          members: [
            {
              memberId: "rest",
              address,
              isConnected: true,
              services: [ServiceKind.RECORD_PROCESSOR, ServiceKind.DATASET, ServiceKind.WORKER_MANAGER],
            },
            ...(workers > 0 ? [{ memberId: "w1", address, isConnected: true, services: [ServiceKind.WORKER] }] : []),
          ],
        }),
        watchSuite: missing,
      },
    });
    const manager = implement(WorkerManagerService, {
      role: "operator",
      handlers: {
        spawnWorkers: ({ runId, count }) => {
          expect([runId, count]).to.deep.equal(["", 1]);
          spawned++;
          setImmediate(() => workers++);
          return { workers: [] };
        },
        stopWorkers: missing,
        listWorkers: missing,
        watchWorkers: missing,
      },
    });
    const server = createRpcServer({
      services: [
        suite,
        manager,
        createWorkerService({ workerId: () => "w1", current: () => undefined, usage: () => undefined }),
        createRecordProcessorService(
          () => undefined,
          () => "p1",
        ),
        ...createDatasetModule({ keptDatasets: 1, limits: { root: undefined, maxFileBytes: 1 << 20 } }).implementations,
      ],
      listen: {},
      auth: { insecure: true },
      log: silentLogger,
    });
    address = (await server.start()).address;
    harness.onClose(() => server.stop(0));
    return { address, spawned: () => spawned };
  }

  async function silent(): Promise<ScriptedServer> {
    const server = await startScripted(() => {});
    harness.onClose(() => server.stop());
    return server;
  }

  it("sends one request from a worker of the suite and shows its timeline and its answer", async () => {
    const { address, spawned } = await serve();
    const argv = ["send", "-m", "m", "-u", mock.url, "--streaming", "--osl", "3", "--prompt", "hi", "--controller", address];
    expect(await runCli(argv, terminal), terminal.stderr).to.equal(exitCodes.ok);
    expect(terminal.stderr).to.equal("");
    const at = (text: string): number => terminal.stdout.indexOf(text);
    const order = [
      "ms  start",
      "ms  connected to 127.0.0.1:",
      "ms  request sent",
      "status 200",
      "first content",
      "3 chunks",
      "end, ",
    ];
    expect(order.map(at))
      .to.deep.equal([...order.map(at)].sort((a, b) => a - b))
      .and.not.include(-1);
    expect(terminal.stdout).to.match(/3 out \(by the server's usage\) · TTFT [\d.]+ ms · ITL [\d.]+ ms .*finish reason length/);
    expect(mock.stats().requests).to.equal(1);
    expect(spawned()).to.equal(0);
  });

  it("asks the target what its model takes, where requests are made of that", async () => {
    const { address } = await serve();
    const triton = await createMock({ grpcPort: 0 });
    harness.onClose(() => triton.stop());
    const ask = (...words: readonly string[]) =>
      runCli(["send", "-u", `grpc://${triton.grpcAddress}`, "--controller", address, ...words], terminal);
    expect(await ask("-m", "add_sub", "--endpoint-type", "tensor", "-x", "1"), terminal.stderr).to.equal(exitCodes.ok);
    expect(await ask("-m", "identity", "--endpoint-type", "tensor", "--shape", "INPUT0:3"), terminal.stderr).to.equal(
      exitCodes.ok,
    );
    expect(await ask("-m", "identity_bytes", "--endpoint-type", "kserve", "--prompt", "grüß dich")).to.equal(exitCodes.ok);
    expect(terminal.stdout).to.contain("grüß dich");
    expect(await ask("-m", "identity", "--endpoint-type", "tensor")).to.equal(exitCodes.failed);
    expect(terminal.stderr).to.contain("the model leaves sizes of INPUT0 FP32 [-1] open: add --shape INPUT0:N");
    expect(await ask("-m", "add_sub", "--endpoint-type", "tensor", "-x", "7")).to.equal(exitCodes.failed);
    expect(terminal.stderr).to.contain(
      "/ModelMetadata: grpc_not_found: grpc status 5: Request for unknown model: 'add_sub' version 7",
    );
  });

  it("gives all of it to programs, with moments in order", async () => {
    const { address } = await serve();
    const argv = ["send", "-m", "m", "-u", mock.url, "--streaming", "--osl", "3", "--json", "--controller", address];
    expect(await runCli(argv, terminal), terminal.stderr).to.equal(exitCodes.ok);
    const json = JSON.parse(terminal.stdout);
    expect(json).to.include({ status: 200, model: "m", finish_reason: "length", token_source: "usage" });
    expect(json.content_ms).to.have.length(3);
    expect(json.metrics.output_sequence_length.value).to.equal(3);
    const moments = Object.values(json.timeline);
    expect(moments).to.deep.equal([...moments].sort((a, b) => Number(a) - Number(b)));
  });

  it("sends as many tokens as --isl says, from the corpus of runs", async () => {
    const { address } = await serve();
    expect(
      await runCli(["send", "-m", "m", "-u", mock.url, "--isl", "40", "--json", "--controller", address], terminal),
    ).to.equal(0);
    const json = JSON.parse(terminal.stdout);
    expect(json.prompt_tokens).to.equal(40);
    expect(json.metrics.usage_prompt_tokens.value).to.be.within(20, 80);
  });

  it("reads its prompt from standard input, and refuses an empty one", async () => {
    const { address } = await serve();
    const scripted = await startScripted(({ socket }) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    harness.onClose(() => scripted.stop());
    const options: SendOptions = { models: ["m"], urls: [scripted.origin], prompt: "-", controller: address };
    const origins = new Map(Object.keys(options).map((name) => [name, "argument" as const]));
    const asked = { options, origins, operands: [], name: "assay send", argv: [], terminal };
    expect(await send(asked, { input: Readable.from(["two ", "words\n"]) })).to.equal(exitCodes.failed);
    expect(JSON.parse(scripted.requests[0]?.body.toString() ?? "").messages[0].content).to.equal("two words\n");
    expect(await send(asked, { input: Readable.from([" \n"]) })).to.equal(exitCodes.usage);
    expect(terminal.stderr).to.include("--prompt -: expected a text on standard input\n");
  });

  it("lets the prompt of the command line win over a length in the environment", async () => {
    const { address } = await serve();
    const scripted = await startScripted(({ socket }) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    harness.onClose(() => scripted.stop());
    const known = new FakeTerminal({ env: { ASSAY_ISL: "50" } });
    await runCli(["send", "-m", "m", "-u", scripted.origin, "--prompt", "hi", "--controller", address], known);
    expect(JSON.parse(scripted.requests[0]?.body.toString() ?? "").messages[0].content).to.equal("hi");
  });

  it("says where and why a request failed, after the timeline up to there", async () => {
    const { address } = await serve();
    expect(await runCli(["send", "-m", "m", "-u", "http://127.0.0.1:1", "--controller", address], terminal)).to.equal(
      exitCodes.failed,
    );
    expect(terminal.stdout).to.include("POST http://127.0.0.1:1/v1/chat/completions\n").and.include("failed: connect_refused");
    expect(terminal.stderr).to.match(/^assay send: the request failed in phase connect: connect_refused: .*ECONNREFUSED/);
  });

  it("shows what an answer says that is no success", async () => {
    const { address } = await serve();
    expect(await runCli(["send", "-m", "m", "-u", mock.url, "--endpoint", "/no", "--controller", address], terminal)).to.equal(1);
    expect(terminal.stdout).to.include("first byte, status 404");
    expect(terminal.stderr).to.include("in phase wait: http_4xx: http status 404: ");
  });

  it("speaks TLS with authorities and a certificate of one's own", async () => {
    const workshop = createCertWorkshop();
    harness.onClose(() => workshop.remove());
    const folder = await mkdtemp(join(tmpdir(), "assay-send-"));
    harness.onClose(() => rm(folder, { recursive: true }));
    const ca = workshop.ca("Test CA");
    const own = ca.issue("client", "DNS:client");
    const tls = { ...ca.issue("localhost", "DNS:model.test"), ca: ca.cert, requestCert: true, rejectUnauthorized: true };
    const target = await startScripted(({ socket }) => socket.write(plainAnswer("{}")), { tls });
    harness.onClose(() => target.stop());
    await writeFile(join(folder, "ca.pem"), ca.cert);
    await writeFile(join(folder, "own.pem"), own.cert);
    await writeFile(join(folder, "own.key"), own.key);
    await writeFile(join(folder, "bad.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    const { address } = await serve();
    const ask = async (...options: string[]): Promise<FakeTerminal> => {
      const asked = new FakeTerminal({ cwd: folder });
      await runCli(["send", "-m", "m", "-u", target.origin, "--controller", address, ...options], asked);
      return asked;
    };
    const shown = ["--target-cert", "own.pem", "--target-key", "own.key"];
    const good = await ask("--target-ca", "ca.pem", "--target-server-name", "model.test", ...shown);
    expect(good.stdout, good.stderr).to.include("status 200");
    expect((await ask("--insecure-skip-verify", ...shown)).stdout).to.include("status 200");
    expect((await ask(...shown)).stderr).to.include("in phase tls: tls: ");
    expect((await ask("--target-ca", "ca.pem", ...shown)).stderr).to.include("in phase tls: tls: ");
    expect((await ask("--target-ca", "bad.pem", ...shown)).stderr).to.include("in phase tls: tls: ");
    expect((await ask("--target-ca", "no.pem", ...shown)).stderr).to.match(
      /^assay send: --target-ca no\.pem: cannot be read: ENOENT/,
    );
    expect(target.requests).to.have.lengthOf(2);
  });

  it("has a suite without workers start one", async () => {
    const { address, spawned } = await serve({ hasWorker: false });
    expect(await runCli(["send", "-m", "m", "-u", mock.url, "--controller", address], terminal), terminal.stderr).to.equal(
      exitCodes.ok,
    );
    expect(spawned()).to.equal(1);
  });

  it("ends at once at a Ctrl-C, and so does the request", async () => {
    const { address } = await serve();
    const target = await silent();
    const exit = runCli(["send", "-m", "m", "-u", target.origin, "--controller", address], terminal);
    await until("the request", () => target.requests.length === 1);
    terminal.press();
    expect(await exit).to.equal(exitCodes.interrupted);
    await until("the connection to close", () => target.open.size === 0);
    expect(terminal.stdout + terminal.stderr).to.equal("");
    expect(terminal.isTakingSignals).to.equal(false);
  });

  it("refuses what the worker refuses, as wrong options", async () => {
    const { address } = await serve();
    const argv = ["send", "-m", "m", "-u", mock.url, "--endpoint-type", "nonsense", "--controller", address];
    expect(await runCli(argv, terminal)).to.equal(exitCodes.usage);
    expect(terminal.stderr).to.include("there is no endpoint nonsense");
  });

  it("says that nobody serves there", async () => {
    expect(await runCli(["send", "-m", "m", "--controller", "127.0.0.1:1"], terminal)).to.equal(exitCodes.failed);
    expect(terminal.stderr).to.match(/^assay send: .*ECONNREFUSED/);
  });

  it("says everything that is wrong with its options before anything is started", async () => {
    expect(await runCli(["send", "--prompt", "x", "--isl", "5"], terminal)).to.equal(exitCodes.usage);
    expect(terminal.stderr.split("\n")).to.deep.equal([
      "assay send: --model: expected the name of the model to ask for",
      "assay send: --prompt: not together with --isl",
      "assay send --help lists the options",
      "",
    ]);
  });
});
