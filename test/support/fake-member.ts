/** Members of a suite that speak Join to a real controller and do nothing but what a test says. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import type { Directory } from "../../gen/assay/controller/v1/controller_pb.js";
import {
  type ClockPong,
  type Command,
  type CommandResultSchema,
  ControllerService,
  type HelloSchema,
  type JoinRequestSchema,
  type JoinResponse,
  type MemberEvent,
  MemberEventSchema,
  type Welcome,
} from "../../gen/assay/controller/v1/controller_service_pb.js";
import type { TimingProgressSchema } from "../../gen/assay/timing/v1/timing_pb.js";
import { monotonicNs } from "../../services/common/clock.ts";
import type { AssayError } from "../../services/common/errors.ts";
import { readClockIdentity } from "../../services/common/member/suite-clock.ts";
import { type Channel, createChannel } from "../../services/common/rpc/channel.ts";
import { createClient } from "../../services/common/rpc/client.ts";
import type { MessageStream } from "../../services/common/rpc/handler.ts";
import { protocolVersion, version } from "../../services/common/version.ts";

type Outcome = MessageInitShape<typeof CommandResultSchema>["outcome"];
type HelloInit = Exclude<MessageInitShape<typeof HelloSchema>, { $typeName: string }>;
type Stream = MessageStream<JoinResponse, MessageInitShape<typeof JoinRequestSchema>>;
export type EventInit = NonNullable<MessageInitShape<typeof MemberEventSchema>["event"]>;

/** What a member does with a command: its outcome, an error by throwing, or no answer at all. */
export type Reaction = Outcome | "silence" | { readonly error: string; readonly errorCode?: number };

export interface FakeMemberOptions {
  /** Of the controller. */
  readonly address: string;
  readonly services: readonly ServiceKind[];
  readonly hello?: HelloInit;
  readonly onCommand?: (command: Command, member: FakeMember) => Reaction | Promise<Reaction>;
}

const done = { case: undefined } as const;

export class FakeMember {
  readonly commands: Command[] = [];
  readonly directories: Directory[] = [];
  readonly pongs: ClockPong[] = [];
  readonly incarnation = randomBytes(8).readBigUInt64LE();
  onCommand: NonNullable<FakeMemberOptions["onCommand"]>;
  /** When it promises its next heartbeat; 0: as the controller wishes. */
  nextMs = 0;
  /** Of its heartbeats. */
  counters: Readonly<Record<string, bigint>> = { depth: 3n };
  welcome: Welcome | undefined;
  /** Why the stream ended, once it has; undefined: with OK. */
  closed: { readonly error: AssayError | undefined } | undefined;
  private readonly options: FakeMemberOptions;
  private readonly channel: Channel;
  private stream: Stream | undefined;
  private dials = 0;
  private eventSeq = 0n;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: FakeMemberOptions) {
    this.options = options;
    this.onCommand = options.onCommand ?? (() => done);
    this.channel = createChannel({ address: options.address });
  }

  /** Joins; resolves when the controller has answered, rejects when it refuses. */
  static async join(options: FakeMemberOptions): Promise<FakeMember> {
    const member = new FakeMember(options);
    await member.dial();
    return member;
  }

  get id(): string {
    return this.welcome?.memberId ?? "";
  }

  /** Opens a stream in place of the last one. `hello` changes what it says of itself. */
  async dial(hello: HelloInit = {}): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const stream: Stream = createClient(ControllerService, this.channel).join();
    this.closed = undefined;
    stream.onMessage(({ message }) => {
      switch (message.case) {
        case "welcome":
          this.welcome = message.value;
          resolve();
          return;
        case "directory":
          this.directories.push(message.value);
          return;
        case "command":
          this.commands.push(message.value);
          void this.answer(message.value);
          return;
        case "clockPong":
          this.pongs.push(message.value);
          return;
        case undefined:
          return;
        default:
          message satisfies never;
      }
    });
    stream.onClose((error) => {
      if (this.stream === stream || this.stream === undefined) this.closed = { error };
      reject(error ?? new Error("the stream ended before the welcome"));
    });
    stream.send({
      message: {
        case: "hello",
        value: {
          protocolVersion,
          version,
          services: [...this.options.services],
          address: "",
          incarnation: this.incarnation,
          pid: process.pid,
          host: hostname(),
          clock: readClockIdentity(),
          cores: 4,
          memberId: "",
          dial: ++this.dials,
          ...this.options.hello,
          ...hello,
        },
      },
    });
    await promise;
    this.stream = stream;
    this.beat();
  }

  /** One life sign, with timing's accounts where there are any. */
  beat(timing: MessageInitShape<typeof TimingProgressSchema>[] = [], cpuSec = 0): void {
    this.stream?.send({
      message: {
        case: "heartbeat",
        value: {
          usage: { cpuSec, loopUtilization: 0.1 },
          clock: { offsetNs: 0 },
          counters: this.counters,
          timing,
          nextMs: this.nextMs,
        },
      },
    });
  }

  /** Life signs every so often, until it is told otherwise. */
  beatEvery(ms: number): void {
    clearInterval(this.timer);
    this.timer = setInterval(() => this.beat(), ms);
  }

  quiet(): void {
    clearInterval(this.timer);
  }

  event(runId: string, event: EventInit, seq = ++this.eventSeq): MemberEvent {
    const value = create(MemberEventSchema, { runId, event, seq });
    this.stream?.send({ message: { case: "event", value } });
    return value;
  }

  send(message: MessageInitShape<typeof JoinRequestSchema>): void {
    this.stream?.send(message);
  }

  /** As a network that is cut. */
  cut(): void {
    const { stream } = this;
    this.stream = undefined;
    stream?.cancel();
  }

  leave(): void {
    this.quiet();
    this.stream?.end();
  }

  close(): void {
    this.quiet();
    this.cut();
    this.channel.close();
  }

  /** Commands of one kind, in order. */
  commandsOf(action: NonNullable<Command["action"]["case"]>): Command[] {
    return this.commands.filter((command) => command.action.case === action);
  }

  reply(commandId: bigint, reaction: Reaction): void {
    if (reaction === "silence") return;
    const value =
      typeof reaction === "object" && "error" in reaction
        ? { commandId, error: reaction.error, errorCode: reaction.errorCode ?? 13 }
        : { commandId, outcome: reaction ?? done };
    this.stream?.send({ message: { case: "result", value } });
  }

  private async answer(command: Command): Promise<void> {
    const reaction = await this.onCommand(command, this);
    const isUnanswered = typeof reaction === "object" && "case" in reaction && reaction.case === undefined;
    this.reply(command.commandId, isUnanswered && command.action.case === "askTarget" ? listsAll(command) : reaction);
  }
}

