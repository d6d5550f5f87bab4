/** The worker's own path to a server, without a run: what the floor is measured with. */
import { create } from "@bufbuild/protobuf";
import { requestError } from "../../../endpoints/target-error.ts";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { type Turn, TurnSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { monotonicNs } from "../../common/clock.ts";
import { AssayError } from "../../common/errors.ts";
import type { RawRecord } from "../../common/raw-record.ts";
import type { RequestBody } from "../bodies.ts";
import { createPath, type RequestPath } from "../request-path.ts";
import { Sender } from "../sender.ts";

const localClock = { now: monotonicNs, toSuite: (ns: number) => ns, toLocal: (ns: number) => ns, offset: () => undefined };
const requestTimeoutSec = 10;
const timeoutCheckMs = 25;

export interface FloorPathOptions {
  readonly url: string;
  readonly isStreaming: boolean;
  /** Tokens of every answer. */
  readonly outputTokens: number;
  /** Valid during the call only. */
  readonly onRecord: (record: RawRecord) => void;
  /** A request is over; another one may be sent. */
  readonly onEnded?: () => void;
}

export class FloorPath {
  readonly #path: RequestPath;
  readonly #sender: Sender;
  readonly #body: RequestBody;
  readonly #timer: NodeJS.Timeout;
  #failure: AssayError | undefined;
  #lastId = 0;

  static async create(options: FloorPathOptions): Promise<FloorPath> {
    const { url, isStreaming } = options;
    const spec = create(RunSpecSchema, {
      models: ["mock-model"],
      target: { urls: [{ url }], requestTimeoutSec },
      endpoint: { type: "chat", streaming: isStreaming },
    });
    return new FloorPath(await createPath(spec), options);
  }

  private constructor(path: RequestPath, { outputTokens, onRecord, onEnded = () => {} }: FloorPathOptions) {
    this.#path = path;
    this.#sender = new Sender({
      ...this.#path.sender,
      transport: this.#path.transport,
      workerId: "doctor",
      clock: localClock,
      wallOffsetNs: 0,
      onRecord: (record) => {
        if (record.error === undefined && record.status === 200) onRecord(record);
        else this.#failure ??= new AssayError("unavailable", `the built-in server: ${record.error?.message ?? record.status}`);
      },
      onEnded,
    });
    const made = this.#path.bodies.tryMake(turnOf(outputTokens), [], undefined);
    if ("error" in made) throw new AssayError("internal", made.error.message);
    this.#body = made.body;
    this.#timer = setInterval(() => this.#sender.checkTimeouts(monotonicNs()), timeoutCheckMs);
  }

  /** Of the first request that failed. */
  get failure(): AssayError | undefined {
    return this.#failure;
  }

  get inFlight(): number {
    return this.#sender.inFlight;
  }

  open(connections: number, signal: AbortSignal): Promise<void> {
    return this.#path.transport.open(0, connections, signal);
  }

  /** Sends now; `dueNs` goes into the record. */
  send(dueNs = 0): void {
    const id = ++this.#lastId;
    const credit = { ...anyCredit, id, sessionId: id, index: id, dueNs };
    this.#sender.send(credit, this.#body, undefined);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#sender.cancelAll(requestError("cancelled", "wait", "measured"));
    await this.#path.transport.close();
  }
}

const anyCredit = { phase: 0, conversation: 0, turn: 0, turns: 1, countsTowardTarget: false, targetIndex: 0 };

function turnOf(maxOutputTokens: number): Turn {
  const content = "How good can this get? ".repeat(12);
  return create(TurnSchema, { messages: [{ role: "user", content }], maxOutputTokens, inputTokens: 72 });
}
