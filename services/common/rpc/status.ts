/**
 * The one place where `AssayError` becomes a gRPC status and comes back. An error travels as a code, a message and google.rpc
 * details in `grpc-status-details-bin`: ErrorInfo always (reason, domain "assay", metadata), BadRequest for violations (AIP-193).
 */
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { anyPack, anyUnpack } from "@bufbuild/protobuf/wkt";
import { Metadata, type StatusObject, status } from "@grpc/grpc-js";
import { BadRequestSchema, ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../../gen/google/rpc/status_pb.js";
import { AssayError, type ErrorCode, type FieldViolation, messageOf } from "../errors.ts";
import { asBuffer } from "./bridge.ts";

/** `google.rpc.ErrorInfo.domain` of every error made by this suite. */
const ERROR_DOMAIN = "assay";

const DETAILS_KEY = "grpc-status-details-bin";

// Trailers are headers: peers refuse blocks of more than 16 KiB, some of more than 8, and then the error itself would be lost. These
// sizes are before base64 and percent-encoding.
const MAX_MESSAGE_BYTES = 1024;
const MAX_METADATA_BYTES = 1024;
const MAX_VIOLATION_BYTES = 3072;
/** Tags and lengths of one violation. */
const VIOLATION_OVERHEAD_BYTES = 8;

const GRPC_CODES: Readonly<Record<ErrorCode, status>> = {
  invalid_argument: status.INVALID_ARGUMENT,
  not_found: status.NOT_FOUND,
  already_exists: status.ALREADY_EXISTS,
  permission_denied: status.PERMISSION_DENIED,
  unauthenticated: status.UNAUTHENTICATED,
  failed_precondition: status.FAILED_PRECONDITION,
  resource_exhausted: status.RESOURCE_EXHAUSTED,
  deadline_exceeded: status.DEADLINE_EXCEEDED,
  cancelled: status.CANCELLED,
  aborted: status.ABORTED,
  unimplemented: status.UNIMPLEMENTED,
  unavailable: status.UNAVAILABLE,
  data_loss: status.DATA_LOSS,
  internal: status.INTERNAL,
};

const ERROR_CODES: ReadonlyMap<number, ErrorCode> = new Map([
  ...(Object.entries(GRPC_CODES) as [ErrorCode, status][]).map(([code, number]): [number, ErrorCode] => [number, code]),
  [status.OUT_OF_RANGE, "invalid_argument"],
]);

/** The numeric gRPC code; the Connect protocol uses the same numbers. */
export function grpcCodeOf(code: ErrorCode): number {
  return GRPC_CODES[code];
}

/** The code of a call's end as gRPC spells it: `OK`, `DEADLINE_EXCEEDED`. */
export function statusNameOf(error: AssayError | undefined): string {
  return (error?.code ?? "ok").toUpperCase();
}

/** The code of a gRPC status; what we have no word for (UNKNOWN, numbers to come) is `internal`. */
export function errorCodeOf(grpcCode: number): ErrorCode {
  return ERROR_CODES.get(grpcCode) ?? "internal";
}

/**
 * Anything thrown as an `AssayError`: itself, or `internal` with the message and the original as `cause`. Only the message is
 * ever sent to a caller, neither stack nor cause.
 */
export function asAssayError(error: unknown): AssayError {
  return error instanceof AssayError ? error : new AssayError("internal", messageOf(error), { cause: error });
}

/** The message as it may be sent: well-formed UTF-16 (grpc-js' percent-encoding throws on a lone surrogate) and of bounded size. */
export function wireMessageOf(error: AssayError): string {
  const message = error.message.toWellFormed();
  if (Buffer.byteLength(message) <= MAX_MESSAGE_BYTES) return message;
  // A character cut in the middle decodes to U+FFFD.
  return `${Buffer.from(message)
    .toString("utf8", 0, MAX_MESSAGE_BYTES)
    .replace(/\uFFFD$/, "")}…`;
}

/** One google.rpc detail: its schema and an init shape of it. */
export interface ErrorDetail<D extends DescMessage = DescMessage> {
  readonly desc: D;
  readonly value: MessageInitShape<D>;
}

/** The google.rpc details of an error. Metadata that would not fit into a trailer is left out; violations that
 * would not are counted in a last one without a field. */
export function detailsOf(error: AssayError): ErrorDetail[] {
  const details: ErrorDetail[] = [errorInfoOf(error)];
  if (error.violations.length > 0) {
    const value = { fieldViolations: fitting(error.violations) } satisfies MessageInitShape<typeof BadRequestSchema>;
    details.push({ desc: BadRequestSchema, value });
  }
  return details;
}

function errorInfoOf(error: AssayError): ErrorDetail {
  const metadata: Record<string, string> = {};
  let room = MAX_METADATA_BYTES;
  for (const [key, value] of Object.entries(error.metadata)) {
    room -= Buffer.byteLength(key) + Buffer.byteLength(value);
    if (room >= 0) metadata[key] = value.toWellFormed();
  }
  const value = { reason: error.reason, domain: ERROR_DOMAIN, metadata } satisfies MessageInitShape<typeof ErrorInfoSchema>;
  return { desc: ErrorInfoSchema, value };
}

function fitting(violations: readonly FieldViolation[]): { field: string; description: string }[] {
  const kept: { field: string; description: string }[] = [];
  let room = MAX_VIOLATION_BYTES;
  for (const { field, description } of violations) {
    room -= Buffer.byteLength(field) + Buffer.byteLength(description) + VIOLATION_OVERHEAD_BYTES;
    if (room < 0) {
      kept.push({ field: "", description: `and ${violations.length - kept.length} more` });
      break;
    }
    kept.push({ field: field.toWellFormed(), description: description.toWellFormed() });
  }
  return kept;
}

/** What a grpc-js server sends for an error. */
export function grpcStatusOf(error: AssayError): StatusObject {
  const code = grpcCodeOf(error.code);
  const message = wireMessageOf(error);
  const details = detailsOf(error).map(({ desc, value }) => anyPack(desc, create(desc, value)));
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, asBuffer(toBinary(StatusSchema, create(StatusSchema, { code, message, details }))));
  return { code, details: message, metadata };
}