/** A target that lists the model `m`, and answers requests for any. */
function listsAll({ action }: Command): Reaction {
  const isGet = action.case === "askTarget" && action.value.question.case === "getPath";
  const value = {
    method: isGet ? "GET" : "POST",
    url: "http://fake/",
    status: 200,
    isModelList: isGet,
    models: isGet ? ["m"] : [],
  };
  return { case: "target", value };
}

/** What a whole run needs of others than its controller. */
export interface FakeMembers {
  readonly dataset: FakeMember;
  readonly timing: FakeMember;
  readonly processor: FakeMember;
  readonly records: FakeMember;
  readonly workers: readonly FakeMember[];
  readonly all: readonly FakeMember[];
  close(): void;
}

/** The members of a run, each doing its part at once: `timing` plays every phase as soon as it is started. */
export async function joinRunMembers(address: string, workers = 1): Promise<FakeMembers> {
  const join = (services: ServiceKind[], onCommand: FakeMemberOptions["onCommand"], hello: HelloInit = {}) =>
    FakeMember.join({ address, services, hello, ...(onCommand === undefined ? {} : { onCommand }) });
  const dataset = await join([ServiceKind.DATASET], prepareDataset);
  const timing = await join([ServiceKind.TIMING], playPhases);
  const processor = await join([ServiceKind.RECORD_PROCESSOR], undefined);
  const records = await join([ServiceKind.RECORDS_MANAGER], closePhases);
  const hired: FakeMember[] = [];
  for (let index = 0; index < workers; index++) {
    hired.push(await join([ServiceKind.WORKER], undefined, { memberId: `worker-${index}` }));
  }
  const all = [dataset, timing, processor, records, ...hired];
  return {
    dataset,
    timing,
    processor,
    records,
    workers: hired,
    all,
    close: () => {
      for (const member of all) member.close();
    },
  };
}

export function prepareDataset({ action }: Command): Reaction {
  if (action.case !== "configure") return done;
  return { case: "dataset", value: { datasetId: "d-1", conversations: 10n, turnsEach: 1 } };
}

/** Ten credits a phase, all of them sent. */
export function playPhases({ runId, action }: Command, member: FakeMember): Reaction {
  if (action.case === "startPhase") {
    startPhase(member, runId, action.value.phase);
    endPhase(member, runId, action.value.phase);
  }
  return done;
}

export function startPhase(member: FakeMember, runId: string, phase: number): void {
  member.event(runId, { case: "phaseStarted", value: { phase, startNs: monotonicNs() } });
}

export function endPhase(member: FakeMember, runId: string, phase: number): void {
  member.event(runId, { case: "sendingComplete", value: { phase, atNs: monotonicNs() } });
  member.event(runId, {
    case: "returningComplete",
    value: { atNs: monotonicNs(), account: { phase, drawn: [{ first: BigInt(phase * 10 + 1), last: BigInt(phase * 10 + 10) }] } },
  });
}

/** Every request answered. */
export function closePhases({ action }: Command): Reaction {
  if (action.case !== "closePhase") return done;
  return { case: "identity", value: { drawn: 10n, succeeded: 10n } };
}
