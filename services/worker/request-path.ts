/** What a spec says about requests: where they go, how they look, how long they may take. */
import type { EndpointCatalog } from "../../endpoints/catalog.ts";
import { type Endpoint, requestPathOf } from "../../endpoints/endpoint.ts";
import { parseProxyUrl } from "../../endpoints/proxy.ts";
import { isGrpcUrl, originOf, parseBaseUrl, pathBelow, portOf, socketPathOf } from "../../endpoints/target-url.ts";
import { ConnectionReuse, type RunSpec, type TargetSpec, TransportKind } from "../../gen/assay/common/v1/run_spec_pb.js";
import { type AllowedTargets, allowedTargets } from "../common/allowed-targets.ts";
import { longestTimerMs } from "../common/asked-ms.ts";
import { AssayError } from "../common/errors.ts";
import { requestHeaders, requestIdHeader, sessionHeaderOf } from "../common/request-headers.ts";
import { bodyOptionsOf } from "../common/turn-body.ts";
import { BodyMaker, bodyOverheadBytes } from "./bodies.ts";
import type { Timeouts } from "./open-request.ts";
import type { SenderOptions } from "./sender.ts";
import { type Choice, choiceOf, createTransport } from "./transport/choose.ts";
import type { ConnectionWatcher, GrpcOptions, ProxyOptions, TargetOptions, Transport } from "./transport/transport.ts";

/** The part of a sender's options that comes from the spec. */
export type PathOptions = Pick<
  SenderOptions,
  "endpoint" | "paths" | "isStreaming" | "headers" | "sessionHeader" | "hasOwnConnections" | "timeouts" | "isTraced" | "isRaw"
>;

export interface RequestPath {
  readonly transport: Transport;
  /** Another transport of the same kind, to one other target. */
  transportTo(target: TargetOptions): Promise<Transport>;
  readonly bodies: BodyMaker;
  readonly sender: PathOptions;
}

/** What bodies take that are kept, if it is worth it. */
export const keptBodies = { mostBytes: 64 << 20, leastBytes: bodyOverheadBytes };
const connectionRestMs = 20;

export interface PathExtras {
  /** Default: the built-in ones. */
  readonly endpoints?: EndpointCatalog | undefined;
  /** Where connections may go. Default: anywhere. */
  readonly allowed?: AllowedTargets | undefined;
  /** Told how connections are opened. */
  readonly watcher?: ConnectionWatcher | undefined;
  /** Of bodies that are kept. Default: as many as `keptBodies` allows. */
  readonly keptBytes?: number;
}

/** @throws `invalid_argument` for a spec that the controller refuses, `permission_denied` for a target that is not allowed */
export async function createPath(spec: RunSpec, extras: PathExtras = {}): Promise<RequestPath> {
  const { endpoints, allowed = allowedTargets([]), watcher, keptBytes = keptBodies.mostBytes } = extras;
  if (spec.target === undefined) throw new AssayError("invalid_argument", "target: needed");
  const options = bodyOptionsOf(spec, endpoints);
  const { transport } = spec.target;
  const targets = targetsOf(spec.target, allowed);
  const choice = targets[0] === undefined ? "http1" : choiceOf(targets[0], transport);
  return {
    transport: await createTransport(targets, transport, watcher),
    transportTo: (target) => transportOf(choice, target, targets[0]?.grpc),
    bodies: new BodyMaker({ ...options, keptBytes }),
    sender: senderOptions(spec, spec.target, options.endpoint),
  };
}

/** A stream that many requests share is answered by nobody who does not know them by their ids. */
function transportOf(choice: Choice, target: TargetOptions, grpc: GrpcOptions | undefined): Promise<Transport> {
  if (choice !== "grpc") return createTransport([target], choice === "undici" ? TransportKind.UNDICI : TransportKind.HTTP1);
  return createTransport(
    [{ ...target, ...(grpc === undefined ? {} : { grpc: { ...grpc, streamPer: "request" } }) }],
    TransportKind.AUTO,
  );
}

