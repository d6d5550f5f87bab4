import type { Credit, RecallScope } from "../../common/credits.ts";
import type { Holder } from "./ledger.ts";
import type { PlaceHolder } from "./phase.ts";
import { PlaceQueue } from "./place-queue.ts";
import { WaitingSessions } from "./sessions.ts";
import { type SlotShare, WorkerSlots } from "./slots.ts";
import { Standby } from "./standby.ts";
import { MetTargets } from "./targets.ts";
import type { WorkerLink } from "./worker-link.ts";

/** One worker incarnation that is not lost, and everything that timing knows of it. */
export class Member implements SlotShare {
  readonly link: WorkerLink;
  readonly maxConnections: number;
  readonly slots = new WorkerSlots();
  readonly holder: Holder = { issued: new Map(), settledCount: 0 };
  readonly waiting = new WaitingSessions();
  /** Turns of a timetable that are ready and find no place here. */
  readonly queue = new PlaceQueue();
  readonly standby = new Standby();
  readonly metTargets = new MetTargets();
  /** Issued in this turn, to be sent as one message. */
  readonly toSend: Credit[] = [];
  /** As of the current turn; see `WorkerLink.isReachable`. */
  isReachable = false;
  /** Declared lost: nothing is played on it any more. */
  isLost = false;
  /** How many issued credits lead to further turns. */
  continuing = 0;
  /** The recall that has not been answered. */
  recall: { readonly id: number; readonly count: number } | undefined;
  /** To be called back once the open recall is answered. */
  wantedRecall: RecallScope | undefined;
  /** `settledCount` when a recall last found nothing; until more comes back another one would find nothing either. */
  barrenAt = -1;

  /** `maxConnections`: that it can hold at once; Infinity: not known. */
  constructor(link: WorkerLink, maxConnections = Number.POSITIVE_INFINITY) {
    this.link = link;
    this.maxConnections = maxConnections;
  }

  get limit(): number {
    return this.slots.limit;
  }

  get issued(): number {
    return this.holder.issued.size;
  }

  /**
   * Places in use: credits that are out and, where sessions hold places, sessions between two turns. One that sends nothing holds a
   * request's place while it waits, so that it is not taken for none at all.
   */
  occupancy(by: PlaceHolder): number {
    const waiting = by === "request" ? this.waiting.silentCount : this.waiting.count;
    return this.holder.issued.size + waiting;
  }

  get openSessions(): number {
    return this.continuing + this.waiting.count;
  }

  get isRecallable(): boolean {
    return this.isReachable && this.recall === undefined && this.barrenAt !== this.holder.settledCount;
  }
}
