/**
 * One client connection: feeds the parser, hands one request at a time to the route, writes answers, and tells the
 * answer in progress when the client reads again or is gone.
 */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type HttpRequest, type ParserLimits, RequestParser } from "./request-parser.ts";

/** An answer that is still being sent. */
export interface OpenAnswer {
  /** All bytes written so far are with the kernel; called only after `waitForFlush`. */
  flushed(): void;
  /** The client is gone; nothing can be written any more. Called once, instead of `finish`. */
  aborted(): void;
}

/**
 * Answers one request: either `connection.answer` before it returns, or `connection.open`, then later `finish`.
 * The request's body is only valid during the call.
 */
export type Route = (request: HttpRequest, connection: Connection) => void;

export interface ConnectionDeps {
  readonly route: Route;
  /** The answer to bytes that are no acceptable request. */
  readonly faultBody: (status: number, message: string) => string;
  readonly limits: ParserLimits;
  /** Value of the Date header now. */
  readonly date: () => string;
}

/** Answers to a client that pipelines and does not read wait beyond this size. */
const maxUnreadBytes = 256 * 1024;
/** How long a closed connection may still send before it is cut; cutting at once could destroy the last answer. */
const lingerMs = 1000;

const reasons: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  417: "Expectation Failed",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};

/** Lives as long as its socket. A client that ends its side while an answer is open counts as gone. */
export class Connection {
  readonly #socket: Socket;
  readonly #deps: ConnectionDeps;
  readonly #parser: RequestParser;
  #answer: OpenAnswer | undefined;
  #isFlushAwaited = false;
  #isPumping = false;
  #isClosing = false;
  #connectionHeader = "";
  #keepAlive = true;

  constructor(socket: Socket, deps: ConnectionDeps) {
    this.#socket = socket;
    this.#deps = deps;
    this.#parser = new RequestParser(deps.limits);
    socket.on("data", (bytes: Buffer) => this.#received(bytes));
    socket.on("end", () => this.#answer !== undefined && socket.destroy());
    socket.on("error", () => {}); // a reset; 'close' follows and ends the answer
    socket.on("close", () => this.#gone());
  }

  /** Bytes written that the kernel has not taken. While there are some, the written buffers must not change. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** A whole answer at once; `body` is ASCII. `extraHeaders` is empty or lines that end with CR LF. */
  answer(status: number, contentType: string, body: string, extraHeaders = ""): void {
    const length = `content-length: ${body.length}\r\n`;
    this.write(this.head(status, contentType, length + extraHeaders) + body);
    this.finish();
  }

  /** The head of an answer to the current request. */
  head(status: number, contentType: string, headers: string): string {
    return (
      `HTTP/1.1 ${status} ${reasons[status] ?? ""}\r\ndate: ${this.#deps.date()}\r\ncontent-type: ${contentType}\r\n` +
      `${headers}${this.#connectionHeader}\r\n`
    );
  }

  /** Keeps the current request open until `finish`. */
  open(answer: OpenAnswer): void {
    this.#answer = answer;
  }

  write(bytes: Buffer | string): void {
    this.#socket.write(bytes, "latin1", this.#onWritten);
  }

  /** Asks for one call of the open answer's `flushed`. Only while `unsentBytes` > 0. */
  waitForFlush(): void {
    this.#isFlushAwaited = true;
  }

  /** Ends the current request's answer; the next request follows, or the end of the connection. */
  finish(): void {
    this.#answer = undefined;
    if (!this.#keepAlive) this.#close();
    else if (!this.#isPumping) this.#pump();
  }

  /** Ends the connection after what was written, whatever is missing of the current answer; that is over. */
  cut(): void {
    this.#answer = undefined;
    this.#close();
  }

  /** Resets the connection, or cuts it in TLS: the client sees an error, and may lose what it has not read. The current answer is over. */
  reset(): void {
    this.#answer = undefined;
    this.#isClosing = true;
    if (this.#socket instanceof TLSSocket) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  /** Cuts the connection; an open answer is aborted. */
  destroy(): void {
    this.#socket.destroy();
  }

  #received(bytes: Buffer): void {
    if (this.#isClosing) return;
    this.#parser.feed(bytes);
    if (this.#answer === undefined && !this.#isFlushAwaited) this.#pump();
    else this.#socket.pause(); // pipelined: what has been read is held, the rest stays with the kernel
  }

  #pump(): void {
    this.#isPumping = true;
    while (this.#answer === undefined && !this.#isClosing && !this.#isFlushAwaited) {
      if (!this.#serveNext()) break;
      this.#isFlushAwaited = this.#answer === undefined && this.unsentBytes > maxUnreadBytes;
    }
    this.#isPumping = false;
    const mustWait = (this.#answer !== undefined || this.#isFlushAwaited) && this.#parser.heldBytes > 0;
    if (mustWait) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  /** False when the bytes received hold no further request. */
  #serveNext(): boolean {
    const parsed = this.#parser.next();
    if (parsed === undefined) return false;
    switch (parsed.kind) {
      case "continue":
        this.write("HTTP/1.1 100 Continue\r\n\r\n");
        break;
      case "fault":
        this.#setKeepAlive(false, 1);
        this.answer(parsed.status, "application/json", this.#deps.faultBody(parsed.status, parsed.message));
        break;
      case "request":
        this.#setKeepAlive(parsed.keepAlive, parsed.minor);
        this.#deps.route(parsed, this);
        break;
    }
    return true;
  }

  #setKeepAlive(keepAlive: boolean, minor: 0 | 1): void {
    this.#keepAlive = keepAlive;
    this.#connectionHeader = !keepAlive ? "connection: close\r\n" : minor === 0 ? "connection: keep-alive\r\n" : "";
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (!this.#isFlushAwaited || error || this.unsentBytes > 0) return;
    this.#isFlushAwaited = false;
    if (this.#answer !== undefined) this.#answer.flushed();
    else this.#pump();
  };

  #close(): void {
    this.#isClosing = true;
    const socket = this.#socket;
    socket.end(() => {
      const timer = setTimeout(() => socket.destroy(), lingerMs);
      socket.once("close", () => clearTimeout(timer));
    });
    socket.resume();
  }

  #gone(): void {
    const answer = this.#answer;
    this.#answer = undefined;
    this.#isClosing = true;
    answer?.aborted();
  }
}
