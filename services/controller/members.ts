/**
 * Who is in the suite: Join streams, the directory, commands on their way, heartbeats. Knows processes and addresses, nothing
 * of runs; those who do are told of results and events.
 */
import { randomUUID } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import { type Directory, DirectorySchema, type Member, MemberSchema } from "../../gen/assay/controller/v1/controller_pb.js";
import {
  type Command,
  type CommandResult,
  CommandSchema,
  type Heartbeat,
  type Hello,
  type JoinRequest,
  type JoinResponseSchema,
  type MemberEvent,
} from "../../gen/assay/controller/v1/controller_service_pb.js";
import { monotonicNs } from "../common/clock.ts";
import { AssayError } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import { readClockIdentity } from "../common/member/suite-clock.ts";
import type { Tracer } from "../common/observe/tracing.ts";
import type { MessageStream } from "../common/rpc/handler.ts";
import { errorCodeOf } from "../common/rpc/status.ts";
import { protocolVersion, version } from "../common/version.ts";

export type JoinStream = MessageStream<JoinRequest, MessageInitShape<typeof JoinResponseSchema>>;
export type Action = Command["action"];

/** Something that a member has to do. */
export interface Order {
  readonly runId: string;
  /** Service of the member that it is for; `UNSPECIFIED`: all of them. */
  readonly service: ServiceKind;
  readonly action: Action;
  readonly timeoutMs: number;
}

/** A process of the suite, as long as the controller remembers it. */
export interface MemberEntry {
  readonly member: Member;
  /** Undefined while its stream is broken. */
  stream: JoinStream | undefined;
  lastDial: number;
  lastEventSeq: bigint;
  heartbeat: Heartbeat | undefined;
  /** When its stream broke; 0: it stands. */
  brokenNs: number;
  /** Heartbeats that have not come since it was last heard. */
  missedBeats: number;
  readonly commands: Map<bigint, PendingCommand>;
}

interface PendingCommand {
  readonly command: Command;
  readonly answer: PromiseWithResolvers<CommandResult>;
  readonly timer: NodeJS.Timeout;
}

export interface MembersListeners {
  /** A process has joined for the first time, or as a new incarnation. */
  onJoined(entry: MemberEntry): void;
  onEvent(entry: MemberEntry, event: MemberEvent): void;
  onHeartbeat(entry: MemberEntry): void;
  /**
   * Its stream has been broken, or it has been silent, for so long that it is taken for dead; what it was asked to do has failed. It
   * may be heard again. Never called for a worker that its manager restarts.
   */
  onLost(entry: MemberEntry, reason: string): void;
}

/** When a member is taken for dead. */
export interface MemberPatience {
  /** Its stream has been broken for so long. A live process dials again within half a second. */
  readonly brokenForNs: number;
  /** Its stream stands and nothing has come on it for so long: a frozen process. */
  readonly silentForNs: number;
}

export const MEMBER_PATIENCE: MemberPatience = { brokenForNs: 3e9, silentForNs: 10e9 };

const heartbeatMs = 500;
const sweepMs = 250;
/** A later sweep than this was held up with everything else in this process. */
const stalledForNs = 1e9;
const forgottenAfterNs = 600e9;

export class Members {
  readonly suiteId: string = randomUUID();
  private readonly identity = readClockIdentity();
  private readonly entries = new Map<string, MemberEntry>();
  private readonly listeners: MembersListeners;
  private readonly log: Logger;
  private readonly patience: MemberPatience;
  private readonly tracer: Tracer;
  private readonly sweeper: NodeJS.Timeout;
  private readonly lost = new Set<MemberEntry>();
  private directoryVersion = 0n;
  private toldDirectory = "";
  private nextCommandId = 1n;
  private nextNumber = new Map<string, number>();
  private changed = Promise.withResolvers<void>();
  private sweptNs = monotonicNs();
  private resumedNs = 0;
  private missedHeartbeats = 0;
  private lostMembers = 0;
  private isClosed = false;

  constructor(listeners: MembersListeners, log: Logger, tracer: Tracer, patience = MEMBER_PATIENCE) {
    this.listeners = listeners;
    this.log = log;
    this.patience = patience;
    this.tracer = tracer;
    this.sweeper = setInterval(() => this.sweep(), sweepMs);
  }

  all(): MemberEntry[] {
    return [...this.entries.values()];
  }