function targetsOf(target: TargetSpec, allowed: AllowedTargets): TargetOptions[] {
  const { tls } = target;
  const proxy = proxyOf(target, allowed);
  const grpc = grpcOf(target);
  const pingSec = target.grpc?.keepaliveSec ?? 0;
  return target.urls.map(({ url }) => ({
    ...placeOf(parseUrl(url), allowed, proxy !== undefined),
    ...(isGrpcUrl(parseUrl(url)) ? { grpc, ...(pingSec > 0 ? { pingMs: timerMs(pingSec) } : {}) } : {}),
    ...(proxy === undefined ? {} : { proxy }),
    connectTimeoutMs: timerMs(target.connectTimeoutSec ?? 30),
    isPooled: target.connectionReuse !== ConnectionReuse.NEVER,
    restMs: connectionRestMs,
    ...(tls === undefined
      ? {}
      : {
          tls: {
            rejectUnauthorized: !tls.skipVerify,
            ...(tls.caPem === "" ? {} : { ca: tls.caPem }),
            ...(tls.certPem === "" ? {} : { cert: tls.certPem }),
            ...(tls.keyPem === "" ? {} : { key: tls.keyPem }),
            ...(tls.serverName === "" ? {} : { servername: tls.serverName }),
          },
        }),
  }));
}

/** What a timer can wait: nobody waits longer. */
function timerMs(seconds: number): number {
  return Math.min(seconds * 1000, longestTimerMs);
}

function grpcOf(target: TargetSpec): GrpcOptions {
  const { streamPer = "", compression = "" } = target.grpc ?? {};
  return {
    streamPer: streamPer === "slot" ? "slot" : "request",
    compression: compression === "gzip" || compression === "deflate" ? compression : "none",
    deadlineSec: target.requestTimeoutSec ?? Number.POSITIVE_INFINITY,
    idHeaders: [requestIdHeader, sessionHeaderOf(target).toLowerCase()],
  };
}

function proxyOf({ proxyUrl, proxyCaPem }: TargetSpec, allowed: AllowedTargets): ProxyOptions | undefined {
  if (proxyUrl === "") return undefined;
  const place = parseProxyUrl(proxyUrl);
  // It may hold a password that cannot be told from the rest.
  if (place === undefined)
    throw new AssayError("invalid_argument", "target.proxy_url: an http or https URL without a path is needed");
  const { user, password, ...reached } = place;
  const lookup = allowed.lookupFor(place.host, place.port);
  const credentials = Buffer.from(`${user}:${password}`).toString("base64");
  return {
    ...reached,
    ...(user === undefined ? {} : { authorization: `Basic ${credentials}` }),
    ...(proxyCaPem === "" ? {} : { ca: proxyCaPem }),
    ...(lookup && { lookup }),
  };
}

function senderOptions(spec: RunSpec, target: TargetSpec, endpoint: Endpoint): PathOptions {
  const isStreaming = spec.endpoint?.streaming ?? false;
  const path = requestPathOf(endpoint, isStreaming, spec.endpoint?.path);
  const limitNs = (seconds: number | undefined): number => (seconds === undefined ? Number.POSITIVE_INFINITY : seconds * 1e9);
  const timeouts: Timeouts = {
    requestNs: limitNs(target.requestTimeoutSec),
    firstByteNs: limitNs(target.firstByteTimeoutSec),
    idleNs: limitNs(target.idleTimeoutSec),
  };
  return {
    endpoint,
    paths: target.urls.map(({ url }) => pathBelow(parseUrl(url), path)),
    isStreaming,
    headers: [...requestHeaders(target, endpoint, isStreaming)].flat(),
    sessionHeader: sessionHeaderOf(target),
    hasOwnConnections: target.connectionReuse === ConnectionReuse.STICKY_USER_SESSIONS,
    timeouts,
    isTraced: spec.output?.exportHttpTrace ?? false,
    isRaw: spec.output?.exportLevel === "raw",
  };
}

/** A server on a Unix socket has no name but this one. */
function placeOf(
  url: URL,
  allowed: AllowedTargets,
  isBehindProxy: boolean,
): Pick<TargetOptions, "origin" | "socketPath" | "lookup"> {
  const socketPath = socketPathOf(url);
  if (socketPath !== undefined) {
    allowed.checkSocket(socketPath);
    return { origin: "http://localhost", socketPath };
  }
  const port = portOf(url);
  if (isBehindProxy) allowed.checkBehindProxy(url.hostname, port);
  const lookup = isBehindProxy ? undefined : allowed.lookupFor(url.hostname, port);
  return { origin: originOf(url), ...(lookup && { lookup }) };
}

/** Throws `invalid_argument` for what is no URL of an HTTP server. */
export function parseUrl(text: string): URL {
  const url = parseBaseUrl(text);
  if (url !== undefined) return url;
  throw new AssayError("invalid_argument", `target.urls: an http, https, grpc, grpcs or unix URL is needed, got ${text}`);
}
