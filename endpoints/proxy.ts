/** The HTTP proxy that a run's connections go through: its URL as people write it, and how it says no. */
import type { RequestError } from "./outcome.ts";
import { requestError } from "./target-error.ts";

export interface ProxyPlace {
  /** It is spoken to in TLS. */
  readonly isSecure: boolean;
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** As messages name it: without user and password. */
  readonly shown: string;
  /** Both undefined: the URL has none. Secrets. */
  readonly user: string | undefined;
  readonly password: string | undefined;
}

/**
 * Reads `http://[user:password@]host:port` or `https://…`, `http://` assumed where there is no scheme, port 80 or 443 where there is
 * none. Undefined for anything else, something behind the port included.
 */
export function parseProxyUrl(text: string): ProxyPlace | undefined {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined;
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") return undefined;
  const isSecure = url.protocol === "https:";
  const hasUser = url.username !== "" || url.password !== "";
  try {
    return {
      isSecure,
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port === "" ? (isSecure ? 443 : 80) : Number(url.port),
      shown: url.origin,
      user: hasUser ? decodeURIComponent(url.username) : undefined,
      password: hasUser ? decodeURIComponent(url.password) : undefined,
    };
  } catch {
    // A per cent sign that begins no escape.
    return undefined;
  }
}

/** Without user and password, of which `***` is left; `***` alone where that cannot be told. */
export function maskedProxyUrl(text: string): string {
  const place = parseProxyUrl(text);
  if (place === undefined) return "***";
  return place.user === undefined ? text : place.shown.replace("://", "://***@");
}

/** A proxy has answered CONNECT with another status than 2xx. @param authority host and port of the target */
export function proxyRefusal(proxy: string, authority: string, status: number, words: string): RequestError {
  const what = `the proxy ${proxy} refused CONNECT ${authority} with status ${status}`;
  return requestError("proxy_refused", "connect", words === "" ? what : `${what}: ${words}`);
}

/** The status that a proxy refused with; undefined: the error is another one. */
export function refusalStatus({ code, message }: Pick<RequestError, "message"> & { readonly code: string }): number | undefined {
  const status = code === "proxy_refused" ? /with status (\d{3})/.exec(message)?.[1] : undefined;
  return status === undefined ? undefined : Number(status);
}
