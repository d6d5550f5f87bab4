import type { EndpointCatalog } from "../../../../endpoints/catalog.ts";
import { parseProxyUrl } from "../../../../endpoints/proxy.ts";
import { isGrpcUrl, isTlsUrl, parseBaseUrl, socketPathOf } from "../../../../endpoints/target-url.ts";
import {
  ConnectionReuse,
  type RunSpec,
  type TargetSpec,
  TransportKind,
  UrlStrategy,
} from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { defaultWaitIntervalSec, defaultWaitMode } from "./defaults.ts";
import type { Demand } from "./demand.ts";
import { checkTls, isCertificate } from "./tls-violations.ts";

/** What Linux takes. */
const maxSocketPathBytes = 107;

export function checkTarget(spec: RunSpec, endpoints: EndpointCatalog, demand: Demand): void {
  const target = spec.target;
  if (target === undefined) return;
  target.urls.forEach((entry, index) => {
    const url = parseBaseUrl(entry.url);
    demand(url !== undefined, `target.urls[${index}].url`, `must be an http, https, grpc, grpcs or unix URL, got ${entry.url}`);
    const socketPath = url === undefined ? undefined : socketPathOf(url);
    demand(
      socketPath === undefined || new TextEncoder().encode(socketPath).length <= maxSocketPathBytes,
      `target.urls[${index}].url`,
      `the path of a Unix socket has at most ${maxSocketPathBytes} bytes, got ${socketPath}`,
    );
    demand(
      url?.protocol !== "https:" || target.transport !== TransportKind.HTTP1,
      "target.transport",
      `http1 speaks no TLS, and ${entry.url} needs it; use auto or undici`,
    );
    demand(
      url === undefined || (url.username === "" && url.password === ""),
      `target.urls[${index}].url`,
      "must not carry a password; use a header or the API key",
    );
  });
  checkProtocol(spec, endpoints, demand);
  const hasTls = target.urls.some(({ url }) => isTlsUrl(parseBaseUrl(url) ?? none));
  checkTls(target.tls, { at: "target.tls", hasTls, needed: "an https or grpcs URL" }, demand);
  checkProxy(target, demand);
  checkLabels(target, demand);
  checkWeights(target, demand);
  const { sessionHeader } = target;
  demand(
    sessionHeader === "" || isHeaderName(sessionHeader),
    "target.session_header",
    `${JSON.stringify(sessionHeader)} is no header name`,
  );
  for (const [name, value] of Object.entries(target.headers)) {
    demand(isHeaderName(name), "target.headers", `${JSON.stringify(name)} is no header name`);
    demand(!framing.test(name), "target.headers", `${name} is the connection's own, or each request's`);
    demand(isHeaderValue(value), "target.headers", `the value of ${name} holds characters that a header may not have`);
  }
  demand(isHeaderValue(target.apiKey), "target.api_key", "holds characters that a header may not have");
  checkWait(target, demand);
  checkReset(target, demand);
  for (const [name, value] of [
    ["request_timeout_sec", target.requestTimeoutSec],
    ["connect_timeout_sec", target.connectTimeoutSec],
    ["first_byte_timeout_sec", target.firstByteTimeoutSec],
    ["idle_timeout_sec", target.idleTimeoutSec],
  ] as const) {
    demand(value === undefined || (value > 0 && Number.isFinite(value)), `target.${name}`, `must be above 0, got ${value}`);
  }
}

/** Says how a connection or a message is framed. */
const framing = /^(content-length|expect|keep-alive|te|trailer|transfer-encoding|upgrade)$/i;

const none = { protocol: "" };

/** What an endpoint speaks must be what its URLs say, and what is HTTP's alone is not for calls of gRPC. */
function checkProtocol({ target, endpoint }: RunSpec, endpoints: EndpointCatalog, demand: Demand): void {
  const { type = "", path = "" } = endpoint ?? {};
  const known = endpoints.create(type);
  if (target === undefined || known === undefined) return;
  const isGrpc = known.protocol === "grpc";
  target.urls.forEach(({ url: text }, index) => {
    const url = parseBaseUrl(text);
    if (url === undefined) return;
    const wanted = isGrpc
      ? "speaks gRPC: the URL must be grpc://HOST:PORT or grpcs://HOST:PORT"
      : "speaks HTTP: the URL must be http or https";
    demand(isGrpcUrl(url) === isGrpc, `target.urls[${index}].url`, `endpoint ${type} ${wanted}, got ${text}`);
    const hasPath = url.pathname !== "" && url.pathname !== "/";
    demand(
      !isGrpcUrl(url) || (!hasPath && url.search === ""),
      `target.urls[${index}].url`,
      `a server of gRPC has no path, got ${text}`,
    );
  });
  checkCalls(target, { type, isGrpc, isStreaming: endpoint?.streaming ?? false }, demand);
  if (!isGrpc) return;
  const { transport } = target;
  const isAuto = transport === TransportKind.AUTO || transport === TransportKind.UNSPECIFIED;
  demand(isAuto, "target.transport", `must be auto: ${type} goes by gRPC alone`);
  demand(path === "", "endpoint.path", `must not be given: ${type} calls ${known.path}`);
  demand(
    target.resetKvCachePath === undefined,
    "target.reset_kv_cache_path",
    `must not be given: ${type} is reached by gRPC alone`,
  );
}

interface Called {
  readonly type: string;
  readonly isGrpc: boolean;
  readonly isStreaming: boolean;
}

