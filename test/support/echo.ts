/** The echo service of the tests: tells what its handlers saw, and lets a test hold and watch its streams. */

import { AssayError } from "../../services/common/errors.ts";
import { type CallContext, type Implementation, implement, type NeededRole } from "../../services/common/rpc/handler.ts";
import { EchoService } from "./gen/assay/testing/v1/echo_service_pb.js";

/** What the handlers do and what they have done. */
export interface EchoProbe {
  /** Thrown by `Echo` instead of an answer. */
  failure?: unknown;
  /** Awaited by `Echo` before it answers. */
  gate?: Promise<void>;
  /** Awaited by `Collect` before each message it reads. */
  collectGate?: Promise<void>;
  /** Called with the context of every call. */
  onCall?: (context: CallContext) => void;
  /** Called when the generator of `Repeat` ends, however it ends. */
  onRepeatEnd?: () => void;
  repeated: number;
  collected: number;
}

export function createEchoProbe(): EchoProbe {
  return { repeated: 0, collected: 0 };
}

/** Identity in one word: `anonymous`, `token`, `certificate:<name>`. */
function identityText({ peer }: CallContext): string {
  return peer.identity.kind === "certificate" ? `certificate:${peer.identity.name}` : peer.identity.kind;
}

export function createEcho(probe: EchoProbe, role: NeededRole = "viewer"): Implementation {
  return implement(EchoService, {
    role,
    handlers: {
      async echo({ text, number }, context) {
        probe.onCall?.(context);
        await probe.gate;
        if (probe.failure !== undefined) throw probe.failure;
        return { text, identity: identityText(context), roles: [...context.roles], ...(number === undefined ? {} : { number }) };
      },
      async *repeat({ count, sizeBytes }, context) {
        probe.onCall?.(context);
        try {
          for (let index = 0; count < 0 || index < count; index++) {
            probe.repeated++;
            yield { index, payload: Buffer.alloc(sizeBytes) };
            if (context.signal.aborted) return;
          }
          if (probe.failure !== undefined) throw probe.failure;
        } finally {
          probe.onRepeatEnd?.();
        }
      },
      async collect(requests, context) {
        probe.onCall?.(context);
        let sum = 0;
        for await (const { number } of requests) {
          probe.collected++;
          sum += number;
          await probe.collectGate;
          if (number < 0) throw new AssayError("invalid_argument", `number must be >= 0, got ${number}`);
        }
        return { sum };
      },
      async *talk(requests, context) {
        probe.onCall?.(context);
        for await (const { index, payload } of requests) yield { index, payload };
      },
    },
  });
}
