import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import type { Directory } from "../../../gen/assay/controller/v1/controller_pb.js";
import {
  type Command,
  type CommandResult,
  ConfigureRunSchema,
  ControllerService,
  FinishRunSchema,
  type Heartbeat,
  type Hello,
  type JoinRequest,
  type JoinResponseSchema,
  type MemberEvent,
  RunService,
} from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { monotonicNs } from "../../../services/common/clock.ts";
import { AssayError } from "../../../services/common/errors.ts";
import { silentLogger } from "../../../services/common/logger.ts";
import { createMember, type Member, type MemberListeners } from "../../../services/common/member/member.ts";
import { MeasuredSuiteClock, readClockIdentity } from "../../../services/common/member/suite-clock.ts";
import type { ProcessUsage } from "../../../services/common/member/usage.ts";
import type { CommandOutcome } from "../../../services/common/module.ts";
import { createChannel } from "../../../services/common/rpc/channel.ts";
import { implement, type MessageStream } from "../../../services/common/rpc/handler.ts";
import { createRpcServer, type RpcServer } from "../../../services/common/rpc/server.ts";
import { FakeTracer } from "../../support/fake-tracer.ts";
import { failureOf, until } from "../rpc/harness.ts";

type Response = NonNullable<MessageInitShape<typeof JoinResponseSchema>["message"]>;
type Stream = MessageStream<JoinRequest, MessageInitShape<typeof JoinResponseSchema>>;

/** The controller's end of Join, which does what the test says. */
class FakeController {
  readonly hellos: Hello[] = [];
  readonly heartbeats: Heartbeat[] = [];
  readonly results: CommandResult[] = [];
  readonly events: MemberEvent[] = [];
  pings = 0;
  suiteId = "suite-1";
  lastEventSeq = 0n;
  clock = { bootId: "another", timeNamespace: "" };
  /** How far this clock is ahead of the member's. */
  aheadNs = 0;
  refusal: AssayError | undefined;
  isMute = false;
  stream: Stream | undefined;
  address = "";
  private server: RpcServer | undefined;

  async start(port = 0): Promise<void> {
    const join = { onStream: (stream: Stream) => stream.onMessage((message) => this.receive(stream, message)) };
    const services = [implement(ControllerService, { role: "member", handlers: { join } })];
    this.server = createRpcServer({ services, listen: { port }, auth: { insecure: true }, log: silentLogger });
    this.address = (await this.server.start()).address;
  }

  async stop(): Promise<void> {
    await this.server?.stop(0);
  }

  send(message: Response): void {
    this.stream?.send({ message });
  }

  command(commandId: bigint, timeoutMs = 1000, traceContext: Record<string, string> = {}): void {
    const action = { case: "startPhase" as const, value: { phase: 3 } };
    this.send({ case: "command", value: { commandId, runId: "run-1", timeoutMs, action, traceContext } });
  }

  directory(version: bigint, ...addresses: string[]): void {
    const entries = addresses.map((address) => ({ service: ServiceKind.TIMING, memberId: "timing-1", address }));
    this.send({ case: "directory", value: { version, entries } });
  }

  private receive(stream: Stream, { message }: JoinRequest): void {
    switch (message.case) {
      case "hello":
        this.hellos.push(message.value);
        if (this.refusal !== undefined) throw this.refusal;
        if (this.isMute) return;
        this.stream = stream;
        this.send({
          case: "welcome",
          value: {
            memberId: message.value.memberId === "" ? "timing-1" : message.value.memberId,
            suiteId: this.suiteId,
            clock: this.clock,
            heartbeatMs: 20,
            lastEventSeq: this.lastEventSeq,
          },
        });
        return;
      case "heartbeat":
        this.heartbeats.push(message.value);
        return;
      case "clockPing": {
        this.pings++;
        const nowNs = monotonicNs() + this.aheadNs;
        this.send({ case: "clockPong", value: { memberSentNs: message.value.memberSentNs, receivedNs: nowNs, sentNs: nowNs } });
        return;
      }
      case "result":
        this.results.push(message.value);
        return;
      case "event":
        this.events.push(message.value);
        return;
      case undefined:
        return;
      default:
        message satisfies never;
    }
  }
}