/** How calls are made. */
function checkCalls({ grpc, connectionReuse }: TargetSpec, { type, isGrpc, isStreaming }: Called, demand: Demand): void {
  if (grpc === undefined) return;
  const { streamPer, compression, keepaliveSec } = grpc;
  const at = "target.grpc";
  for (const [name, isSet] of [
    ["stream_per", streamPer !== ""],
    ["compression", compression !== ""],
    ["keepalive_sec", keepaliveSec !== undefined],
  ] as const) {
    demand(!isSet || isGrpc, `${at}.${name}`, `has no effect: endpoint ${type} speaks HTTP`);
  }
  const isKnown = ["", "request", "slot"].includes(streamPer);
  demand(isKnown, `${at}.stream_per`, `must be request or slot, got ${streamPer}`);
  const isPacked = ["", "none", "gzip", "deflate"].includes(compression);
  demand(isPacked, `${at}.compression`, `must be none, gzip or deflate, got ${compression}`);
  const isRest = keepaliveSec === undefined || (keepaliveSec >= 0 && Number.isFinite(keepaliveSec));
  demand(isRest, `${at}.keepalive_sec`, `must be at least 0, got ${keepaliveSec}`);
  if (streamPer !== "slot") return;
  demand(isStreaming, `${at}.stream_per`, "slot is of streams: needs endpoint.streaming");
  const isPooled = connectionReuse === ConnectionReuse.POOLED || connectionReuse === ConnectionReuse.UNSPECIFIED;
  demand(
    isPooled,
    `${at}.stream_per`,
    "a slot's stream goes on from request to request: not with target.connection_reuse never or sticky-user-sessions",
  );
}

/** Figures are told by label. */
function checkLabels({ urls }: TargetSpec, demand: Demand): void {
  const seen = new Set<string>();
  urls.forEach(({ label, url }, index) => {
    const hint = label === url ? `; the same URL twice needs labels` : "";
    demand(!seen.has(label), `target.urls[${index}].label`, `must be unique, got ${label} again${hint}`);
    seen.add(label);
  });
}

function checkWeights({ urls, urlStrategy }: TargetSpec, demand: Demand): void {
  const isWeighted = urlStrategy === UrlStrategy.WEIGHTED;
  urls.forEach(({ weight = 1 }, index) => {
    const at = `target.urls[${index}].weight`;
    demand(isWeighted || weight === 1, at, "needs the weighted strategy (target.url_strategy)");
    demand(weight >= 0 && Number.isFinite(weight), at, `must be at least 0, got ${weight}`);
  });
  demand(!isWeighted || urls.some(({ weight = 1 }) => weight > 0), "target.urls", "one of the weights must be above 0");
}

function checkProxy({ proxyUrl, proxyCaPem, transport, urls }: TargetSpec, demand: Demand): void {
  const place = parseProxyUrl(proxyUrl);
  const ca = "target.proxy_ca_pem";
  demand(proxyCaPem === "" || place?.isSecure === true, ca, "has no effect without an https proxy (target.proxy_url)");
  demand(proxyCaPem === "" || isCertificate(proxyCaPem), ca, "is no certificate in PEM");
  if (proxyUrl === "") return;
  const at = "target.proxy_url";
  demand(
    place !== undefined,
    at,
    "must be http://[USER:PASSWORD@]HOST:PORT or https://…, special characters of user and password as %XX",
  );
  demand(transport !== TransportKind.HTTP1, "target.transport", "http1 goes through no proxy; use auto, undici or http2");
  const socket = urls.find(({ url }) => isSocket(parseBaseUrl(url)));
  demand(socket === undefined, at, `a proxy leads to no Unix socket, and ${socket?.url} is one`);
}

function isSocket(url: URL | undefined): boolean {
  return url !== undefined && socketPathOf(url) !== undefined;
}

function checkWait({ noProbe, waitForModel }: TargetSpec, demand: Demand): void {
  if (waitForModel === undefined) return;
  const { timeoutSec = 0, intervalSec = defaultWaitIntervalSec, mode } = waitForModel;
  const at = "target.wait_for_model";
  demand(timeoutSec >= 0 && Number.isFinite(timeoutSec), `${at}.timeout_sec`, `must be at least 0, got ${timeoutSec}`);
  demand(intervalSec > 0 && Number.isFinite(intervalSec), `${at}.interval_sec`, `must be above 0, got ${intervalSec}`);
  const isMode = ["", "models", "inference", "both"].includes(mode);
  demand(isMode, `${at}.mode`, `must be models, inference or both, got ${mode}`);
  demand(timeoutSec === 0 || !noProbe, "target.no_probe", "not together with waiting for the model");
  if (timeoutSec !== 0) return;
  const idle = `has no effect without ${at}.timeout_sec`;
  demand(intervalSec === defaultWaitIntervalSec, `${at}.interval_sec`, idle);
  demand(mode === "" || mode === defaultWaitMode, `${at}.mode`, idle);
}

function checkReset({ resetKvCachePath: path, resetKvCacheTimeoutSec: seconds }: TargetSpec, demand: Demand): void {
  const at = "target.reset_kv_cache";
  demand(path === undefined || isPath(path), `${at}_path`, `must be a path below the host, as /reset_prefix_cache, got ${path}`);
  demand(seconds === undefined || path !== undefined, `${at}_timeout_sec`, `has no effect without ${at}_path`);
  demand(
    seconds === undefined || (seconds > 0 && Number.isFinite(seconds)),
    `${at}_timeout_sec`,
    `must be above 0, got ${seconds}`,
  );
}

/** What can stand in the first line of a request, and leads to no other host. */
function isPath(text: string): boolean {
  return /^\/(?!\/)[\x21-\x7e]*$/.test(text);
}

function isHeaderName(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name);
}

function isHeaderValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}
