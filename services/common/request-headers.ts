/** The headers that every request of a run has. Pure. */
import type { Endpoint } from "../../endpoints/endpoint.ts";
import { grpcContentType } from "../../endpoints/grpc-status.ts";
import type { TargetSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import { version } from "./version.ts";

/** Carries the id of each request. */
export const requestIdHeader = "x-request-id";

/** Carries the id of the session. */
export function sessionHeaderOf({ sessionHeader }: TargetSpec): string {
  return sessionHeader === "" ? "x-correlation-id" : sessionHeader;
}

/**
 * By name in lower case, without those of the connection; of a masked spec with masked values. What the spec gives takes the place of what is usual.
 * @param endpoint what is known of it: `{}` gives the headers of the spec alone
 * @param agentVersion of the program that sent them
 */
export function requestHeaders(
  { apiKey, headers: given }: TargetSpec,
  { contentType = "application/json", headers: own = {}, keyHeader = "authorization" }: HeadersOfEndpoint,
  isStreaming: boolean,
  agentVersion = version,
): Map<string, string> {
  const headers = new Map([
    ["content-type", contentType],
    ["accept", isStreaming ? "text/event-stream" : "application/json"],
    ["user-agent", `assay/${agentVersion}`],
  ]);
  // A call of gRPC has one kind of answer.
  if (contentType === grpcContentType) headers.delete("accept");
  for (const [name, value] of Object.entries(own)) headers.set(name.toLowerCase(), value);
  if (apiKey !== "") headers.set(keyHeader, keyHeader === "authorization" ? `Bearer ${apiKey}` : apiKey);
  for (const [name, value] of Object.entries(given)) headers.set(name.toLowerCase(), value);
  return headers;
}

export type HeadersOfEndpoint = Pick<Endpoint, "contentType" | "headers" | "keyHeader">;
