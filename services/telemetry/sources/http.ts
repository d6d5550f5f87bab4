/** Pages over HTTP. */
import type { Agent, Dispatcher } from "undici";
import { messageOf } from "../../common/errors.ts";

/** `absent`: nobody serves the page (refused, unknown host, 404). `failed`: somebody does, or might, and it did not come. */
export type FetchedPage =
  | { readonly kind: "page"; readonly text: string }
  | { readonly kind: "absent" | "failed"; readonly reason: string };

export interface PageLimits {
  /** From the call to the last byte, connecting included. */
  readonly deadlineMs: number;
  /** A longer body is given up. */
  readonly maxBytes: number;
}

export interface PageFetcher {
  /** Never rejects. An aborted `signal` ends it at once, as `failed`. */
  fetch(url: string, signal: AbortSignal): Promise<FetchedPage>;
  /** Closes kept connections; what is in flight fails. */
  close(): Promise<void>;
}

const absentCodes: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);

/** Keeps one connection a host between scrapes. undici is loaded with the first page. */
export function createPageFetcher(limits: PageLimits): PageFetcher {
  let agent: Promise<Agent> | undefined;
  return {
    async fetch(url, signal) {
      const deadline = AbortSignal.timeout(limits.deadlineMs);
      try {
        agent ??= createAgent(limits.deadlineMs);
        return await readPage(await agent, url, limits.maxBytes, AbortSignal.any([signal, deadline]));
      } catch (error) {
        if (signal.aborted) return { kind: "failed", reason: "cancelled" };
        if (deadline.aborted) return { kind: "failed", reason: `no page within ${limits.deadlineMs} ms` };
        return { kind: absentCodes.has(codeOf(error)) ? "absent" : "failed", reason: messageOf(error) || codeOf(error) };
      }
    },
    async close() {
      await (await agent)?.destroy();
    },
  };
}

async function createAgent(connectTimeoutMs: number): Promise<Agent> {
  const { Agent } = await import("undici");
  return new Agent({ connections: 1, connect: { timeout: connectTimeoutMs } });
}

async function readPage(agent: Agent, url: string, maxBytes: number, signal: AbortSignal): Promise<FetchedPage> {
  const { origin, pathname, search } = new URL(url);
  const headers = { accept: "text/plain;version=0.0.4" };
  const { statusCode, body } = await agent.request({ method: "GET", origin, path: pathname + search, headers, signal });
  if (statusCode !== 200) {
    await discard(body, signal);
    return { kind: statusCode === 404 ? "absent" : "failed", reason: `HTTP status ${statusCode}` };
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Leaving the loop destroys the body and with it the connection.
    if (bytes > maxBytes) return { kind: "failed", reason: `page is larger than ${maxBytes} bytes` };
    chunks.push(chunk);
  }
  return { kind: "page", text: Buffer.concat(chunks).toString("utf8") };
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
