/** Puts requests on sockets: head and body in one write, and with it one system call, wherever the body is small. */
import type { Socket } from "node:net";
import { headRest, ownHeadersFault, type SharedHead, sharedHead } from "../core/http1-request.ts";
import type { TargetOptions, WireRequest } from "./transport.ts";

/** Larger requests go out as two pieces of one write: copying them would cost more than it saves. */
const copiedBytes = 32 * 1024;
const none: readonly string[] = [];

/** One for all requests of this process: what is written has been taken by the kernel when `write` returns, nearly always. */
let scratch = Buffer.allocUnsafeSlow(copiedBytes);

/** The head of one request, ready. */
export interface ReadyHead {
  readonly shared: Buffer;
  readonly rest: string;
}

/** What a target's requests share, as of the last of them. */
interface Known {
  headers: readonly string[];
  path: string;
  method: "GET" | "POST";
  head: SharedHead;
  bytes: Buffer;
}

export class RequestWriter {
  private readonly hosts: string[];
  private readonly areKept: boolean[];
  private readonly known: (Known | undefined)[];

  constructor(targets: readonly TargetOptions[]) {
    this.hosts = targets.map(({ origin }) => new URL(origin).host);
    this.areKept = targets.map(({ isPooled }) => isPooled);
    this.known = targets.map(() => undefined);
  }

  /** The request's head, or in words why it cannot be sent. */
  headOf(request: WireRequest): ReadyHead | string {
    const { target, headers, path, method = "POST", ownHeaders = none, body } = request;
    if (this.hosts[target] === undefined) return `there is no target with index ${target}`;
    let known = this.known[target];
    if (known === undefined || known.headers !== headers || known.path !== path || known.method !== method) {
      known = this.learn(request);
    }
    const { wrong, claimedBytes } = known.head;
    if (wrong !== undefined) return wrong;
    if (claimedBytes !== undefined && claimedBytes !== body.length) {
      return `the header content-length says ${claimedBytes}, the body has ${body.length} bytes`;
    }
    const rest = headRest(ownHeaders, method === "GET" || claimedBytes !== undefined ? undefined : body.length);
    return rest === undefined ? ownHeadersFault(ownHeaders) : { shared: known.bytes, rest };
  }

  private learn({ target, headers, path, method: given }: WireRequest): Known {
    const method = given ?? "POST";
    const head = sharedHead({ method, path, host: this.hosts[target] ?? "", isKept: this.areKept[target] ?? true }, headers);
    const known: Known = { headers, path, method, head, bytes: Buffer.from(head.text, "latin1") };
    this.known[target] = known;
    return known;
  }
}

/** Writes a request on an open socket. */
export function writeRequest(socket: Socket, { shared, rest }: ReadyHead, body: Buffer): void {
  const headBytes = shared.length + rest.length;
  if (headBytes + body.length <= copiedBytes) {
    shared.copy(scratch, 0);
    scratch.write(rest, shared.length, "latin1");
    body.copy(scratch, headBytes);
    socket.write(scratch.subarray(0, headBytes + body.length));
    // The kernel has not taken all of it: the socket still reads from this memory.
    if (socket.writableLength > 0) scratch = Buffer.allocUnsafeSlow(copiedBytes);
    return;
  }
  socket.cork();
  socket.write(Buffer.concat([shared, Buffer.from(rest, "latin1")]));
  socket.write(body);
  socket.uncork();
}
