/**
 * Reads HTTP/1.x requests from the bytes of one connection, whatever the pieces they come in (RFC 9112). Pure: no
 * socket, no clock. The caller feeds bytes and pulls requests; what it does not pull stays held, so a pipelined
 * request waits until its turn.
 */

export interface HttpRequest {
  readonly kind: "request";
  readonly method: string;
  /** Without query. */
  readonly path: string;
  /** Minor version of HTTP/1: 0 or 1. */
  readonly minor: 0 | 1;
  /** Whether the client lets the connection live on after the answer. */
  readonly keepAlive: boolean;
  /** The header `authorization`. */
  readonly authorization: string | undefined;
  /** The header `x-api-key`. */
  readonly apiKey: string | undefined;
  readonly body: Buffer;
}

/** The client waits for `100 Continue` before it sends the body. Comes at most once, before its request. */
export interface HttpContinue {
  readonly kind: "continue";
}

/** Bytes that are no acceptable request: answer with `status`, then close. Nothing more is read. */
export interface HttpFault {
  readonly kind: "fault";
  readonly status: number;
  readonly message: string;
}

export type Parsed = HttpRequest | HttpContinue | HttpFault;

export interface ParserLimits {
  /** Request line and headers; 431 beyond. Also bounds trailers. */
  readonly headBytes: number;
  /** Body after decoding; 413 beyond. */
  readonly bodyBytes: number;
}

interface Head {
  readonly method: string;
  readonly path: string;
  readonly minor: 0 | 1;
  readonly keepAlive: boolean;
  readonly authorization: string | undefined;
  readonly apiKey: string | undefined;
  readonly isChunked: boolean;
  readonly contentLength: number;
  readonly expectsContinue: boolean;
}

/**
 * head: waiting for the empty line after the headers. body: `remaining` bytes of a Content-Length body are missing.
 * size, data, dataEnd, trailer: inside a chunked body. dead: a fault was reported.
 */
type State = "head" | "body" | "size" | "data" | "dataEnd" | "trailer" | "dead";

const nothing = Buffer.alloc(0);
const continueWanted: HttpContinue = { kind: "continue" };
const longestSizeLine = 1024;
const noHead: Head = {
  method: "",
  path: "",
  minor: 1,
  keepAlive: false,
  authorization: undefined,
  apiKey: undefined,
  isChunked: false,
  contentLength: 0,
  expectsContinue: false,
};

/** One per connection. `feed` what arrives, then call `next` until it gives `undefined` (more bytes are needed). */
export class RequestParser {
  readonly #limits: ParserLimits;
  #state: State = "head";
  #held: Buffer = nothing;
  #head: Head = noHead;
  // Clients repeat their head byte for byte on a kept connection; comparing is cheaper than reading it again.
  #lastHeadText = "";
  #lastHead: Head = noHead;
  #parts: Buffer[] = [];
  #bodyBytes = 0;
  #remaining = 0;
  #trailerBytes = 0;
  #continueIsDue = false;

  constructor(limits: ParserLimits) {
    this.#limits = limits;
  }

