/** One request in flight: what its transport reports of it, until its sender closes the books. */
import type { ChatMessage } from "../../endpoints/endpoint.ts";
import type { RequestError } from "../../endpoints/outcome.ts";
import { requestError } from "../../endpoints/target-error.ts";
import { type MonotonicNs, monotonicNs } from "../common/clock.ts";
import type { Credit } from "../common/credits.ts";
import type { RequestBody } from "./bodies.ts";
import type { UuidSeries } from "./core/uuid-series.ts";
import type { Followed } from "./follow-ups.ts";
import type { Said } from "./fork-points.ts";
import { PlannedCancel } from "./planned-cancel.ts";
import type { Slab } from "./slab.ts";
import type { AnswerHead, ConnectionEnds, ConnectionFacts, Exchange, OpeningSteps } from "./transport/transport.ts";

/** Limits, in ns; Infinity: none. */
export interface Timeouts {
  readonly requestNs: number;
  readonly firstByteNs: number;
  readonly idleNs: number;
}

/** What a turn leaves to those that build on it. */
export interface Legacy {
  /** Its own messages. */
  readonly messages: readonly ChatMessage[];
  /** The target's answer, too: without a good one the session is over. False: the dataset has the answer itself. */
  readonly hasAnswer: boolean;
}

/** What a session has said and heard so far. */
export interface Session extends Said {
  readonly correlationId: string;
  history: ChatMessage[];
  historyTokens: number;
}

/** What a request asks of its sender, and tells it. */
export interface RequestOwner {
  /** Of requests. */
  readonly ids: UuidSeries;
  /** Records have the body of their request and the headers of its answer. */
  readonly isRaw: boolean;
  /** Records name the ends of their connections. */
  readonly isTraced: boolean;
  /** A new request has to look for its first content. */
  readonly isContentWanted: boolean;
  sessionOf(credit: Credit): Session;
  mayWrite(creditId: number): boolean;
  /** Looks for content in what has come of the answer; true: there is no need to look again. */
  seekContent(request: Request): boolean;
  /** The answer is whole. */
  answered(request: Request, atNs: MonotonicNs): void;
  /** The request is over; nothing more can become of it. */
  finish(request: Request, atNs: MonotonicNs, error: RequestError | undefined): void;
}

/** Cookies are credentials that the target gave. */
function withoutCookies(name: string, value: unknown): unknown {
  return name === "set-cookie" ? "***" : value;
}

/** Of an answer: a target that goes on and on is not to fill the memory of its worker. */
export const mostAnswerBytes = 128 << 20;
const lineEnd = Buffer.from("\n");
const noEnds: ConnectionEnds = { local: "", remote: "" };

/** What the transport reports lands here. */
export class Request implements Followed {
  readonly requestId: string;
  readonly session: Session;
  readonly issuedNs: number;
  exchange: Exchange | undefined;
  /** Only of a request that is given up on purpose. */
  plannedCancel: PlannedCancel | undefined;
  /** 0: not yet. */
  sentNs = 0;
  writtenNs = 0;
  firstByteNs = 0;
  status = 0;
  contentType = "";
  /** Only where records have them. */
  responseHeaders: string | undefined;
  /** Of bodies that are not the answer's: those of a job that went on, and what was downloaded. */
  passedBytes = 0;
  isReused = false;
  connectNs: number | undefined;
  steps: OpeningSteps | undefined;
  ends: ConnectionEnds = noEnds;
  /** When it would have been written, had its connection been open. */
  readonly startNs: MonotonicNs = monotonicNs();
  private lastNs: MonotonicNs = this.startNs;
  readonly credit: Credit;
  readonly receivedNs: MonotonicNs;
  readonly body: RequestBody;
  readonly legacy: Legacy | undefined;
  readonly slab: Slab;
  private readonly sender: RequestOwner;
  private isContentAwaited: boolean;

  constructor(sender: RequestOwner, credit: Credit, body: RequestBody, legacy: Legacy | undefined, slab: Slab) {
    this.sender = sender;
    this.credit = credit;
    this.receivedNs = credit.receivedNs ?? this.startNs;
    this.body = body;
    this.legacy = legacy;
    this.slab = slab;
    this.requestId = sender.ids.next();
    this.session = sender.sessionOf(credit);
    this.issuedNs = credit.issuedNs ?? 0;
    this.isContentAwaited = sender.isContentWanted;
  }

