/**
 * This process as a member of its suite: one Join stream to the controller for as long as the process lives, dialled again
 * with backoff when it breaks. Carries heartbeats, clock pings and events up, commands and the directory down. Commands are
 * answered exactly once per id, repeated ones from memory; events are numbered and sent again until the controller has them.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import { type Directory, DirectorySchema } from "../../../gen/assay/controller/v1/controller_pb.js";
import {
  type Command,
  type CommandResult,
  CommandResultSchema,
  ControllerService,
  type JoinRequestSchema,
  type JoinResponse,
  type MemberEvent,
  MemberEventSchema,
  type Welcome,
} from "../../../gen/assay/controller/v1/controller_service_pb.js";
import type { TimingProgress } from "../../../gen/assay/timing/v1/timing_pb.js";
import { monotonicNs } from "../clock.ts";
import { AssayError, messageOf } from "../errors.ts";
import type { HostLimits } from "../host-limits.ts";
import type { Logger } from "../logger.ts";
import type { CommandOutcome } from "../module.ts";
import { noSpan, type Span, type Tracer } from "../observe/tracing.ts";
import type { Channel } from "../rpc/channel.ts";
import { createClient } from "../rpc/client.ts";
import type { MessageStream } from "../rpc/handler.ts";
import { grpcCodeOf } from "../rpc/status.ts";
import { protocolVersion, version } from "../version.ts";
import { type MeasuredSuiteClock, readClockIdentity } from "./suite-clock.ts";
import { createUsageMeter, type ProcessUsage } from "./usage.ts";

export interface MemberOptions {
  readonly services: readonly ServiceKind[];
  /** Address at which others reach this process; empty: nobody needs to. */
  readonly address: string;
  /** Wished for; a worker has its own from its worker-manager. */
  readonly memberId?: string;
  /** Name of this host; the same for all its members. */
  readonly host: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly channel: Channel;
  readonly log: Logger;
  /** Makes a span of every command. Default: none. */
  readonly tracer?: Tracer;
  readonly cores: number;
  /** Of the host, where workers are started. */
  readonly limits?: HostLimits | undefined;
  /** Brought to suite time by joining. */
  readonly clock: MeasuredSuiteClock;
  readonly listeners: MemberListeners;
}

export interface MemberListeners {
  onCommand(command: Command, signal: AbortSignal): Promise<CommandOutcome>;
  onDirectory(directory: Directory): void;
  onSuiteChanged(): void;
  /** The controller, or another one in its place, takes this process no more; it is not dialled again. Not called for the first dial: `join` rejects then. */
  onRefused(error: AssayError): void;
  counters(): Readonly<Record<string, number>>;
  timingProgress(): TimingProgress[];
  /** What this process used since the last heartbeat. */
  onUsage?(usage: ProcessUsage): void;
}

export interface Member {
  /** Dials until the controller has answered once. Rejects with `unavailable` after the deadline, or at once if it refuses this member. */
  join(timeoutMs: number): Promise<void>;
  /** Given by the controller. Empty before `join` has resolved. */
  readonly id: string;
  directory(): Directory;
  /** Reports something that happened; kept until the controller has it. */
  report(event: MemberEvent["event"], runId: string): void;
  /** Last usage measured, for who wants to show it. */
  usage(): ProcessUsage | undefined;
  leave(): Promise<void>;
}

type Stream = MessageStream<JoinResponse, MessageInitShape<typeof JoinRequestSchema>>;

const firstBackoffMs = 50;
const lastBackoffMs = 500;
/** For a welcome; after each dial without one twice as long, since a busy host or a far one may need it. */
const dialTimeoutMs = 2_000;
const longestDialMs = 16_000;
const rememberedResults = 256;
const keptEvents = 10_000;
const clockPingEvery = 1_000;
/** Of a process without a run, only every so many heartbeats are sent: a controller may have hundreds that wait for work. */
const idleBeats = 4;
const firstPings = 8;
const firstPingEvery = 20;
const refusals: ReadonlySet<string> = new Set([
  "failed_precondition",
  "unauthenticated",
  "permission_denied",
  "already_exists",
  "unimplemented",
]);

export function createMember(options: MemberOptions): Member {
  return new JoinedMember(options);
}

class JoinedMember implements Member {
  private readonly options: MemberOptions;
  private readonly incarnation = randomBytes(8).readBigUInt64LE();
  private readonly identity = readClockIdentity();
  private readonly meter = createUsageMeter();
  private readonly results = new Map<bigint, Promise<CommandResult>>();
  private readonly leaving = new AbortController();
  private events: MemberEvent[] = [];
  private eventSeq = 0n;
  private current: Directory = create(DirectorySchema);
  private lastUsage: ProcessUsage | undefined;
  private memberId = "";
  private suiteId = "";
  private dials = 0;
  private stream: Stream | undefined;
  private timers: NodeJS.Timeout[] = [];
  /** Ids of the runs that it has been configured for and that are not finished. */
  private readonly runsInHand = new Set<string>();
  /** As the controller wishes it. */
  private heartbeatMs = 0;
  private pongs = 0;
  private welcomed: PromiseWithResolvers<void> = Promise.withResolvers();
  private refused: AssayError | undefined;
  private lastFailure: AssayError | undefined;

