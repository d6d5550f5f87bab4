/**
 * The hot path: one credit and its turn become one request, its answer becomes one raw record. It waits, sends, stamps and
 * copies, and interprets nothing, except where a later turn needs the answer's text.
 */
import { randomBytes } from "node:crypto";
import type { ChatMessage, Endpoint } from "../../endpoints/endpoint.ts";
import type { RequestError } from "../../endpoints/outcome.ts";
import { pathOfModel } from "../../endpoints/target-url.ts";
import { decodeReads, wholeUs } from "../common/chunk-stamps.ts";
import { type MonotonicNs, monotonicNs } from "../common/clock.ts";
import type { Credit } from "../common/credits.ts";
import type { SuiteClock } from "../common/member/suite-clock.ts";
import type { RawRecord } from "../common/raw-record.ts";
import { requestIdHeader } from "../common/request-headers.ts";
import { replyOf } from "../common/session-history.ts";
import type { RequestBody } from "./bodies.ts";
import type { RequestEnd } from "./core/credit-worker.ts";
import { targetMissOf } from "./core/target-miss.ts";
import { UuidSeries } from "./core/uuid-series.ts";
import { afterWait, followUpHandler } from "./follow-ups.ts";
import { ForkPoints, type Said } from "./fork-points.ts";
import { type Legacy, Request, type RequestOwner, type Session, type Timeouts } from "./open-request.ts";
import { SlabPool } from "./slab.ts";
import type { Transport, WireRequest } from "./transport/transport.ts";

export interface SenderOptions {
  readonly transport: Transport;
  readonly endpoint: Endpoint;
  /** By target; `{model}` in them becomes the model of each request. */
  readonly paths: readonly string[];
  /** Of requests that are never made. */
  readonly isStreaming: boolean;
  /** Headers of every request: name, value, name, value. */
  readonly headers: readonly string[];
  /** Name of the header that carries the session's id. */
  readonly sessionHeader: string;
  /** Each session has connections of its own, closed after its last turn. */
  readonly hasOwnConnections: boolean;
  readonly timeouts: Timeouts;
  /** Records name the ends of their connections. Default: false. */
  readonly isTraced?: boolean;
  /** Records have the body of their request and the headers of its answer. Default: false. */
  readonly isRaw?: boolean;
  readonly workerId: string;
  readonly clock: SuiteClock;
  /** Wall time minus suite time, for labels. */
  readonly wallOffsetNs: number;
  /** The record's stamps and payload are valid during the call only. */
  onRecord(record: RawRecord): void;
  /** The request is over, whatever came of it. */
  onEnded(creditId: number, end: RequestEnd): void;
  /** Asked right before a request is written, which may be long after `send`: its connection had to be opened. Absent: always. */
  mayWrite?(creditId: number): boolean;
  /** The id of a session that others build on or that builds on others, which these can tell, too. Absent: any id. */
  readonly correlationIdOf?: ((phase: number, session: number) => string) | undefined;
  /**
   * Does the work, now or a little later, in order. Books of answers that came to their end are closed by it: where thousands end together, the
   * chunks of others would lie unread meanwhile. Absent: at once.
   */
  readonly whenThereIsTime?: (work: () => void) => void;
  /** For whoever wants to know when the first content of an answer has come. Absent: nobody does. */
  readonly firstContent?: {
    /** Asked once for each request, when it is made. */
    isWanted(): boolean;
    found(creditId: number): void;
  };
}

/** Nothing is looked for behind so many bytes without content: what has begun like that frees its place when it ends. */
const soughtBytes = 64 * 1024;

const nothing: readonly string[] = [];
const nothingSaid: Said = { history: [], historyTokens: 0 };

export class Sender implements RequestOwner {
  private readonly options: SenderOptions;
  private readonly slabs = new SlabPool();
  private readonly open = new Map<number, Request>();
  /** Of requests, and of sessions that have no id of their own. */
  readonly ids = new UuidSeries(randomBytes(8).toString("hex"));
  private readonly sessions = new Map<string, Session>();
  private readonly forkPoints = new ForkPoints();
  private sent = 0;
  /** The latest that a credit was fired of. */
  private phase = 0;

  /** Whether requests say their own id and that of their session: what a user gives takes the place of either. */
  private readonly says: { readonly request: boolean; readonly session: boolean };