  mayWrite(): boolean {
    return this.sender.mayWrite(this.credit.id);
  }

  /** What of the time before it was sent went into no connection of its own. */
  get blockedNs(): number | undefined {
    return this.sentNs === 0 ? undefined : Math.max(0, this.sentNs - this.startNs - (this.connectNs ?? 0));
  }

  onSent(atNs: MonotonicNs, connection: ConnectionFacts): void {
    this.sentNs = atNs;
    this.lastNs = atNs;
    this.isReused = connection.isReused;
    this.connectNs = connection.connectNs;
    this.steps = connection.steps;
    if (this.sender.isTraced) this.ends = connection.opened.ends;
    if (this.credit.cancelAfterNs !== undefined) this.planCancel(this.credit.cancelAfterNs);
  }

  onWritten(atNs: MonotonicNs): void {
    this.writtenNs = atNs;
  }

  onHead(atNs: MonotonicNs, status: number, contentType: string, head?: AnswerHead): void {
    this.firstByteNs = atNs;
    this.lastNs = atNs;
    this.status = status;
    this.contentType = contentType;
    if (head !== undefined && this.sender.isRaw) this.responseHeaders = JSON.stringify(head.headers(), withoutCookies);
  }

  onBody(atNs: MonotonicNs, bytes: Buffer, start = 0, end = bytes.length): void {
    this.slab.add(bytes, start, end, atNs - this.sentNs);
    this.lastNs = atNs;
    if (this.slab.receivedBytes > mostAnswerBytes) {
      this.giveUpLong();
      return;
    }
    if (this.isContentAwaited) this.isContentAwaited = !this.sender.seekContent(this);
  }

  onEnd(atNs: MonotonicNs): void {
    this.sender.answered(this, atNs);
  }

  beginAgain(atNs: MonotonicNs, status: number, contentType: string): void {
    this.passedBytes += this.slab.receivedBytes;
    this.slab.reset();
    this.lastNs = atNs;
    this.status = status;
    this.contentType = contentType;
  }

  heard(atNs: MonotonicNs, bytes: number): void {
    this.lastNs = atNs;
    this.passedBytes += bytes;
  }

  downloaded(atNs: MonotonicNs): void {
    // A line end behind the JSON of the answer has the moment at which all is there.
    this.slab.add(lineEnd, 0, lineEnd.length, atNs - this.sentNs);
    this.passedBytes -= lineEnd.length;
    this.sender.finish(this, atNs, undefined);
  }

  onFailure(atNs: MonotonicNs, error: RequestError): void {
    this.sender.finish(this, atNs, error);
  }

  /** Its record has none of the answer: whoever reads that would need several times as much memory. */
  private giveUpLong(): void {
    this.passedBytes += this.slab.receivedBytes;
    this.slab.reset();
    this.exchange?.abort(requestError("parse", "parse", `answer is longer than ${mostAnswerBytes / 2 ** 20} MiB`));
  }

  private planCancel(delayNs: number): void {
    this.plannedCancel = new PlannedCancel({
      delayNs,
      sentNs: this.sentNs,
      isWritten: () => this.exchange?.isWritten === true,
      cancel: () => {
        const phase = this.firstByteNs === 0 ? "wait" : "stream";
        const message = `cancelled on purpose ${(delayNs / 1e9).toFixed(3)} s after it was written`;
        this.exchange?.abort(requestError("cancelled", phase, message));
      },
    });
  }

  /** The error of a request that is over a limit now. */
  timeout(nowNs: MonotonicNs, limits: Timeouts): RequestError | undefined {
    const phase = this.sentNs === 0 ? "connect" : this.firstByteNs === 0 ? "wait" : "stream";
    const over = (limitNs: number): string => `after ${(limitNs / 1e9).toFixed(3)} s`;
    if (nowNs - this.startNs > limits.requestNs)
      return requestError("request_timeout", phase, `not complete ${over(limits.requestNs)}`);
    if (phase === "wait" && nowNs - this.sentNs > limits.firstByteNs) {
      return requestError("first_byte_timeout", phase, `no byte of an answer ${over(limits.firstByteNs)}`);
    }
    if (phase === "stream" && nowNs - this.lastNs > limits.idleNs) {
      return requestError("idle_timeout", phase, `no byte of the answer ${over(limits.idleNs)}`);
    }
    return undefined;
  }
}