describe("a member of a suite", () => {
  let controller: FakeController;
  let clock: MeasuredSuiteClock;
  const members: Member[] = [];
  const closers: (() => void)[] = [];
  const directories: Directory[] = [];
  const commands: Command[] = [];
  const usages: ProcessUsage[] = [];
  let tracer: FakeTracer;
  let changes = 0;
  const refusals: string[] = [];
  let carryOut: (command: Command, signal: AbortSignal) => Promise<CommandOutcome>;

  beforeEach(async () => {
    for (const list of [directories, commands, usages, refusals]) list.length = 0;
    tracer = new FakeTracer();
    changes = 0;
    carryOut = async () => ({ case: undefined });
    clock = new MeasuredSuiteClock();
    controller = new FakeController();
    await controller.start();
  });
  afterEach(async () => {
    for (const member of members.splice(0)) await member.leave();
    for (const close of closers.splice(0)) close();
    await controller.stop();
  });

  function memberOf(memberId?: string, address = controller.address): Member {
    const listeners: MemberListeners = {
      onCommand: (command, signal) => {
        commands.push(command);
        return carryOut(command, signal);
      },
      onDirectory: (directory) => directories.push(directory),
      onSuiteChanged: () => changes++,
      onRefused: (error) => refusals.push(error.message),
      counters: () => ({ depth: 2.4 }),
      timingProgress: () => [],
      onUsage: (usage) => usages.push(usage),
    };
    const channel = createChannel({ address });
    closers.push(() => channel.close());
    const member = createMember({
      services: [ServiceKind.TIMING, ServiceKind.DATASET],
      address: "h:1",
      ...(memberId === undefined ? {} : { memberId }),
      host: "h7",
      labels: { zone: "a" },
      channel,
      log: silentLogger,
      tracer,
      cores: 3,
      clock,
      listeners,
    });
    members.push(member);
    return member;
  }

  async function joined(memberId?: string): Promise<Member> {
    const member = memberOf(memberId);
    await member.join(5000);
    return member;
  }

  /** The stream breaks, and the member is back. */
  async function redialled(): Promise<void> {
    const dials = controller.hellos.length;
    controller.stream?.fail(new AssayError("unavailable", "a cable was pulled"));
    await until("the next dial", () => controller.hellos.length > dials);
  }

  it("says who it is, and takes the name that it is given", async () => {
    const member = await joined();
    expect(member.id).to.equal("timing-1");
    expect(controller.hellos[0]).to.deep.include({
      services: [ServiceKind.TIMING, ServiceKind.DATASET],
      address: "h:1",
      pid: process.pid,
      cores: 3,
      labels: { zone: "a" },
      dial: 1,
      memberId: "",
    });
    expect(controller.hellos[0]?.incarnation).to.not.equal(0n);
    expect(controller.hellos[0]?.clock).to.include(readClockIdentity());
  });

  it("wishes for the name that it was started with", async () => {
    expect((await joined("worker-a")).id).to.equal("worker-a");
  });

  it("beats with its usage and its counters", async () => {
    const member = await joined();
    await until("three heartbeats", () => controller.heartbeats.length >= 3);
    const { usage, counters } = controller.heartbeats[0] ?? {};
    expect(counters).to.deep.equal({ depth: 2n });
    expect(Number(usage?.rssBytes)).to.be.greaterThan(1e6);
    expect(usage?.openFds).to.be.greaterThan(3);
    expect(member.usage()?.cpuSec).to.be.greaterThan(0);
  });

  it("beats a quarter as often while it has no run, and says when the next beat follows", async () => {
    await joined();
    const send = (commandId: bigint, action: Command["action"]): void =>
      controller.send({ case: "command", value: { commandId, runId: "run-1", timeoutMs: 1000, action } });
    const ofNext = (nextMs: number): Heartbeat[] => controller.heartbeats.filter((beat) => beat.nextMs === nextMs);
    const [idleMs, busyMs] = [80, 20];
    let ticks = 0;
    const ticking = setInterval(() => ticks++, busyMs);
    closers.push(() => clearInterval(ticking));
    await until("time for 24 heartbeats of a run", () => ticks >= 24);
    expect(ofNext(busyMs)).to.be.empty;
    expect(ofNext(idleMs).length).to.be.within(2, 12);

    send(1n, { case: "configure", value: create(ConfigureRunSchema) });
    await until("heartbeats in a run", () => ofNext(busyMs).length >= 3);
    send(2n, { case: "finish", value: create(FinishRunSchema) });
    const before = ofNext(idleMs).length;
    await until("heartbeats after the run", () => ofNext(idleMs).length >= before + 2);
  });

  it("shows what it measures to its process, too", async () => {
    await joined();
    await until("heartbeats", () => controller.heartbeats.length >= 2);
    expect(usages.length).to.be.at.least(2);
    expect(usages[0]?.openFds).to.equal(controller.heartbeats[0]?.usage?.openFds);
  });

  it("dials until the controller is there", async () => {
    const port = Number(controller.address.split(":").at(-1));
    await controller.stop();
    const member = memberOf();
    const joining = member.join(8000);
    controller = new FakeController();
    await controller.start(port);
    await joining;
    expect(member.id).to.equal("timing-1");
  });

  it("gives up joining after its deadline, naming the controller's address", async () => {
    controller.isMute = true;
    const error = await failureOf(memberOf().join(200));
    expect(error).to.include({
      code: "unavailable",
      message: `controller at ${controller.address} did not answer within 200 ms`,
    });
  });

  it("says what the last dial came to, where each of them came to nothing", async () => {
    const { address } = controller;
    const member = memberOf();
    await controller.stop();
    const error = await failureOf(member.join(1000));
    expect(error.message).to.equal(`controller at ${address} did not answer within 1000 ms: connect ECONNREFUSED ${address}`);
  });

  it("gives up at once where it is refused, and does not dial again", async () => {
    controller.refusal = new AssayError("failed_precondition", "member speaks protocol version 1");
    const error = await failureOf(memberOf().join(5000));
    expect(error).to.include({ code: "failed_precondition", message: "member speaks protocol version 1" });
    let rounds = 0;
    await until("time for another dial", () => ++rounds > 40);
    expect(controller.hellos).to.have.length(1);
  });

  it("tells its process when it is refused after it had joined, and dials no more", async () => {
    await joined();
    controller.refusal = new AssayError("failed_precondition", "the controller is Assay 9.9");
    controller.stream?.fail(new AssayError("unavailable", "a cable was pulled"));
    await until("the refusal", () => refusals.length > 0);
    let rounds = 0;
    await until("time for another dial", () => ++rounds > 40);
    expect([refusals, controller.hellos.length]).to.deep.equal([["the controller is Assay 9.9"], 2]);
  });

  it("gives up at once where the address is no controller", async () => {
    const services = [implement(RunService, { role: "viewer", handlers: new Proxy({}, { get: () => () => ({}) }) as never })];
    const other = createRpcServer({ services, listen: {}, auth: { insecure: true }, log: silentLogger });
    const { address } = await other.start();
    expect(await failureOf(memberOf(undefined, address).join(5000))).to.include({ code: "unimplemented" });
    await other.stop(0);
  });

  it("dials again as the same incarnation, with a higher count, when its stream breaks", async () => {
    const member = await joined();
    await redialled();
    const [first, second] = controller.hellos;
    expect(second?.incarnation).to.equal(first?.incarnation);
    expect(second?.dial).to.be.greaterThan(first?.dial ?? 0);
    expect(member.id).to.equal("timing-1");
    expect(changes).to.equal(0);
  });

  it("makes a span of each command, a part of what its context names, which holds what the command begins", async () => {
    await joined();
    carryOut = async () => {
      tracer.start("inside", { kind: "internal" }).end();
      return { case: undefined };
    };
    controller.command(7n, 1000, { traceparent: "the-phase" });
    await until("the result", () => controller.results.length === 1);
    const [span] = tracer.named("command startPhase");
    expect(span).to.include({ kind: "server", parent: "the-phase", ends: 1, error: undefined });
    expect(span!.attributes).to.deep.equal({
      "assay.command": "startPhase",
      "assay.run.id": "run-1",
      "assay.member.id": "timing-1",
    });
    expect(tracer.named("inside")[0]!.parent).to.equal(span!.id);
  });

  it("ends the span of a command that failed with its error", async () => {
    await joined();
    carryOut = async () => {
      throw new AssayError("not_found", "no such phase");
    };
    controller.command(7n);
    await until("the result", () => controller.results.length === 1);
    expect(tracer.named("command startPhase")[0]).to.deep.include({
      ends: 1,
      error: { code: "not_found", message: "no such phase" },
    });
  });

  it("half-closes to leave, and does not come back", async () => {
    const member = await joined();
    let hasEnded = false;
    controller.stream?.onEnd(() => {
      hasEnded = true;
    });
    await member.leave();
    await until("the half-close", () => hasEnded);
    expect(controller.hellos).to.have.length(1);
  });

  describe("asked to do something", () => {
    it("answers with what came of it, once", async () => {
      carryOut = async () => ({ case: "details", value: { found: "x" } });
      await joined();
      controller.command(7n);
      await until("the result", () => controller.results.length === 1);
      expect(controller.results[0]).to.include({ commandId: 7n, error: "" });
      expect(controller.results[0]?.outcome).to.deep.include({ case: "details", value: { found: "x" } });
    });

    it("answers with its error and its code", async () => {
      await joined();
      carryOut = async () => {
        throw new AssayError("not_found", "no such run");
      };
      controller.command(1n);
      await until("the result", () => controller.results.length === 1);
      carryOut = async () => {
        throw new TypeError("a bug");
      };
      controller.command(2n);
      await until("the other result", () => controller.results.length === 2);
      expect(controller.results.map(({ error, errorCode }) => [error, errorCode])).to.deep.equal([
        ["no such run", 5],
        ["a bug", 13],
      ]);
    });

    it("twice by one id, does it once and answers from memory", async () => {
      await joined();
      controller.command(7n);
      controller.command(7n);
      await until("both answers", () => controller.results.length === 2);
      await redialled();
      controller.command(7n);
      await until("the third answer", () => controller.results.length === 3);
      expect(commands).to.have.length(1);
    });

    it("and cut off meanwhile, answers on the next stream when it is asked again", async () => {
      const gate = Promise.withResolvers<CommandOutcome>();
      carryOut = () => gate.promise;
      await joined();
      controller.command(7n);
      await until("the command", () => commands.length === 1);
      await redialled();
      controller.command(7n);
      gate.resolve({ case: undefined });
      await until("the result", () => controller.results.length === 1);
      expect(commands).to.have.length(1);
    });

    it("has a signal that ends with the command's deadline", async () => {
      const ended = Promise.withResolvers<void>();
      carryOut = async (_command, signal) => {
        signal.addEventListener("abort", () => ended.resolve());
        return { case: undefined };
      };
      await joined();
      controller.command(1n, 20);
      await ended.promise;
    });
  });

  describe("that reports", () => {
    const note = (message: string) => ({
      case: "note" as const,
      value: { $typeName: "assay.controller.v1.RunEvent" as const, atNs: 0, kind: "note", message, memberId: "" },
    });
    const said = () => controller.events.map(({ event }) => event.case === "note" && event.value.message);

    it("numbers its events from 1", async () => {
      const member = await joined();
      member.report(note("one"), "run-1");
      member.report(note("two"), "run-1");
      await until("both", () => controller.events.length === 2);
      expect(controller.events.map(({ seq, runId }) => [seq, runId])).to.deep.equal([
        [1n, "run-1"],
        [2n, "run-1"],
      ]);
    });

    it("before it has joined is heard once it has", async () => {
      const member = memberOf();
      member.report(note("early"), "run-1");
      await member.join(5000);
      await until("the event", () => controller.events.length === 1);
    });

    it("sends again what the controller has not handled, and nothing else", async () => {
      const member = await joined();
      for (const message of ["one", "two", "three"]) member.report(note(message), "run-1");
      await until("all", () => controller.events.length === 3);
      controller.lastEventSeq = 2n;
      await redialled();
      await until("the third again", () => controller.events.length === 4);
      expect(said()).to.deep.equal(["one", "two", "three", "three"]);
    });

    it("forgets the events of a run that is over", async () => {
      const member = await joined();
      member.report(note("old"), "run-1");
      member.report(note("new"), "run-2");
      await until("both", () => controller.events.length === 2);
      controller.send({
        case: "command",
        value: { commandId: 1n, runId: "run-1", timeoutMs: 1000, action: { case: "finish", value: {} } },
      });
      await until("the end of the run", () => controller.results.length === 1);
      await redialled();
      await until("one again", () => controller.events.length === 3);
      expect(said()).to.deep.equal(["old", "new", "new"]);
    });
  });

  describe("told of the directory", () => {
    it("passes it on, and never an older one", async () => {
      const member = await joined();
      controller.directory(3n, "a:1");
      controller.directory(2n, "old:1");
      controller.directory(4n, "b:1");
      await until("the last", () => directories.length === 2);
      expect(directories.map(({ entries }) => entries[0]?.address)).to.deep.equal(["a:1", "b:1"]);
      expect(member.directory().version).to.equal(4n);
    });
  });

  describe("whose controller has come back as another suite", () => {
    it("says so, forgets commands and events of the old one, and takes the new directory", async () => {
      const member = await joined();
      controller.directory(9n, "old:1");
      controller.command(1n);
      member.report({ case: "failed", value: { $typeName: "assay.controller.v1.MemberFailed", reason: "x" } }, "run-1");
      await until(
        "all of it",
        () => controller.results.length === 1 && controller.events.length === 1 && directories.length === 1,
      );
      controller.suiteId = "suite-2";
      await redialled();
      await until("the change", () => changes === 1);
      controller.directory(1n, "new:1");
      controller.command(1n);
      await until("the new directory", () => directories.length === 2);
      await until("the command to be done anew", () => commands.length === 2);
      expect(member.directory().entries[0]?.address).to.equal("new:1");
      expect(controller.events).to.have.length(1);
    });

    it("asks for no name that the old one gave it", async () => {
      await joined();
      controller.suiteId = "suite-2";
      await redialled();
      expect(controller.hellos.at(-1)?.memberId).to.equal("");
    });
  });

  describe("on the controller's host", () => {
    it("has the suite's clock, and measures nothing", async () => {
      controller.clock = readClockIdentity();
      await joined();
      await until("heartbeats", () => controller.heartbeats.length >= 2);
      expect(controller.heartbeats[1]?.clock).to.include({ offsetNs: 0, uncertaintyNs: 0 });
      expect(clock.needsPings).to.equal(false);
      expect(controller.pings).to.equal(0);
    });

    it("measures all the same where hosts have no identity to compare", async () => {
      controller.clock = { bootId: "", timeNamespace: readClockIdentity().timeNamespace };
      await joined();
      await until("pings", () => controller.pings >= 8);
    });
  });

  it("on another host measures the offset of its clock and tells it", async () => {
    controller.aheadNs = 3600e9;
    await joined();
    await until("pings", () => controller.pings >= 8);
    await until("the offset to be told", () => controller.heartbeats.some((beat) => beat.clock !== undefined));
    expect(controller.heartbeats.at(-1)?.clock?.offsetNs).to.be.closeTo(3600e9, 1e9);
  });
});
