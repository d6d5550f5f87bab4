/** Heads of requests over HTTP/2: the same headers as over HTTP/1.1, under the names that HTTP/2 has for them. */
import { grpcContentType } from "../../../endpoints/grpc-status.ts";
import { isOwnHeader, ownHeadersFault, sharedHead } from "../core/http1-request.ts";
import type { HeaderPairs } from "../core/http2/hpack-encoder.ts";
import type { TargetOptions, WireRequest } from "./transport.ts";

export interface Http2Head {
  /** The same array for all requests that share it. */
  readonly shared: HeaderPairs;
  readonly own: HeaderPairs;
}

/** What a target's requests share, as of the last of them. */
interface Known {
  readonly headers: readonly string[];
  readonly path: string;
  readonly method: "GET" | "POST";
  readonly pairs: HeaderPairs;
  readonly wrong: string | undefined;
  readonly claimedBytes: number | undefined;
  /** The messages of a call have lengths of their own. */
  readonly isCall: boolean;
}

const none: readonly string[] = [];
const lowerNames = new Map<string, string>();

export class Http2Heads {
  private readonly origins: readonly URL[];
  private readonly known: (Known | undefined)[];

  constructor(targets: readonly TargetOptions[]) {
    this.origins = targets.map(({ origin }) => new URL(origin));
    this.known = targets.map(() => undefined);
  }

  /** The request's head, or in words why it cannot be sent. */
  headOf(request: WireRequest): Http2Head | string {
    const { target, headers, path, method = "POST", ownHeaders = none, body } = request;
    const origin = this.origins[target];
    if (origin === undefined) return `there is no target with index ${target}`;
    let known = this.known[target];
    if (known === undefined || known.headers !== headers || known.path !== path || known.method !== method) {
      known = learn(origin, request);
      this.known[target] = known;
    }
    const { wrong, claimedBytes, pairs, isCall } = known;
    if (wrong !== undefined) return wrong;
    if (claimedBytes !== undefined && claimedBytes !== body.length) {
      return `the header content-length says ${claimedBytes}, the body has ${body.length} bytes`;
    }
    const own = ownPairs(ownHeaders);
    if (own === undefined) return ownHeadersFault(ownHeaders);
    if (!isCall && method !== "GET") own.push("content-length", String(body.length));
    return { shared: pairs, own };
  }
}

function learn({ host, protocol }: URL, { headers, path, method = "POST" }: WireRequest): Known {
  const { wrong, claimedBytes } = sharedHead({ method, path, host, isKept: true }, headers);
  let authority = host;
  let isCall = false;
  const fields: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = lowerOf(headers[index] ?? "");
    const value = headers[index + 1] ?? "";
    if (name === "host") authority = value;
    else if (name !== "connection" && name !== "content-length") fields.push(name, value);
    if (name === "content-type") isCall = value === grpcContentType;
  }
  if (isCall) fields.push("te", "trailers");
  const pairs = [":method", method, ":scheme", protocol.slice(0, -1), ":authority", authority, ":path", path, ...fields];
  return { headers, path, method, pairs, wrong, claimedBytes, isCall };
}

/** Undefined: one of them cannot be sent. */
function ownPairs(headers: readonly string[]): string[] | undefined {
  const own: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? "";
    const value = headers[index + 1] ?? "";
    if (!isOwnHeader(name, value)) return undefined;
    own.push(lowerOf(name), value);
  }
  return own;
}

/** A run's requests have the same few names. */
function lowerOf(name: string): string {
  let lower = lowerNames.get(name);
  if (lower === undefined) {
    lower = name.toLowerCase();
    if (lowerNames.size < 100) lowerNames.set(name, lower);
  }
  return lower;
}