  constructor(options: MemberOptions) {
    this.options = options;
    // Nobody may be waiting when a later dial fails; join() reports its own failure.
    this.welcomed.promise.catch(() => {});
  }

  get id(): string {
    return this.memberId;
  }

  async join(timeoutMs: number): Promise<void> {
    this.keepDialling().catch((error: unknown) => this.welcomed.reject(error));
    const timeout = new AbortController();
    const late = delay(timeoutMs, undefined, { signal: timeout.signal }).then(
      () => {
        throw new AssayError(
          "unavailable",
          `controller at ${this.options.channel.address} did not answer within ${timeoutMs} ms${this.whyNot()}`,
        );
      },
      () => {},
    );
    try {
      await Promise.race([this.welcomed.promise, late]);
    } finally {
      timeout.abort();
    }
  }

  /** What the dial before said, after `: `. */
  private whyNot(): string {
    if (this.lastFailure === undefined) return "";
    return `: ${this.lastFailure.message.replace(/^calling \S+ at \S+: /, "")}`;
  }

  directory(): Directory {
    return this.current;
  }

  usage(): ProcessUsage | undefined {
    return this.lastUsage;
  }

  report(event: MemberEvent["event"], runId: string): void {
    const message = create(MemberEventSchema, { runId, event, seq: ++this.eventSeq });
    this.events.push(message);
    if (this.events.length > keptEvents) this.events.shift();
    this.stream?.send({ message: { case: "event", value: message } });
  }

  private forget(runId: string): void {
    this.events = this.events.filter((event) => event.runId !== runId);
  }

  async leave(): Promise<void> {
    this.leaving.abort();
    this.stopTimers();
    this.stream?.end();
    this.meter.stop();
  }

  private async keepDialling(): Promise<void> {
    let backoffMs = firstBackoffMs;
    let limitMs = dialTimeoutMs;
    while (!this.leaving.signal.aborted && this.refused === undefined) {
      const hadWelcome = await this.dial(limitMs);
      if (this.leaving.signal.aborted) return;
      limitMs = hadWelcome ? dialTimeoutMs : Math.min(limitMs * 2, longestDialMs);
      backoffMs = hadWelcome ? firstBackoffMs : Math.min(backoffMs * 2, lastBackoffMs);
      await delay(backoffMs * (0.5 + Math.random() / 2), undefined, { signal: this.leaving.signal }).catch(() => {});
    }
  }

  /** One life of the stream. Resolves when it is over: whether the controller had answered on it. */
  private dial(limitMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const client = createClient(ControllerService, this.options.channel);
    const stream: Stream = client.join({ isTraced: false });
    let hasWelcome = false;
    const late = setTimeout(() => stream.fail(new AssayError("deadline_exceeded", `no welcome within ${limitMs} ms`)), limitMs);
    stream.onMessage((response) => {
      if (response.message.case === "welcome") {
        hasWelcome = true;
        clearTimeout(late);
        this.onWelcome(stream, response.message.value);
      } else {
        this.onMessage(stream, response);
      }
    });
    stream.onClose((error) => {
      clearTimeout(late);
      this.stopTimers();
      if (this.stream === stream) this.stream = undefined;
      this.lastFailure = error;
      if (error !== undefined) this.onBroken(error);
      resolve(hasWelcome);
    });
    stream.send({ message: { case: "hello", value: this.hello() } });
    return promise;
  }

  private hello() {
    const { services, address, host, labels, cores, limits } = this.options;
    return {
      protocolVersion,
      version,
      services: [...services],
      address,
      incarnation: this.incarnation,
      pid: process.pid,
      host,
      clock: this.identity,
      cores,
      maxFds: limits?.maxFds ?? 0,
      localPorts: limits?.localPorts ?? 0,
      labels: { ...labels },
      // The incarnation says who this is; a name that was given is for the suite that gave it.
      memberId: this.options.memberId ?? "",
      dial: ++this.dials,
    };
  }

  private onWelcome(stream: Stream, welcome: Welcome): void {
    const isOtherSuite = this.suiteId !== "" && this.suiteId !== welcome.suiteId;
    this.memberId = welcome.memberId;
    this.suiteId = welcome.suiteId;
    this.stream = stream;
    const shared = welcome.clock;
    if (
      shared !== undefined &&
      shared.bootId !== "" &&
      shared.bootId === this.identity.bootId &&
      shared.timeNamespace === this.identity.timeNamespace
    ) {
      this.options.clock.share();
    }
    if (isOtherSuite) {
      this.options.log.warn("the controller has restarted: runs of the old suite end here", { suite_id: welcome.suiteId });
      this.results.clear();
      this.runsInHand.clear();
      this.events = [];
      // The new suite counts its directories from the start.
      this.current = create(DirectorySchema);
      this.options.listeners.onSuiteChanged();
    }
    for (const event of this.events) {
      if (event.seq > welcome.lastEventSeq) stream.send({ message: { case: "event", value: event } });
    }
    this.startTimers(stream, welcome.heartbeatMs);
    this.welcomed.resolve();
  }