  /** Members that serve this and that can be spoken to. */
  serving(service: ServiceKind): MemberEntry[] {
    return this.all().filter((entry) => this.isHeard(entry) && entry.member.services.includes(service));
  }

  /** Its stream stands, and it is not taken for dead. */
  isHeard(entry: MemberEntry): boolean {
    return entry.stream !== undefined && !this.lost.has(entry) && this.entries.get(entry.member.memberId) === entry;
  }

  /** Since the start of this controller. */
  get counts(): { readonly missedHeartbeats: number; readonly lostMembers: number } {
    return { missedHeartbeats: this.missedHeartbeats, lostMembers: this.lostMembers };
  }

  /** Before a run begins: the shards of the records-managers that are there begin at 0, without gaps. */
  arrangeShards(): void {
    const managers = this.serving(ServiceKind.RECORDS_MANAGER).sort((a, b) => a.member.shard - b.member.shard);
    if (managers.every(({ member }, place) => member.shard === place)) return;
    for (const [place, { member }] of managers.entries()) member.shard = place;
    this.tellDirectory();
  }

  find(memberId: string): MemberEntry | undefined {
    return this.entries.get(memberId);
  }

  /** Resolves at the next change of who is there. */
  change(): Promise<void> {
    return this.changed.promise;
  }

  directory(): Directory {
    return create(DirectorySchema, {
      version: this.directoryVersion,
      entries: this.all()
        .filter((entry) => this.isHeard(entry))
        .flatMap(({ member }) =>
          member.services.filter(isDialled).map((service) => ({
            service,
            memberId: member.memberId,
            address: member.address,
            shard: service === ServiceKind.RECORDS_MANAGER ? member.shard : 0,
          })),
        ),
    });
  }

  /**
   * Sends a command and resolves with its result; rejects with the member's error, `deadline_exceeded` naming member and
   * command, or `unavailable` once the member is taken for dead. A broken stream does not end it: it is sent again when the member
   * is back. The command is a part of what the caller is within.
   */
  async command(entry: MemberEntry, { runId, service, action, timeoutMs }: Order): Promise<CommandResult> {
    const { memberId } = entry.member;
    if (this.isClosed || this.entries.get(memberId) !== entry) {
      throw new AssayError("unavailable", `${memberId}: ${this.isClosed ? controllerEnds : gone}`);
    }
    const commandId = this.nextCommandId++;
    const traceContext = { ...this.tracer.carrier() };
    const command = create(CommandSchema, { commandId, runId, timeoutMs, service, action, traceContext });
    const answer = Promise.withResolvers<CommandResult>();
    const late = (): void => {
      const what = `${memberId} did not answer ${action.case ?? "a command"} within ${timeoutMs} ms`;
      answer.reject(new AssayError("deadline_exceeded", what));
    };
    const timer = setTimeout(late, timeoutMs + answerMarginMs);
    entry.commands.set(commandId, { command, answer, timer });
    entry.stream?.send({ message: { case: "command", value: command } });
    try {
      const result = await answer.promise;
      if (result.error === "") return result;
      throw new AssayError(errorCodeOf(result.errorCode), `${memberId}: ${result.error}`);
    } finally {
      clearTimeout(timer);
      entry.commands.delete(commandId);
    }
  }

  /** Takes a stream whose first message was this hello. */
  accept(stream: JoinStream, hello: Hello): void {
    if (hello.protocolVersion !== protocolVersion || hello.version !== version) {
      const own = `the controller is Assay ${version} (protocol ${protocolVersion})`;
      const theirs = `Assay ${hello.version} (protocol ${hello.protocolVersion}) on ${hello.host}`;
      throw new AssayError("failed_precondition", `${own}, this member ${theirs}: all hosts need the same version`);
    }
    if (hello.services.length === 0) throw new AssayError("invalid_argument", "services: a member serves at least one");
    const known = this.known(hello);
    if (known !== undefined && hello.dial <= known.lastDial)
      throw new AssayError("aborted", "a later dial of this member has arrived");
    const entry = known ?? this.enter(hello);
    const former = entry.stream;
    // Another one may have taken its place meanwhile.
    if (!this.isHeard(entry)) entry.member.shard = this.freeShard(entry);
    entry.stream = stream;
    entry.lastDial = hello.dial;
    entry.brokenNs = 0;
    entry.member.isConnected = true;
    entry.member.lastSeenNs = monotonicNs();
    former?.fail(new AssayError("aborted", "the member has dialled again"));
    stream.onMessage((request) => this.receive(entry, request));
    stream.onClose(() => this.broken(entry, stream));
    stream.send({
      message: {
        case: "welcome",
        value: {
          memberId: entry.member.memberId,
          suiteId: this.suiteId,
          clock: this.identity,
          heartbeatMs,
          version,
          lastEventSeq: entry.lastEventSeq,
        },
      },
    });
    this.tellDirectory(entry);
    for (const { command } of entry.commands.values()) stream.send({ message: { case: "command", value: command } });
    if (known === undefined) this.listeners.onJoined(entry);
  }

