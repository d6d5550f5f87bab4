/** Clients that go away, that are several, or that do not read. */
import { connect, constants, type IncomingHttpHeaders } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import { DriveRunRequestSchema } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { until } from "../../service/rpc/harness.ts";
import { expectAccounted } from "../../support/accounted.ts";
import { hostMark } from "../../support/network.ts";
import { type Part, Parts, stateOf } from "../../support/parts.ts";
import { type Command, endsWithinMs, rowsIn, useStage } from "../../support/suite.ts";

const all = "controller,dataset,timing,worker-manager,record-processor,records-manager,telemetry";

describe("a client of a suite", function () {
  this.timeout(4 * endsWithinMs);
  const stage = useStage();
  let parts: Parts;
  let suite: Part;

  beforeEach(async () => {
    parts = new Parts();
    suite = await parts.start(all);
  });

  afterEach(async () => {
    await parts.close();
  });

  const load = ["--streaming", "--concurrency", "8", "--workers-max", "1", "--osl", "32", "--no-gpu-telemetry", "--no-probe"];
  const run = (url: string, requests: number, env = {}) =>
    stage.start(
      ["run", "-m", "mock", "-u", url, "--controller", suite.relay.address, "--request-count", String(requests), ...load],
      stage.folder,
      env,
    );
  const watch = (...args: readonly string[]) => stage.start(["watch", "latest", "--controller", suite.relay.address, ...args]);

  /** The one run that the suite has, once it has sent something: that of the command. */
  async function folderOfRun(command: Command): Promise<string> {
    const folder = await parts.folderOfRun();
    await command.until("rows of a run under way", () => rowsIn(folder) >= 20, 2 * endsWithinMs);
    return folder;
  }

  it("the machine of `assay run --controller` is cut off and gone: the run goes on, and `assay watch` is told of it from another one (accounts: complete; nothing is missing)", async () => {
    const target = await parts.target();
    const command = run(target.url, 400, { [hostMark]: parts.nameOf("laptop") });
    const folder = await folderOfRun(command);
    target.hold();
    parts.network.cut(parts.nameOf("laptop"));
    command.signal("SIGKILL", command.pid);
    expect((await command.exit()).signal, "how the command ended").to.equal("SIGKILL");
    expect(rowsIn(folder), "rows before it was gone").to.be.below(400);
    target.release();
    const { code, stdout, stderr } = await watch().exit();
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/: completed \(/);
    expect(expectAccounted(folder, target, 400)).to.deep.include({ state: "COMPLETED", rows: 400, errors: { "": 400 } });
  });

  it("the connection of `assay run --controller` is gone without a word: it says so, meets the run again and tells its results (accounts: complete; nothing is missing)", async () => {
    const target = await parts.target({ ttftMs: 400 });
    const laptop = parts.nameOf("laptop");
    const command = run(target.url, 400, { [hostMark]: laptop });
    const folder = await folderOfRun(command);
    expect(parts.network.halfOpen(laptop)).to.be.at.least(1);
    const { code, stdout, stderr } = await command.exit(2 * endsWithinMs);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(/; trying again for 60 s\n/);
    expect(stdout).to.include("Request Latency");
    expect(expectAccounted(folder, target, 400)).to.deep.include({ state: "COMPLETED", rows: 400, errors: { "": 400 } });
  });

  it("the machine of `assay run --controller` is cut off for good: after a minute it says how the run is met again, and from another one it is (accounts: complete; nothing is missing)", async () => {
    const target = await parts.target({ ttftMs: 1500 });
    const laptop = parts.nameOf("laptop");
    const command = run(target.url, 400, { [hostMark]: laptop });
    const folder = await folderOfRun(command);
    parts.network.cut(laptop);
    const { code, stderr } = await command.exit(2 * endsWithinMs);
    expect(code, stderr).to.equal(1);
    const words = /; run (\S+) may go on: assay (watch \1 --controller \S+)\n$/.exec(stderr)?.[2]?.split(" ");
    const watcher = await stage.start(words ?? []).exit(2 * endsWithinMs);
    expect(watcher.code, watcher.stderr).to.equal(0);
    expect(watcher.stdout).to.match(/: completed \(/);
    expect(expectAccounted(folder, target, 400)).to.deep.include({ state: "COMPLETED", rows: 400, errors: { "": 400 } });
  });

  it("two clients watch a run, and one of them is killed: the other one sees its end (accounts: complete; nothing is missing)", async () => {
    const target = await parts.target();
    const command = run(target.url, 400);
    const folder = await folderOfRun(command);
    // The run goes on when both watch it.
    target.hold();
    const watchers = [watch(), watch()] as const;
    for (const each of watchers) await each.until("a watcher's first words", () => each.stdout + each.stderr !== "");
    const [killed, watcher] = watchers;
    killed.signal("SIGKILL", killed.pid);
    expect((await killed.exit()).signal, "how the first one ended").to.equal("SIGKILL");
    target.release();
    const { code, stdout, stderr } = await watcher.exit();
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/: completed \(/);
    expect((await command.exit()).code).to.equal(0);
    expect(expectAccounted(folder, target, 400)).to.deep.include({ state: "COMPLETED", rows: 400, errors: { "": 400 } });
  });

  it("two runs are asked for at once: the second one waits, and begins when the first one has ended (accounts: complete; nothing is missing in either)", async () => {
    const client = parts.client();
    const targets = await Promise.all([parts.target(), parts.target()]);
    const created = await Promise.all(
      targets.map(({ url }) =>
        client.createRun({ spec: parts.spec(url, { requests: 200, workers: 1 }) }, { timeoutMs: endsWithinMs }),
      ),
    );
    const ended = await Promise.all(created.map(({ run: accepted }) => parts.ended(accepted?.runId ?? "")));
    expect(ended.map(stateOf)).to.deep.equal(Array.from({ length: 2 }, () => ["COMPLETED", ""]));
    for (const [index, target] of targets.entries()) {
      const file = expectAccounted(ended[index]?.folder ?? "", target, 200);
      expect(file).to.deep.include({ rows: 200, errors: { "": 200 } });
    }
    const [first, second] = ended
      .map(({ startTime, endTime }) => [secOf(startTime), secOf(endTime)])
      .sort(([a = 0], [b = 0]) => a - b);
    expect(second?.[0], "start of the second run, and end of the first one").to.be.at.least(first?.[1] ?? Number.NaN);
  });

  it("a client opens `DriveRun` and never reads: the run and its other watchers do not wait for it (accounts: complete; nothing is missing)", async () => {
    const target = await parts.target();
    const command = run(target.url, 400);
    const folder = await folderOfRun(command);
    const [{ runId = "" } = {}] = (await parts.client().listRuns({})).runs;
    target.hold();
    // As little as HTTP/2 lets a client allow, and nothing of it is ever given back.
    const session = connect(`http://${suite.relay.address}`, { settings: { initialWindowSize: 64 } });
    session.on("error", () => {});
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: "/assay.controller.v1.RunService/DriveRun",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => {});
    const attach = create(DriveRunRequestSchema, { message: { case: "attach", value: { runId, intervalMs: 100 } } });
    stream.write(framed(toBinary(DriveRunRequestSchema, attach)));
    let accepted: IncomingHttpHeaders | undefined;
    stream.on("response", (headers) => (accepted = headers));
    try {
      await until("the stream to be accepted", () => accepted !== undefined, endsWithinMs);
      expect(accepted, "a stream, and not its end").to.include({ ":status": 200 }).and.not.have.property("grpc-status");
      target.release();
      const { code, stdout, stderr } = await watch().exit();
      expect(code, stderr).to.equal(0);
      expect(stdout).to.match(/: completed \(/);
      expect((await command.exit()).code).to.equal(0);
      expect(expectAccounted(folder, target, 400)).to.deep.include({ state: "COMPLETED", rows: 400, errors: { "": 400 } });
      expect(stream.readableFlowing, "what was never read").to.equal(null);
      expect(stream.closed, "whether the stream is over, which has more to say").to.equal(false);
    } finally {
      session.destroy();
    }
  });
});

/** A message as gRPC has it on the wire, not compressed. */
function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function secOf(time: { readonly seconds: bigint; readonly nanos: number } | undefined): number {
  return Number(time?.seconds) + (time?.nanos ?? 0) / 1e9;
}