  constructor(options: SenderOptions) {
    this.options = options;
    const { headers, sessionHeader } = options;
    this.says = { request: !isNamed(headers, requestIdHeader), session: !isNamed(headers, sessionHeader) };
  }

  get inFlight(): number {
    return this.open.size;
  }

  /** Requests sent since the start. */
  get total(): number {
    return this.sent;
  }

  /** Messages of the session before a turn. */
  historyOf(credit: Credit): readonly ChatMessage[] {
    return this.saidBefore(credit)?.history ?? [];
  }

  /** Tokens of the history as the dataset counted them; the answers are not among them. */
  historyTokensOf(credit: Credit): number {
    return this.saidBefore(credit)?.historyTokens ?? 0;
  }

  /** Whether there is what the session of a first turn is to begin with. */
  hasForkPoint(credit: Credit): boolean {
    return credit.forkedAt === undefined || this.forkPoints.find(credit) !== undefined;
  }

  private saidBefore(credit: Credit): Said | undefined {
    return credit.forkedAt === undefined ? this.sessions.get(sessionKey(credit)) : this.forkPoints.find(credit);
  }

  /** The session begins anew. */
  forget(credit: Credit): void {
    const session = this.sessions.get(sessionKey(credit));
    if (session === undefined) return;
    session.history = [];
    session.historyTokens = 0;
  }

  /**
   * A credit of this phase is fired. No session of an earlier one goes on: those that were cut off between two turns keep neither history
   * nor connection. @param pending fired before and not sent yet
   */
  enterPhase(phase: number, pending: ReadonlyMap<number, Credit>): void {
    if (phase <= this.phase) return;
    this.phase = phase;
    const inFlight = [...this.open.values()].map(({ credit }) => credit);
    const busy = new Set([...pending.values(), ...inFlight].map(sessionKey));
    for (const key of [...this.sessions.keys()]) if (!busy.has(key)) this.endSession(key);
  }

  /** Sends now. @param legacy undefined: no later turn builds on this one, and the session goes on whatever comes of it */
  send(credit: Credit, body: RequestBody, legacy: Legacy | undefined): void {
    const request = new Request(this, credit, body, legacy, this.slabs.take());
    this.open.set(credit.id, request);
    this.sent++;
    request.exchange = this.options.transport.send(this.wireRequest(request), request);
  }

  private wireRequest({ credit, body, requestId, session }: Request): WireRequest {
    const { paths, headers, sessionHeader, hasOwnConnections } = this.options;
    return {
      target: credit.targetIndex,
      path: pathOfModel(paths[credit.targetIndex] ?? "", body.model),
      headers: body.headers === undefined ? headers : headersUnder(headers, body.headers),
      ownHeaders: [
        ...(this.says.request && !isNamed(body.headers, requestIdHeader) ? [requestIdHeader, requestId] : nothing),
        ...(this.says.session && !isNamed(body.headers, sessionHeader) ? [sessionHeader, session.correlationId] : nothing),
        ...(body.headers ?? nothing),
      ],
      body: body.body,
      session: hasOwnConnections ? sessionKey(credit) : undefined,
    };
  }

  /** An answer is whole: the request is over, unless the endpoint has something more to ask for it. */
  answered(request: Request, atNs: MonotonicNs): void {
    const { status, contentType, slab } = request;
    const isGood = status >= 200 && status < 300;
    const step = isGood ? this.options.endpoint.next?.({ status, contentType, payload: slab.payload }) : undefined;
    if (step === undefined) {
      this.finish(request, atNs, undefined);
      return;
    }
    request.exchange = afterWait(step, request, () => {
      const first = this.wireRequest(request);
      const [path = "", query] = first.path.split("?", 2);
      const whole = `${path}${step.below}${query === undefined ? "" : `?${query}`}`;
      const get = { ...first, method: "GET" as const, path: whole, headers: withoutBody(first.headers), body: noBody };
      request.exchange = this.options.transport.send(get, followUpHandler(step, request));
    });
  }

