/** `AssayError` in the Connect protocol and gRPC-web. Apart from `status.ts` so that servers load Connect only when it is spoken. */
import { type Code, ConnectError } from "@connectrpc/connect";
import type { AssayError } from "../errors.ts";
import { cancelledByCaller, outOfTime } from "./call.ts";
import { detailsOf, errorCodeOf, grpcCodeOf, wireMessageOf } from "./status.ts";

/** The Connect error of an error: the same code, message and google.rpc details as over gRPC. */
export function connectErrorOf(error: AssayError): ConnectError {
  // Connect numbers its codes as gRPC does.
  const code = grpcCodeOf(error.code) as Code;
  return new ConnectError(wireMessageOf(error), code, undefined, detailsOf(error), error.cause);
}

/** Why Connect aborted a call's signal: the error of a deadline or of a cancellation. */
export function abortErrorOf(reason: unknown): AssayError {
  const { code } = ConnectError.from(reason);
  return errorCodeOf(code) === "deadline_exceeded" ? outOfTime() : cancelledByCaller();
}