  /** The process is gone for certain. */
  remove(memberId: string): void {
    const entry = this.entries.get(memberId);
    if (entry === undefined) return;
    this.entries.delete(memberId);
    this.lost.delete(entry);
    entry.stream?.fail(new AssayError("aborted", "this process was reaped"));
    giveUpCommands(entry, gone);
    this.tellDirectory();
  }

  /** Ends every stream, and what members were asked to do. */
  close(): void {
    this.isClosed = true;
    clearInterval(this.sweeper);
    for (const entry of this.entries.values()) {
      giveUpCommands(entry, controllerEnds);
      entry.stream?.end();
    }
  }

  private known(hello: Hello): MemberEntry | undefined {
    for (const entry of this.entries.values()) {
      if (entry.member.incarnation === hello.incarnation) return entry;
    }
    if (hello.memberId !== "" && this.entries.has(hello.memberId)) {
      const old = this.entries.get(hello.memberId);
      if (old?.stream !== undefined) throw new AssayError("already_exists", `${hello.memberId} is in the suite already`);
      this.remove(hello.memberId);
    }
    return undefined;
  }

  private enter(hello: Hello): MemberEntry {
    const { services, address, incarnation, pid, host, cores, labels, maxFds, localPorts } = hello;
    const memberId = hello.memberId === "" ? this.nameOf(services) : hello.memberId;
    const member = create(MemberSchema, {
      memberId,
      services,
      address,
      incarnation,
      pid,
      host,
      cores,
      labels,
      maxFds,
      localPorts,
      version: hello.version,
    });
    const entry: MemberEntry = {
      member,
      stream: undefined,
      lastDial: 0,
      lastEventSeq: 0n,
      heartbeat: undefined,
      brokenNs: 0,
      missedBeats: 0,
      commands: new Map(),
    };
    this.entries.set(memberId, entry);
    this.log.info("a member joined", { member: memberId, host, pid, address });
    return entry;
  }

  /**
   * Whoever comes in the place of a records-manager that is gone writes on what that one wrote: at the same address, or else on the same host, it has
   * its file.
   */
  private freeShard(entry: MemberEntry): number {
    const service = ServiceKind.RECORDS_MANAGER;
    const { address, host, services } = entry.member;
    if (!services.includes(service)) return 0;
    const taken = new Set(this.serving(service).map(({ member }) => member.shard));
    // It has no place yet where it has never dialled.
    const holders = this.all().filter((other) => other !== entry || entry.lastDial > 0);
    const left = holders.filter(({ member }) => member.services.includes(service) && !taken.has(member.shard));
    const nearest =
      left.find(({ member }) => member.address === address && address !== "") ?? left.find(({ member }) => member.host === host);
    if (nearest !== undefined) return nearest.member.shard;
    let shard = 0;
    while (taken.has(shard)) shard++;
    return shard;
  }

  private nameOf(services: readonly ServiceKind[]): string {
    const name = services.map((service) => ServiceKind[service]?.toLowerCase().replaceAll("_", "-") ?? "service").join("+");
    for (;;) {
      const number = (this.nextNumber.get(name) ?? 0) + 1;
      this.nextNumber.set(name, number);
      // A member may have brought a name of this form from an earlier controller.
      if (!this.entries.has(`${name}-${number}`)) return `${name}-${number}`;
    }
  }

