/** A worker that speaks the Credits stream and sends nothing: every credit comes back as used, at once or when the test says so. */
import { randomBytes } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Credit, ReturnKind } from "../../../gen/assay/timing/v1/timing_pb.js";
import type {
  CreditHelloSchema,
  CreditsRequestSchema,
  CreditsResponse,
  Slots,
  TimingService,
} from "../../../gen/assay/timing/v1/timing_service_pb.js";
import type { AssayError } from "../../../services/common/errors.ts";
import type { Client } from "../../../services/common/rpc/client.ts";
import { protocolVersion } from "../../../services/common/version.ts";

type Request = NonNullable<MessageInitShape<typeof CreditsRequestSchema>["message"]>;
type HelloInit = Exclude<MessageInitShape<typeof CreditHelloSchema>, { $typeName: string }>;

export class FakeWorker {
  readonly credits: Credit[] = [];
  readonly slots: Slots[] = [];
  readonly messages: NonNullable<CreditsResponse["message"]["case"]>[] = [];
  readonly closed: Promise<AssayError | undefined>;
  /** Credits that are kept until `giveBack`; others come back at once. */
  holds = false;
  /** Most credits that were out at once. */
  mostHeld = 0;
  private readonly held = new Map<bigint, Credit>();
  private readonly stream;
  private readonly renewal: NodeJS.Timeout;
  private seq = 0n;
  private handled = 0n;
  private renewals = 1n;

  constructor(client: Client<typeof TimingService>, runId: string, workerId: string, hello: HelloInit = {}) {
    const closed = Promise.withResolvers<AssayError | undefined>();
    this.closed = closed.promise;
    this.stream = client.credits();
    this.stream.onMessage((response) => this.receive(response));
    this.stream.onClose((error) => {
      clearInterval(this.renewal);
      closed.resolve(error);
    });
    this.renewal = setInterval(() => this.say({ case: "renew", value: { n: ++this.renewals, unsent: 0n } }, false), 400);
    this.say(
      {
        case: "hello",
        value: {
          protocolVersion,
          runId,
          workerId,
          incarnation: randomBytes(8).readBigUInt64LE() | 1n,
          dial: 1,
          renew: this.renewals,
          ...hello,
        },
      },
      false,
    );
  }

  /** Returns what is held, as used or unused. */
  giveBack(kind = ReturnKind.SENT): void {
    const returns = [...this.held.keys()].map((creditId) => ({ creditId, kind }));
    this.held.clear();
    if (returns.length > 0) this.say({ case: "returned", value: { returns } });
  }

  get heldCount(): number {
    return this.held.size;
  }

  close(): void {
    clearInterval(this.renewal);
    this.stream.cancel();
  }

  private receive({ seq, message }: CreditsResponse): void {
    if (seq > 0n) this.handled = seq;
    if (message.case !== undefined) this.messages.push(message.case);
    switch (message.case) {
      case "issue":
        for (const credit of message.value.credits) this.held.set(credit.creditId, credit);
        this.credits.push(...message.value.credits);
        this.mostHeld = Math.max(this.mostHeld, this.held.size);
        if (!this.holds) this.giveBack();
        return;
      case "slots":
        this.slots.push(message.value);
        this.say({ case: "slotsAck", value: { epoch: message.value.epoch } });
        return;
      case "recall":
        this.say({ case: "recallDone", value: { recallId: message.value.recallId, count: 0n } });
        return;
      case "cancel":
        this.giveBack();
        return;
      default:
    }
  }

  /** One message of the worker; sequenced unless it is a life sign. */
  say(message: Request, isSequenced = true): void {
    if (isSequenced) this.seq++;
    this.stream.send({ seq: isSequenced ? this.seq : 0n, ack: this.handled, message });
  }
}