  /** The request cannot be made, or may not any more: used all the same, with a record that says why. */
  failUnsent(credit: Credit, error: RequestError, rowGroup = ""): void {
    const body: RequestBody = {
      body: Buffer.alloc(0),
      model: "",
      inputTokens: undefined,
      inputText: undefined,
      requestedOutputTokens: undefined,
      isStreaming: this.options.isStreaming,
      rowGroup,
    };
    const request = new Request(this, credit, body, { messages: [], hasAnswer: true }, this.slabs.take());
    this.open.set(credit.id, request);
    request.onFailure(monotonicNs(), error);
  }

  cancel(creditIds: Iterable<number>, error: RequestError): void {
    for (const id of [...creditIds]) this.open.get(id)?.exchange?.abort(error);
  }

  cancelAll(error: RequestError): void {
    this.cancel([...this.open.keys()], error);
  }

  /** Ends requests that are over a limit. Called every few tens of milliseconds. */
  checkTimeouts(nowNs: MonotonicNs): void {
    for (const request of this.open.values()) {
      const error = request.timeout(nowNs, this.options.timeouts);
      if (error !== undefined) request.exchange?.abort(error);
    }
  }

  sessionOf(credit: Credit): Session {
    const known = credit.turns === 1 ? undefined : this.sessions.get(sessionKey(credit));
    if (known !== undefined) return known;
    const { history, historyTokens } = this.takeForkPoint(credit);
    const correlationId = this.options.correlationIdOf?.(credit.phase, credit.sessionId) ?? this.ids.next();
    const made: Session = { correlationId, history: [...history], historyTokens };
    if (credit.turns > 1) this.sessions.set(sessionKey(credit), made);
    return made;
  }

  /** What a session begins with; nothing where it is no fork. */
  private takeForkPoint(credit: Credit): Said {
    const said = credit.forkedAt === undefined ? undefined : this.forkPoints.find(credit);
    if (said === undefined) return nothingSaid;
    this.forkPoints.begun(credit);
    return said;
  }

  get clock(): SuiteClock {
    return this.options.clock;
  }

  get isRaw(): boolean {
    return this.options.isRaw ?? false;
  }

  get isTraced(): boolean {
    return this.options.isTraced ?? false;
  }

  mayWrite(creditId: number): boolean {
    return this.options.mayWrite?.(creditId) ?? true;
  }

  /** Whether a request has to look for its first content. */
  get isContentWanted(): boolean {
    return this.options.firstContent?.isWanted() ?? false;
  }

  /** Looks for content in what has come of the answer; true: there is no need to look again. */
  seekContent({ credit, slab, status, contentType, body }: Request): boolean {
    const { endpoint, firstContent } = this.options;
    if (slab.receivedBytes > soughtBytes) return true;
    // The worker's own parser, so that it is the content from which the time to first token is made.
    const { contentNs } = endpoint.parse({
      status,
      contentType,
      payload: slab.payload,
      ...decodeReads(slab.reads),
      isStreaming: body.isStreaming,
    });
    if (contentNs.length === 0) return false;
    firstContent?.found(credit.id);
    return true;
  }

  /** A request is over; nothing more can become of it. */
  finish(request: Request, atNs: MonotonicNs, error: RequestError | undefined): void {
    if (!this.open.delete(request.credit.id)) return;
    request.plannedCancel?.close();
    const { whenThereIsTime } = this.options;
    if (error === undefined && whenThereIsTime !== undefined) whenThereIsTime(() => this.closeBooks(request, atNs, error));
    else this.closeBooks(request, atNs, error);
  }

