/** Pages over HTTP. */

import type { Transform } from "node:stream";
import type { Agent, Dispatcher } from "undici";
import { type AllowedTargets, allowedTargets } from "../../common/allowed-targets.ts";
import { messageOf } from "../../common/errors.ts";

/**
 * `absent`: nobody serves the page (refused, unknown host, 404). `failed`: somebody does, or might, and it did not come. `isAnswered`: a server
 * is there, and what it has to say is no page.
 */
export type FetchedPage =
  | {
      readonly kind: "page";
      readonly text: string;
      /** Of the body as it was sent. */
      readonly sizeBytes: number;
      /** The answer says that it is OpenMetrics, which has an end mark. */
      readonly isOpenMetrics: boolean;
    }
  | { readonly kind: "absent" | "failed"; readonly reason: string; readonly isAnswered: boolean };

export interface PageLimits {
  /** From the call to the last byte, connecting included. */
  readonly deadlineMs: number;
  /** A longer body is given up, also one that gets longer as it is unpacked. */
  readonly maxBytes: number;
}

/** How servers are asked, beside what a URL says (`user:password@` is sent as basic authentication). Secrets. */
export interface PageAccess {
  /** Sent with every request, to whatever server. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly tls?: PageTls;
}

/** PEM texts; what is absent is as usual. */
export interface PageTls {
  /** Authorities to trust instead of the system's. */
  readonly ca?: string;
  /** A certificate of one's own, and its key. */
  readonly cert?: string;
  readonly key?: string;
  /** Verified instead of the URL's host. */
  readonly servername?: string;
  /** false: whatever certificate. */
  readonly rejectUnauthorized?: boolean;
}

export interface PageFetcher {
  /** Loads what the first fetch would wait for. */
  load(): Promise<void>;
  /** Never rejects. An aborted `signal` ends it at once, as `failed`. */
  fetch(url: string, signal: AbortSignal): Promise<FetchedPage>;
  /** Closes kept connections; what is in flight fails. */
  close(): Promise<void>;
}

const absentCodes: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);

/** Keeps one connection a host and port between scrapes. undici is loaded with the first page. */
export function createPageFetcher(
  limits: PageLimits,
  access: PageAccess = {},
  allowed: AllowedTargets = allowedTargets([]),
): PageFetcher {
  let agent: Promise<Agent> | undefined;
  const load = (): Promise<Agent> => {
    agent ??= createAgent(limits.deadlineMs, access, allowed);
    return agent;
  };
  return {
    async load() {
      await load();
    },
    async fetch(url, signal) {
      const deadline = AbortSignal.timeout(limits.deadlineMs);
      try {
        const request = { url, headers: access.headers ?? {}, maxBytes: limits.maxBytes };
        return await readPage(await load(), request, AbortSignal.any([signal, deadline]));
      } catch (error) {
        if (signal.aborted) return notRead("failed", "cancelled");
        if (deadline.aborted) return notRead("failed", `no page within ${limits.deadlineMs} ms`);
        return notRead(absentCodes.has(codeOf(error)) ? "absent" : "failed", messageOf(error) || codeOf(error));
      }
    },
    async close() {
      await (await agent)?.destroy();
    },
  };
}

async function createAgent(connectTimeoutMs: number, { tls }: PageAccess, allowed: AllowedTargets): Promise<Agent> {
  const { Agent, buildConnector } = await import("undici");
  return new Agent({
    connections: 1,
    connect(place, done) {
      try {
        const lookup = allowed.lookupFor(place.hostname, Number(place.port) || (place.protocol === "https:" ? 443 : 80));
        buildConnector({ timeout: connectTimeoutMs, ...(lookup && { lookup }), ...tls })(place, done);
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)), null);
      }
    },
  });
}

interface PageRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly maxBytes: number;
}

async function readPage(agent: Agent, { url, headers, maxBytes }: PageRequest, signal: AbortSignal): Promise<FetchedPage> {
  const { origin, pathname, search, username, password } = parsedUrl(url);
  const sent = {
    accept: "text/plain;version=0.0.4",
    "accept-encoding": "gzip",
    ...(username === "" && password === "" ? {} : { authorization: basicOf(username, password) }),
    ...headers,
  };
  const answer = await agent.request({ method: "GET", origin, path: pathname + search, headers: sent, signal });
  if (answer.statusCode !== 200) {
    await discard(answer.body, signal);
    return notRead(answer.statusCode === 404 ? "absent" : "failed", `HTTP status ${answer.statusCode}`, true);
  }
  const type = headerOf(answer, "content-type");
  const encoding = headerOf(answer, "content-encoding");
  if (encoding !== "" && encoding !== "identity" && encoding !== "gzip") {
    await discard(answer.body, signal);
    return notRead("failed", `content encoding ${encoding}, which was not asked for`, true);
  }
  const body = await readBody(answer.body, encoding === "gzip", maxBytes);
  if (body === undefined) return notRead("failed", `page is larger than ${maxBytes} bytes`);
  const text = body.bytes.toString("utf8");
  if (type.startsWith("text/html") || /^\s*<(?:!doctype|html|head|body|\?xml)/i.test(text.slice(0, 200))) {
    return notRead("failed", "the answer is an HTML page, not metrics", true);
  }
  return { kind: "page", text, sizeBytes: body.sentBytes, isOpenMetrics: type.startsWith("application/openmetrics-text") };
}

/** undefined: it is too long. Leaving the loop destroys the body and with it the connection. */
async function readBody(body: Dispatcher.ResponseData["body"], isZipped: boolean, maxBytes: number) {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let sentBytes = 0;
  body.on("data", (chunk: Buffer) => {
    sentBytes += chunk.length;
  });
  for await (const chunk of (isZipped ? await unzipped(body) : body) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      body.destroy();
      return undefined;
    }
    chunks.push(chunk);
  }
  return { bytes: Buffer.concat(chunks), sentBytes };
}

async function unzipped(body: Dispatcher.ResponseData["body"]): Promise<Transform> {
  const [{ createGunzip }, { pipeline }] = await Promise.all([import("node:zlib"), import("node:stream")]);
  // What goes wrong is thrown where the result is read.
  return pipeline(body, createGunzip(), () => {});
}

function parsedUrl(url: string): URL {
  const parsed = URL.parse(url);
  // Not the platform's message, which repeats the URL and the password in it.
  if (parsed === null) throw new Error("not a URL");
  return parsed;
}

function basicOf(username: string, password: string): string {
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(credentials, "utf8").toString("base64")}`;
}

function headerOf({ headers }: Dispatcher.ResponseData, name: string): string {
  const value = headers[name];
  return (typeof value === "string" ? value : (value?.[0] ?? "")).toLowerCase();
}

function notRead(kind: "absent" | "failed", reason: string, isAnswered = false): FetchedPage {
  return { kind, reason, isAnswered };
}

/** Reads a short rest, so that the connection can be kept; drops it with a long one. */
async function discard(body: Dispatcher.ResponseData["body"], signal: AbortSignal): Promise<void> {
  await body.dump({ limit: 65_536, signal });
}

/** The system's code of a failed connection, which stands in the first of several attempts where a name has several addresses. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
