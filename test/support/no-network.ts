/** To be loaded into processes before anything else (`--import`): whoever connects to another host than this one fails. */
import { isIP, Socket } from "node:net";

interface Place {
  readonly host?: string;
  readonly path?: string;
}

const own: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "::1"]);
const { connect } = Socket.prototype;

function placeOf([first, second]: readonly unknown[]): Place {
  // Node passes what it has made of its arguments as a list.
  if (Array.isArray(first)) return placeOf(first);
  if (typeof first === "object" && first !== null) return first;
  return typeof second === "string" && Number.isInteger(Number(first)) ? { host: second } : {};
}

Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
  const { host, path } = placeOf(args);
  if (path === undefined && host !== undefined && !own.has(host)) {
    throw new Error(`${isIP(host) ? "the address" : "the host"} ${host} is not this one: there is no network`);
  }
  return Reflect.apply(connect, this, args);
} as typeof connect;
