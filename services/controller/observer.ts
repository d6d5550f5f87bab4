/**
 * What the controller sees of a run on its way into the run's file: events, usage of its members, timing's heartbeat, what servers say that they served. Kept
 * until the records-manager has committed it; usage counts only while a phase issues, from its second reading on, since the
 * first covers time before the phase.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import type { RunEvent } from "../../gen/assay/controller/v1/controller_pb.js";
import type {
  IngestSamplesRequestSchema,
  IngestSamplesResponse,
  SampleBatchSchema,
} from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { monotonicNs } from "../common/clock.ts";
import type { Logger } from "../common/logger.ts";
import type { MessageStream } from "../common/rpc/handler.ts";
import { protocolVersion } from "../common/version.ts";
import type { ServedModelInit } from "./core/served-models.ts";
import type { MemberEntry } from "./members.ts";

export type SamplesStream = MessageStream<IngestSamplesResponse, MessageInitShape<typeof IngestSamplesRequestSchema>>;
type Batch = Exclude<MessageInitShape<typeof SampleBatchSchema>, { $typeName: string }>;

export interface ObserverOptions {
  readonly runId: string;
  readonly log: Logger;
  /** Undefined: there is no records-manager at the moment. */
  dial(): SamplesStream | undefined;
}

const keptBatches = 1000;
const flushMs = 250;
const redialMs = 250;

export class Observer {
  private readonly options: ObserverOptions;
  private readonly hasReading = new Set<string>();
  /** Members that the file has, by what was last told of their clocks. */
  private readonly toldClocks = new Map<string, number | undefined>();
  private readonly waiting: { readonly seq: bigint; readonly batch: Batch }[] = [];
  private next = empty();
  private stream: SamplesStream | undefined;
  private isTaken = false;
  private seq = 0n;
  private timer: NodeJS.Timeout | undefined;
  private redial: NodeJS.Timeout | undefined;
  private isMeasuring = false;
  private isClosed = false;
  private waiters: (() => void)[] = [];

  constructor(options: ObserverOptions) {
    this.options = options;
  }

  /** The records-manager has the run's file. */
  start(): void {
    this.dial();
  }

  event(event: RunEvent): void {
    this.next.events.push(event);
    this.flushSoon();
  }

  served(models: readonly ServedModelInit[]): void {
    this.next.served.push(...models);
    this.flushSoon();
  }

  /** A phase issues, or none does. */
  measuring(isMeasuring: boolean): void {
    this.isMeasuring = isMeasuring;
    this.hasReading.clear();
  }

  /** A member takes part, or its clock is known anew. What the file has of it is not told again. */
  member({ member }: MemberEntry): void {
    const { memberId, clock } = member;
    if (this.toldClocks.has(memberId) && this.toldClocks.get(memberId) === clock?.offsetNs) return;
    this.toldClocks.set(memberId, clock?.offsetNs);
    const { usage: _usage, ...lasting } = member;
    this.next.members.push(lasting);
    this.flushSoon();
  }

  heartbeat(entry: MemberEntry): void {
    const { member, heartbeat } = entry;
    this.member(entry);
    if (!this.isMeasuring || heartbeat?.usage === undefined) return;
    if (heartbeat.timing.length > 0) this.next.timing = heartbeat.timing;
    const isFirst = !this.hasReading.has(member.memberId);
    this.hasReading.add(member.memberId);
    if (isFirst) return;
    this.next.usage.push({
      memberId: member.memberId,
      atNs: monotonicNs(),
      usage: heartbeat.usage,
      clockUncertaintyNs: heartbeat.clock?.uncertaintyNs ?? 0,
      isWorker: member.services.includes(ServiceKind.WORKER),
      counters: heartbeat.counters,
    });
    this.flushSoon();
  }

  /** Resolves when all that was observed so far is committed; false when the signal came first. */
  async drained(signal: AbortSignal): Promise<boolean> {
    this.flush();
    while (this.waiting.length > 0) {
      if (signal.aborted) return false;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.waiters.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
    }
    return true;
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    clearTimeout(this.redial);
    this.stream?.end();
  }

  private flushSoon(): void {
    this.timer ??= setTimeout(() => this.flush(), flushMs);
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { events, usage, timing, served, members } = this.next;
    if ([events, usage, timing, served, members].every(({ length }) => length === 0)) return;
    this.next = empty();
    const seq = ++this.seq;
    const batch: Batch = { seq, events, usage, timing, served, members };
    this.waiting.push({ seq, batch });
    if (this.waiting.length > keptBatches) {
      this.waiting.shift();
      this.options.log.warn("observations of the run are lost: the records-manager does not take them", {
        run_id: this.options.runId,
      });
    }
    if (this.isTaken) this.stream?.send({ message: { case: "batch", value: batch } });
  }

  private dial(): void {
    if (this.isClosed) return;
    const stream = this.options.dial();
    this.stream = stream;
    if (stream === undefined) {
      this.redialSoon();
      return;
    }
    stream.send({ message: { case: "hello", value: { protocolVersion, runId: this.options.runId, memberId: "controller" } } });
    stream.onMessage(({ ackedSeq }) => {
      if (ackedSeq === 0n) {
        this.isTaken = true;
        for (const { batch } of this.waiting) stream.send({ message: { case: "batch", value: batch } });
        return;
      }
      while (this.waiting[0] !== undefined && this.waiting[0].seq <= ackedSeq) this.waiting.shift();
      for (const wake of this.waiters.splice(0)) wake();
    });
    stream.onClose(() => {
      if (this.stream !== stream) return;
      this.stream = undefined;
      this.isTaken = false;
      this.redialSoon();
    });
  }

  private redialSoon(): void {
    if (!this.isClosed) this.redial = setTimeout(() => this.dial(), redialMs);
  }
}

interface Next {
  readonly events: RunEvent[];
  readonly usage: NonNullable<Batch["usage"]>;
  timing: NonNullable<Batch["timing"]>;
  readonly served: ServedModelInit[];
  readonly members: NonNullable<Batch["members"]>;
}

function empty(): Next {
  return { events: [], usage: [], timing: [], served: [], members: [] };
}
