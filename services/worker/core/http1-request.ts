/** What goes out ahead of a request's body over HTTP/1.1. Pure. */

export interface RequestLine {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Of the target, for the `host` header. */
  readonly host: string;
  /** False: the connection is closed after the answer, and the request says so. */
  readonly isKept: boolean;
}

/** What many requests share of their heads. */
export interface SharedHead {
  /** Everything but the request's own headers and the length of its body. */
  readonly text: string;
  /** The body's length that the headers claim; undefined: they claim none. */
  readonly claimedBytes: number | undefined;
  /** Why no such request can be sent; undefined: it can. */
  readonly wrong: string | undefined;
}

/** Headers that say how a connection or a message is framed are not a user's to give. */
const refusedNames: ReadonlySet<string> = new Set(["transfer-encoding", "keep-alive", "upgrade", "expect", "te", "trailer"]);
/** Written by this side where the user gives none. */
const framingNames: ReadonlySet<string> = new Set([...refusedNames, "host", "connection", "content-length"]);
const namePattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const pathPattern = /^\/[\x21-\xff]*$/;
const valuePattern = /^[\t\x20-\x7e\x80-\xff]*$/;

/** @param headers name, value, name, value; `host`, `connection` and `content-length` take the place of what is usual */
export function sharedHead({ method, path, host, isKept }: RequestLine, headers: readonly string[]): SharedHead {
  let wrong = pathPattern.test(path) ? undefined : `${JSON.stringify(path)} is no path of an HTTP request`;
  let shownHost = host;
  let connection = isKept ? "keep-alive" : "close";
  let claimedBytes: number | undefined;
  let lines = "";
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? "";
    const value = headers[index + 1] ?? "";
    const lower = name.toLowerCase();
    wrong ??= headerFault(name, value) ?? (refusedNames.has(lower) ? `the header ${name} is the connection's own` : undefined);
    if (lower === "host") shownHost = value;
    else if (lower === "connection") {
      connection = isKept ? value.toLowerCase() : "close";
      if (connection !== "close" && connection !== "keep-alive") wrong ??= `the header ${name} is the connection's own`;
    } else {
      lines += `${name}: ${value}\r\n`;
      if (lower !== "content-length") continue;
      claimedBytes = /^\d{1,15}$/.test(value) ? Number(value) : undefined;
      if (claimedBytes === undefined) wrong ??= `the header ${name} is no length`;
    }
  }
  const text = `${method} ${path} HTTP/1.1\r\nhost: ${shownHost}\r\nconnection: ${connection}\r\n${lines}`;
  return { text, claimedBytes, wrong };
}

/** Names that have been looked at: a run's requests have the same few. */
const goodNames = new Set<string>();

/**
 * The rest of a head: the request's own headers, the length of its body where it has one, and the empty line.
 * Undefined: one of the headers cannot be sent; `ownHeadersFault` says why.
 */
export function headRest(ownHeaders: readonly string[], lengthBytes: number | undefined): string | undefined {
  let rest = "";
  for (let index = 0; index < ownHeaders.length; index += 2) {
    const name = ownHeaders[index] as string;
    const value = ownHeaders[index + 1] as string;
    if (!isOwnHeader(name, value)) return undefined;
    rest += `${name}: ${value}\r\n`;
  }
  return lengthBytes === undefined ? `${rest}\r\n` : `${rest}content-length: ${lengthBytes}\r\n\r\n`;
}

/** Whether a request may have it for itself; `ownHeadersFault` says why not. */
export function isOwnHeader(name: string, value: string): boolean {
  if (!goodNames.has(name)) {
    if (headerFault(name, "") !== undefined || framingNames.has(name.toLowerCase())) return false;
    if (goodNames.size < 100) goodNames.add(name);
  }
  return valuePattern.test(value);
}

/** Why `isOwnHeader` took one of them for none. */
export function ownHeadersFault(ownHeaders: readonly string[]): string {
  for (let index = 0; index < ownHeaders.length; index += 2) {
    const name = ownHeaders[index] ?? "";
    const fault = headerFault(name, ownHeaders[index + 1] ?? "");
    if (fault !== undefined) return fault;
    if (framingNames.has(name.toLowerCase())) return `the header ${name} is the connection's own`;
  }
  return "a header cannot be sent";
}

function headerFault(name: string, value: string): string | undefined {
  if (!namePattern.test(name)) return `${JSON.stringify(name)} is no header name`;
  return valuePattern.test(value) ? undefined : `the value of ${name} holds characters that a header may not have`;
}