  /** Bytes fed and not yet consumed by a request. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /** Takes the bytes; the caller must not change them afterwards. */
  feed(bytes: Buffer): void {
    if (this.#state === "dead") return;
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
  }

  /** The next request, wish or fault; `undefined` when the bytes fed so far hold no more. */
  next(): Parsed | undefined {
    for (;;) {
      const state = this.#state;
      const parsed = this.#step();
      if (parsed !== undefined) return parsed;
      if (this.#state === state) return this.#continueWish();
    }
  }

  // One transition; leaves the state as it is when bytes are missing.
  #step(): Parsed | undefined {
    switch (this.#state) {
      case "head":
        return this.#readHead();
      case "body":
      case "data":
        return this.#readData();
      case "size":
        return this.#readSize();
      case "dataEnd":
        return this.#readDataEnd();
      case "trailer":
        return this.#readTrailer();
      case "dead":
        return undefined;
    }
  }

  #continueWish(): HttpContinue | undefined {
    if (!this.#continueIsDue) return undefined;
    this.#continueIsDue = false;
    return this.#bodyBytes === 0 && this.#held.length === 0 ? continueWanted : undefined;
  }

  #readHead(): Parsed | undefined {
    // Empty lines before a request line are to be ignored (RFC 9112 §2.2).
    while (this.#held.length >= 2 && this.#held[0] === 13 && this.#held[1] === 10) this.#held = this.#held.subarray(2);
    const end = this.#held.indexOf("\r\n\r\n", 0, "latin1");
    if (end > this.#limits.headBytes || (end < 0 && this.#held.length > this.#limits.headBytes)) {
      return this.#fault(431, `request head is longer than ${this.#limits.headBytes} bytes`);
    }
    if (end < 0) return undefined;
    const text = this.#held.toString("latin1", 0, end);
    const head = text === this.#lastHeadText ? this.#lastHead : readHead(text);
    if ("status" in head) return this.#fault(head.status, head.message);
    this.#lastHeadText = text;
    this.#lastHead = head;
    if (head.contentLength > this.#limits.bodyBytes) return this.#tooLarge();
    const bodyStart = end + 4;
    const bodyEnd = bodyStart + head.contentLength;
    if (!head.isChunked && this.#held.length >= bodyEnd) {
      const body = this.#held.subarray(bodyStart, bodyEnd);
      this.#held = this.#held.length === bodyEnd ? nothing : this.#held.subarray(bodyEnd);
      return requestOf(head, body);
    }
    this.#held = this.#held.subarray(bodyStart);
    this.#head = head;
    this.#continueIsDue = head.expectsContinue;
    this.#remaining = head.contentLength;
    this.#state = head.isChunked ? "size" : "body";
    return undefined;
  }

  #readData(): Parsed | undefined {
    const taken = Math.min(this.#remaining, this.#held.length);
    if (taken > 0) this.#parts.push(this.#held.subarray(0, taken));
    this.#held = this.#held.subarray(taken);
    this.#remaining -= taken;
    this.#bodyBytes += taken;
    if (this.#remaining > 0) return undefined;
    if (this.#state === "body") return this.#finish();
    this.#state = "dataEnd";
    return undefined;
  }

  #readSize(): Parsed | undefined {
    const line = this.#takeLine();
    if (line === undefined) {
      return this.#held.length > longestSizeLine ? this.#fault(400, "chunk size line is too long") : undefined;
    }
    const size = /^([0-9a-f]{1,8})[ \t]*(?:;.*)?$/i.exec(line)?.[1];
    if (size === undefined) return this.#fault(400, "chunk size is malformed");
    this.#remaining = Number.parseInt(size, 16);
    if (this.#bodyBytes + this.#remaining > this.#limits.bodyBytes) return this.#tooLarge();
    this.#state = this.#remaining === 0 ? "trailer" : "data";
    return undefined;
  }

  #readDataEnd(): Parsed | undefined {
    if (this.#held.length < 2) return undefined;
    if (this.#held[0] !== 13 || this.#held[1] !== 10) return this.#fault(400, "chunk does not end with its size");
    this.#held = this.#held.subarray(2);
    this.#state = "size";
    return undefined;
  }

  #readTrailer(): Parsed | undefined {
    for (let line = this.#takeLine(); line !== undefined; line = this.#takeLine()) {
      if (line === "") return this.#finish();
      this.#trailerBytes += line.length + 2;
      if (this.#trailerBytes > this.#limits.headBytes) break;
    }
    const bytes = this.#trailerBytes + this.#held.length;
    return bytes > this.#limits.headBytes ? this.#fault(431, "request trailers are too long") : undefined;
  }

  #takeLine(): string | undefined {
    const end = this.#held.indexOf("\r\n", 0, "latin1");
    if (end < 0) return undefined;
    const line = this.#held.toString("latin1", 0, end);
    this.#held = this.#held.subarray(end + 2);
    return line;
  }

  #finish(): HttpRequest {
    const head = this.#head;
    const body = this.#parts.length === 1 && this.#parts[0] !== undefined ? this.#parts[0] : Buffer.concat(this.#parts);
    this.#state = "head";
    this.#head = noHead;
    this.#parts = [];
    this.#bodyBytes = 0;
    this.#trailerBytes = 0;
    this.#continueIsDue = false;
    return requestOf(head, body);
  }

  #tooLarge(): HttpFault {
    return this.#fault(413, `request body is larger than ${this.#limits.bodyBytes} bytes`);
  }

  #fault(status: number, message: string): HttpFault {
    this.#state = "dead";
    this.#held = nothing;
    this.#parts = [];
    this.#continueIsDue = false;
    return { kind: "fault", status, message };
  }
}

function requestOf(head: Head, body: Buffer): HttpRequest {
  const { method, path, minor, keepAlive, authorization, apiKey } = head;
  return { kind: "request", method, path, minor, keepAlive, authorization, apiKey, body };
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const requestLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP\/(\d)\.(\d)$/;

/** The head's lines without the final empty one. */
function readHead(text: string): Head | HttpFault {
  const lines = text.split("\r\n");
  const [, method, target, major, minorText] = requestLine.exec(lines[0] ?? "") ?? [];
  if (method === undefined || target === undefined) return faultOf(400, "request line is malformed");
  if (major !== "1") return faultOf(505, `HTTP/${major}.${minorText} is not spoken here`);
  const headers = readHeaders(lines);
  if (headers === undefined) return faultOf(400, "header is malformed");
  const minor = minorText === "0" ? 0 : 1;
  if (minor === 1 && headers.get("host") === undefined) return faultOf(400, "header host is missing");
  const coding = headers.get("transfer-encoding");
  const length = headers.get("content-length");
  if (coding !== undefined && coding.toLowerCase() !== "chunked") return faultOf(501, `transfer coding ${coding} is not known`);
  // Both together are how requests get smuggled past a proxy (RFC 9112 §6.3).
  if (coding !== undefined && length !== undefined) return faultOf(400, "content-length beside transfer-encoding");
  const contentLength = lengthOf(length);
  if (contentLength === undefined) return faultOf(400, `content-length must be a number, got ${length}`);
  const expectation = minor === 1 ? headers.get("expect") : undefined;
  if (expectation !== undefined && expectation.toLowerCase() !== "100-continue") {
    return faultOf(417, `expectation ${expectation} cannot be met`);
  }
  const connection = (headers.get("connection") ?? "").toLowerCase().split(/[ \t]*,[ \t]*/);
  return {
    method,
    path: pathOf(target),
    minor,
    keepAlive: minor === 1 ? !connection.includes("close") : connection.includes("keep-alive"),
    authorization: headers.get("authorization"),
    apiKey: headers.get("x-api-key"),
    isChunked: coding !== undefined,
    contentLength,
    expectsContinue: expectation !== undefined,
  };
}

/** Names in lower case; a repeated header's values are joined with commas. `undefined` when a line is no header. */
function readHeaders(lines: readonly string[]): Map<string, string> | undefined {
  const headers = new Map<string, string>();
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const colon = line.indexOf(":");
    if (colon < 0 || !token.test(line.slice(0, colon))) return undefined;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "");
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
  }
  return headers;
}

/** 0 without a header; equal repetitions count as one (RFC 9110 §8.6); `undefined` when it is no length. */
function lengthOf(header: string | undefined): number | undefined {
  if (header === undefined) return 0;
  const values = new Set(header.split(/[ \t]*,[ \t]*/));
  const [value = ""] = values;
  return values.size === 1 && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

function pathOf(target: string): string {
  const path = target.startsWith("/") ? target : target.replace(/^https?:\/\/[^/?]*/i, "");
  const query = path.indexOf("?");
  const bare = query < 0 ? path : path.slice(0, query);
  return bare === "" ? "/" : bare;
}

function faultOf(status: number, message: string): HttpFault {
  return { kind: "fault", status, message };
}