  private onMessage(stream: Stream, { message }: JoinResponse): void {
    switch (message.case) {
      case "directory":
        if (message.value.version >= this.current.version || this.current.entries.length === 0) {
          this.current = message.value;
          this.options.listeners.onDirectory(message.value);
        }
        return;
      case "clockPong":
        this.options.clock.add({
          sentNs: message.value.memberSentNs,
          remoteReceivedNs: message.value.receivedNs,
          remoteSentNs: message.value.sentNs,
          receivedNs: monotonicNs(),
        });
        // Who waits for this clock need not wait for the next heartbeat.
        if (++this.pongs === firstPings) this.beat(stream);
        return;
      case "command":
        this.carryOut(message.value).then(
          (result) => stream.send({ message: { case: "result", value: result } }),
          (error: unknown) => this.options.log.error("a command's result was not sent", { error: messageOf(error) }),
        );
        return;
      case "welcome":
      case undefined:
        return;
      default:
        message satisfies never;
    }
  }

  private carryOut(command: Command): Promise<CommandResult> {
    const known = this.results.get(command.commandId);
    if (known !== undefined) return known;
    const result = this.run(command);
    this.results.set(command.commandId, result);
    if (this.results.size > rememberedResults) {
      const [oldest] = this.results.keys();
      if (oldest !== undefined) this.results.delete(oldest);
    }
    return result;
  }

  private async run(command: Command): Promise<CommandResult> {
    const { commandId } = command;
    const signal = AbortSignal.timeout(command.timeoutMs);
    const span = this.spanOf(command);
    if (command.action.case === "configure") this.runsInHand.add(command.runId);
    try {
      const outcome = await span.within(() => this.options.listeners.onCommand(command, signal));
      span.end();
      // Nobody asks about a run that has ended.
      if (command.action.case === "finish") this.forget(command.runId);
      return create(CommandResultSchema, { commandId, outcome });
    } catch (error) {
      const code = error instanceof AssayError ? error.code : "internal";
      span.end({ code, message: messageOf(error) });
      this.options.log.warn("a command failed", { command: command.action.case, run_id: command.runId, error: messageOf(error) });
      return create(CommandResultSchema, { commandId, error: messageOf(error), errorCode: grpcCodeOf(code) });
    } finally {
      if (command.action.case === "finish") this.runsInHand.delete(command.runId);
    }
  }

  private spanOf({ action, runId, traceContext }: Command): Span {
    const { tracer } = this.options;
    if (tracer?.isOn !== true) return noSpan;
    const name = action.case ?? "nothing";
    return tracer.start(`command ${name}`, {
      kind: "server",
      remoteParent: traceContext,
      attributes: { "assay.command": name, "assay.run.id": runId, "assay.member.id": this.memberId },
    });
  }

  private startTimers(stream: Stream, heartbeatMs: number): void {
    this.stopTimers();
    this.heartbeatMs = heartbeatMs;
    this.beat(stream);
    let passed = 0;
    const tick = (): void => {
      if (this.runsInHand.size === 0 && ++passed < idleBeats) return;
      passed = 0;
      this.beat(stream);
    };
    this.timers.push(setInterval(tick, heartbeatMs));
    if (!this.options.clock.needsPings) return;
    this.pongs = 0;
    const ping = (): void => {
      stream.send({ message: { case: "clockPing", value: { memberSentNs: monotonicNs() } } });
    };
    for (let index = 0; index < firstPings; index++) this.timers.push(setTimeout(ping, index * firstPingEvery));
    this.timers.push(setInterval(ping, clockPingEvery));
  }

  private beat(stream: Stream): void {
    const usage = this.meter.read();
    this.lastUsage = usage;
    this.options.listeners.onUsage?.(usage);
    const counters: Record<string, bigint> = {};
    for (const [name, value] of Object.entries(this.options.listeners.counters())) counters[name] = BigInt(Math.round(value));
    const offset = this.options.clock.offset();
    stream.send({
      message: {
        case: "heartbeat",
        value: {
          usage: { ...usage, rssBytes: BigInt(usage.rssBytes) },
          counters,
          timing: this.options.listeners.timingProgress(),
          nextMs: (this.runsInHand.size === 0 ? idleBeats : 1) * this.heartbeatMs,
          ...(offset === undefined
            ? {}
            : { clock: { offsetNs: offset.offsetNs, uncertaintyNs: offset.uncertaintyNs, driftPpm: offset.driftPpm } }),
        },
      },
    });
  }

  private stopTimers(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers = [];
  }

  private onBroken(error: AssayError): void {
    if (this.leaving.signal.aborted) return;
    if (refusals.has(error.code)) {
      this.refused = error;
      this.welcomed.reject(error);
      this.options.log.error("the controller refuses this member", { error: error.message });
      if (this.suiteId !== "") this.options.listeners.onRefused(error);
    } else if (this.suiteId !== "") {
      this.options.log.warn("the stream to the controller broke; dialling again", { error: error.message });
    }
  }
}
