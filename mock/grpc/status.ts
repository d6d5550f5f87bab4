/** How calls end. Pure. */

export const grpcCodes = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** The end of a call, or of one request of a stream. */
export interface GrpcStatus {
  readonly code: number;
  readonly message: string;
}

export function status(code: keyof typeof grpcCodes, message: string): GrpcStatus {
  return { code: grpcCodes[code], message };
}

export const ok = status("ok", "");

export function isStatus(value: object): value is GrpcStatus {
  return "code" in value && "message" in value;
}

/** The code that has the meaning of an HTTP status, as google.rpc.Code has them side by side. */
export function codeOfHttpStatus(httpStatus: number): number {
  const same = sameMeaning[httpStatus];
  if (same !== undefined) return grpcCodes[same];
  return httpStatus < 500 ? grpcCodes.failedPrecondition : grpcCodes.unknown;
}

/** Clients take 16 KiB of headers, and a character is of 9 bytes at most there. */
const maxHeaderCharacters = 1500;

/**
 * A message as a header carries it, cut where it is too long: what is not printable ASCII, the percent sign, and spaces at the ends, which
 * HTTP/2 does not have there, in percent and two digits for each byte.
 */
export function headerMessage(message: string): string {
  return message
    .slice(0, maxHeaderCharacters)
    .replace(/^ +| +$|[^ -$&-~]+/gu, (part) =>
      [...Buffer.from(part)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
    );
}

const sameMeaning: Readonly<Record<number, keyof typeof grpcCodes>> = {
  400: "invalidArgument",
  401: "unauthenticated",
  403: "permissionDenied",
  404: "notFound",
  408: "deadlineExceeded",
  409: "aborted",
  422: "invalidArgument",
  429: "resourceExhausted",
  499: "cancelled",
  500: "internal",
  501: "unimplemented",
  502: "unavailable",
  503: "unavailable",
  504: "deadlineExceeded",
};