  private receive(entry: MemberEntry, { message }: JoinRequest): void {
    entry.member.lastSeenNs = monotonicNs();
    entry.missedBeats = 0;
    if (this.lost.has(entry)) {
      entry.member.shard = this.freeShard(entry);
      this.lost.delete(entry);
      entry.member.isConnected = entry.stream !== undefined;
      this.tellDirectory();
    }
    switch (message.case) {
      case "heartbeat":
        entry.heartbeat = message.value;
        if (message.value.usage !== undefined) entry.member.usage = message.value.usage;
        if (message.value.clock !== undefined) entry.member.clock = message.value.clock;
        entry.member.counters = message.value.counters;
        this.listeners.onHeartbeat(entry);
        return;
      case "clockPing": {
        const receivedNs = monotonicNs();
        const { memberSentNs } = message.value;
        entry.stream?.send({ message: { case: "clockPong", value: { memberSentNs, receivedNs, sentNs: monotonicNs() } } });
        return;
      }
      case "result":
        entry.commands.get(message.value.commandId)?.answer.resolve(message.value);
        return;
      case "event":
        if (message.value.seq <= entry.lastEventSeq) return;
        entry.lastEventSeq = message.value.seq;
        this.listeners.onEvent(entry, message.value);
        return;
      case "hello":
        throw new AssayError("invalid_argument", "a second hello may not come");
      case undefined:
        throw new AssayError("invalid_argument", "a member's message is empty");
      default:
        message satisfies never;
    }
  }

  private broken(entry: MemberEntry, stream: JoinStream): void {
    if (entry.stream !== stream) return;
    entry.stream = undefined;
    entry.brokenNs = monotonicNs();
    entry.member.isConnected = false;
    this.tellDirectory();
  }

  /** To everybody where it has changed, and to `newcomer` in any case. */
  private tellDirectory(newcomer?: MemberEntry): void {
    const { entries } = this.directory();
    const told = JSON.stringify(entries);
    const isChanged = told !== this.toldDirectory;
    if (isChanged) {
      this.directoryVersion++;
      this.toldDirectory = told;
    }
    const value = { version: this.directoryVersion, entries };
    for (const entry of isChanged ? this.entries.values() : newcomer === undefined ? [] : [newcomer]) {
      entry.stream?.send({ message: { case: "directory", value } });
    }
    this.wake();
  }

  private wake(): void {
    const wake = this.changed;
    this.changed = Promise.withResolvers<void>();
    wake.resolve();
  }

  private sweep(): void {
    const nowNs = monotonicNs();
    const { brokenForNs, silentForNs } = this.patience;
    // While this process stood still nobody was silent: what they said lies unread in its sockets.
    if (nowNs - this.sweptNs > stalledForNs) this.resumedNs = nowNs;
    this.sweptNs = nowNs;
    for (const entry of this.all()) {
      const { lastSeenNs, memberId } = entry.member;
      const isBroken = entry.stream === undefined && nowNs - Math.max(entry.brokenNs, this.resumedNs) > brokenForNs;
      const silentNs = nowNs - Math.max(lastSeenNs, this.resumedNs);
      const isSilent = silentNs > silentForNs;
      if (entry.stream !== undefined) this.countMissed(entry, silentNs);
      if (entry.stream === undefined && nowNs - entry.brokenNs > forgottenAfterNs) {
        this.entries.delete(memberId);
        this.lost.delete(entry);
        continue;
      }
      if ((!isBroken && !isSilent) || this.lost.has(entry)) continue;
      this.lost.add(entry);
      this.lostMembers++;
      entry.member.isConnected = false;
      const reason = isBroken ? "its process is gone" : `it has said nothing for ${silentForNs / 1e9} s`;
      giveUpCommands(entry, reason);
      this.tellDirectory();
      this.listeners.onLost(entry, reason);
    }
  }

  private countMissed(entry: MemberEntry, silentNs: number): void {
    const missed = Math.floor(silentNs / ((entry.heartbeat?.nextMs || heartbeatMs) * 1e6) - lateBeats);
    if (missed <= entry.missedBeats) return;
    this.missedHeartbeats += missed - entry.missedBeats;
    entry.missedBeats = missed;
  }
}

/** Nobody dials a worker by the directory: hundreds of them would be told to each other at every change. Clients find them by GetSuite. */
function isDialled(service: ServiceKind): boolean {
  return service !== ServiceKind.WORKER;
}

const controllerEnds = "the controller is ending";
const gone = "it is gone";

/** How late a heartbeat may be before it is a missed one, in heartbeats. */
const lateBeats = 0.5;

/** The member's own deadline comes first, with its own words. */
const answerMarginMs = 500;

function giveUpCommands({ member, commands }: MemberEntry, reason: string): void {
  for (const { answer } of commands.values()) answer.reject(new AssayError("unavailable", `${member.memberId}: ${reason}`));
}
