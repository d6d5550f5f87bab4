/** A transport whose answers are given by the test, by hand. */
import type { RequestError } from "../../../endpoints/outcome.ts";
import { monotonicNs } from "../../../services/common/clock.ts";
import type { Credit } from "../../../services/common/credits.ts";
import type { Exchange, ResponseHandler, Transport, WireRequest } from "../../../services/worker/transport/transport.ts";

export interface SentRequest {
  readonly request: WireRequest;
  readonly handler: ResponseHandler;
  /** Set once the worker has aborted it. */
  aborted: RequestError | undefined;
  /** Whether every byte of it has left; true unless a test says otherwise. */
  isWritten: boolean;
  /** Hands it to a connection `waitNs` after it was made. */
  write(waitNs?: number): number;
  /** A whole answer, one read. */
  answer(body: string, status?: number, contentType?: string): void;
}

export class FakeTransport implements Transport {
  readonly sent: SentRequest[] = [];
  readonly endedSessions: string[] = [];

  send(request: WireRequest, handler: ResponseHandler): Exchange {
    const madeNs = monotonicNs();
    const one: SentRequest = {
      request,
      handler,
      aborted: undefined,
      isWritten: true,
      write(waitNs = 0) {
        handler.onSent(madeNs + waitNs, {
          isReused: false,
          connectNs: waitNs,
          steps: { dnsNs: undefined, tcpNs: waitNs, tlsNs: undefined },
          opened: { ends: { local: "10.0.0.1:40000", remote: "10.0.0.2:80" } },
        });
        return madeNs + waitNs;
      },
      answer(body, status = 200, contentType = "application/json") {
        const sentNs = this.write();
        handler.onWritten(sentNs + 500);
        handler.onHead(sentNs + 1000, status, contentType);
        handler.onBody(sentNs + 2000, Buffer.from(body));
        handler.onEnd(sentNs + 3000);
      },
    };
    this.sent.push(one);
    return {
      get isWritten() {
        return one.isWritten;
      },
      abort(error) {
        if (one.aborted !== undefined) return;
        one.aborted = error;
        handler.onFailure(monotonicNs(), error);
      },
    };
  }

  /** The latest request. */
  get last(): SentRequest {
    const last = this.sent.at(-1);
    if (last === undefined) throw new Error("nothing was sent");
    return last;
  }

  async open(): Promise<void> {}

  endSession(session: string): void {
    this.endedSessions.push(session);
  }

  spareConnections(): number {
    return 0;
  }

  stats() {
    return { connections: 0, opened: 0, replaced: 0 };
  }

  async close(): Promise<void> {}
}

export function creditOf(changes: Partial<Credit> = {}): Credit {
  return {
    id: 1,
    phase: 0,
    conversation: 0,
    turn: 0,
    turns: 1,
    sessionId: 0,
    countsTowardTarget: true,
    dueNs: 0,
    targetIndex: 0,
    index: 0,
    ...changes,
  };
}

/** A non-streamed chat answer. */
export function chatAnswer(content: string): string {
  const message = { role: "assistant", content };
  return JSON.stringify({ choices: [{ index: 0, message, finish_reason: "stop" }] });
}
