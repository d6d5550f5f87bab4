/**
 * What stops a stream, a run or a process. A failed inference request is not one of these: it is a record
 * with an `error` (see `endpoints/outcome.ts`).
 */
export type ErrorCode =
  | "invalid_argument"
  | "not_found"
  | "already_exists"
  | "permission_denied"
  | "unauthenticated"
  | "failed_precondition"
  | "resource_exhausted"
  | "deadline_exceeded"
  | "cancelled"
  | "aborted"
  | "unimplemented"
  | "unavailable"
  | "data_loss"
  | "internal";

/** One field that is wrong: its path in the message (`phases[0].load.rate_per_sec`) and what was expected, with the offending value. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

export interface AssayErrorOptions {
  /** What caused it; kept, never flattened into the message. */
  readonly cause?: unknown;
  /** UPPER_SNAKE reason for programs (`google.rpc.ErrorInfo.reason`). Default: the code in upper case. */
  readonly reason?: string;
  /** The message's dynamic parts, for programs. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly FieldViolation[];
}

/** The one exception class. `services/common/rpc/status.ts` alone maps it to and from a gRPC status. */
export class AssayError extends Error {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];

  constructor(code: ErrorCode, message: string, options: AssayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AssayError";
    this.code = code;
    this.reason = options.reason ?? code.toUpperCase();
    this.metadata = options.metadata ?? {};
    this.violations = options.violations ?? [];
  }
}

/** The message of anything thrown, for logs and for errors that wrap it. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