/** A status as a client receives it. */
export interface ReceivedStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata?: Metadata;
}

/**
 * The error of a received status. One that this suite made comes back as it was (code, message, reason, metadata, violations);
 * any other gets `attempt` ("calling assay.x.v1.X/GetX at host:port") before its message, since it was made on the way.
 */
export function errorOfGrpcStatus(received: ReceivedStatus, attempt: string, cause?: unknown): AssayError {
  const code = errorCodeOf(received.code);
  const { info, violations } = detailsFrom(received.metadata?.get(DETAILS_KEY)[0]);
  const details = info?.domain === ERROR_DOMAIN ? received.details : plainDetails(received.details);
  if (info === undefined) return new AssayError(code, `${attempt}: ${details}`, { cause, violations });
  const message = info.domain === ERROR_DOMAIN ? details : `${attempt}: ${details}`;
  return new AssayError(code, message, { cause, violations, reason: info.reason, metadata: info.metadata });
}

const notConnected =
  /^No connection established\. Last error: (?:null|(?:Error: )?(.*?)(?: \(\d{4}-\d\d-\d\dT[\d:.]+Z\))?)\. Resolution note: .*$/s;
const openSsl = /^\w+:error:\w+:SSL routines:\w+:([^:]+):.*$/s;

/** What grpc-js says of a connection, a name or a deadline, without the inside of grpc-js and of OpenSSL. */
function plainDetails(details: string): string {
  return details
    .replace(notConnected, (_, why = "no connection") => why)
    .replace(openSsl, "$1")
    .replace(/^Name resolution failed for target dns:(\S+):\d+$/, "the name $1 cannot be resolved")
    .replace(
      /^Deadline exceeded after ([\d.]+)s.*$/s,
      (_, seconds: string) => `no answer within ${Number(Number(seconds).toFixed(1))} s`,
    );
}

function detailsFrom(bytes: string | Buffer | undefined): {
  info: { reason: string; domain: string; metadata: Record<string, string> } | undefined;
  violations: FieldViolation[];
} {
  if (bytes === undefined || typeof bytes === "string") return { info: undefined, violations: [] };
  try {
    const details = fromBinary(StatusSchema, bytes).details;
    const info = details.map((any) => anyUnpack(any, ErrorInfoSchema)).find((found) => found !== undefined);
    const badRequest = details.map((any) => anyUnpack(any, BadRequestSchema)).find((found) => found !== undefined);
    const violations = (badRequest?.fieldViolations ?? []).map(({ field, description }) => ({ field, description }));
    return { info, violations };
  } catch {
    // Details that cannot be read are another program's: code and message still say what happened.
    return { info: undefined, violations: [] };
  }
}