  /** Record out, credit back, slab back. */
  private closeBooks(request: Request, atNs: MonotonicNs, error: RequestError | undefined): void {
    const { workerId, wallOffsetNs, clock, isRaw = false } = this.options;
    const { credit, slab, body } = request;
    const sentNs = request.sentNs === 0 ? request.startNs : request.sentNs;
    const isCancelled = error?.code === "cancelled";
    this.options.onRecord({
      creditId: credit.id,
      phase: credit.phase,
      conversation: credit.conversation,
      turn: credit.turn,
      sessionId: credit.sessionId,
      sessionNum: credit.index,
      parentSession: credit.parentSession,
      rootSession: credit.rootSession,
      agentDepth: credit.agentDepth ?? 0,
      requestId: request.requestId,
      correlationId: request.session.correlationId,
      workerId,
      targetIndex: credit.targetIndex,
      model: body.model,
      dueNs: credit.dueNs === 0 ? 0 : clock.toSuite(credit.dueNs),
      issuedNs: request.issuedNs,
      receivedNs: clock.toSuite(request.receivedNs),
      sentNs: clock.toSuite(sentNs),
      wallOffsetNs,
      firstByteNs: request.firstByteNs === 0 ? undefined : wholeUs(request.firstByteNs - sentNs),
      endNs: wholeUs(atNs - sentNs),
      connectNs: request.connectNs,
      blockedNs: request.blockedNs,
      dnsNs: request.steps?.dnsNs,
      tcpNs: request.steps?.tcpNs,
      tlsNs: request.steps?.tlsNs,
      writtenNs: request.writtenNs === 0 ? undefined : wholeUs(request.writtenNs - sentNs),
      localAddress: request.ends.local,
      remoteAddress: request.ends.remote,
      rowGroup: body.rowGroup ?? "",
      isConnectionReused: request.isReused,
      isStreaming: body.isStreaming,
      isCancelled,
      cancelledNs: isCancelled ? wholeUs(atNs - sentNs) : undefined,
      requestBytes: body.body.length,
      responseBytes: slab.receivedBytes + request.passedBytes,
      requestedOutputTokens: body.requestedOutputTokens,
      status: request.status,
      contentType: request.contentType,
      error,
      inputTokens: body.inputTokens,
      inputText: body.inputText,
      images: body.images,
      audioSeconds: body.audioSeconds,
      expectation: body.expectation,
      stamps: slab.reads,
      payload: isRaw ? Buffer.concat([body.body, slab.payload]) : slab.payload,
      hasRequestBody: isRaw,
      responseHeaders: request.responseHeaders,
    });
    const isGood = error === undefined && request.status >= 200 && request.status < 300;
    const goesOn = request.legacy === undefined || this.extendHistory(request, request.legacy, isGood);
    const { forks = 0 } = credit;
    const sessionOver = credit.turn + 1 < credit.turns || forks > 0 ? !goesOn : !isGood;
    if (forks > 0 && !sessionOver) this.forkPoints.keep(credit, request.session);
    const isLast = sessionOver || credit.turn + 1 >= credit.turns || credit.phase < this.phase;
    if (isLast && (credit.turns > 1 || this.options.hasOwnConnections)) this.endSession(sessionKey(credit));
    this.slabs.giveBack(slab);
    this.options.onEnded(credit.id, { sessionOver, miss: targetMissOf(error) });
  }

  private endSession(key: string): void {
    this.sessions.delete(key);
    if (this.options.hasOwnConnections) this.options.transport.endSession(key);
  }

  /** Whether later turns can build on what has come. */
  private extendHistory(request: Request, { messages, hasAnswer }: Legacy, isGood: boolean): boolean {
    const { session } = request;
    if (!hasAnswer) {
      session.history.push(...messages);
      session.historyTokens = request.body.inputTokens ?? 0;
      return true;
    }
    if (!isGood) return false;
    const { endpoint } = this.options;
    const { slab, status, contentType } = request;
    const { isStreaming } = request.body;
    const parsed = endpoint.parse({ status, contentType, payload: slab.payload, ...decodeReads(slab.reads), isStreaming });
    if (parsed.error !== undefined) return false;
    session.history.push(...messages, replyOf(parsed));
    session.historyTokens = request.body.inputTokens ?? 0;
    return true;
  }
}

/** Whether a header of this name is among these: name, value, name, value. */
function isNamed(headers: readonly string[] = nothing, name: string): boolean {
  const wanted = name.toLowerCase();
  return headers.some((given, index) => index % 2 === 0 && given.toLowerCase() === wanted);
}

/** Those of a request that has a body, for one that has none. */
function withoutBody(headers: readonly string[]): readonly string[] {
  return headersUnder(headers, ["content-type", ""]);
}

/** The run's headers but those that the turn has, too; both name, value, name, value. */
function headersUnder(headers: readonly string[], own: readonly string[]): readonly string[] {
  const names = new Set(own.filter((_, index) => index % 2 === 0));
  return headers.filter((_, index) => !names.has(headers[index - (index % 2)] ?? ""));
}

/** Sessions are counted by phase, and two phases may overlap. */
function sessionKey({ phase, sessionId }: Credit): string {
  return `${phase}/${sessionId}`;
}

const noBody = Buffer.alloc(0);
