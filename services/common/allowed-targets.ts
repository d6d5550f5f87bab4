/**
 * Which hosts a suite sends requests to and reads pages of, whoever asks. What counts is the address that is dialled: it is looked at
 * when a connection is made, so that a name which stands for another address by then leads nowhere.
 */
import { type LookupAddress, type LookupOptions, lookup as lookupName } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { AssayError } from "./errors.ts";

/** How a host's name is resolved for a connection; undefined: as usual. */
export type TargetLookup = LookupFunction | undefined;

export interface AllowedTargets {
  /**
   * For connections to a host and port. Throws `permission_denied`, naming both, where none may be made; a name whose address decides
   * is refused by the lookup, in the same words.
   */
  lookupFor(host: string, port: number): TargetLookup;
  /** Throws `permission_denied` where what is behind a proxy may not be reached: the proxy resolves its name, so that the name decides. */
  checkBehindProxy(host: string, port: number): void;
  /** Throws `permission_denied` for a Unix socket that may not be dialled. */
  checkSocket(path: string): void;
}

/** As the entries of `--allow-targets` say; none: everything may be dialled. Throws `invalid_argument` for an entry that is none. */
export function allowedTargets(entries: readonly string[]): AllowedTargets {
  return entries.length === 0 ? everything : new ListedTargets(entries);
}

/** The first entry that is none; undefined: all are. */
export function wrongTarget(entries: readonly string[]): string | undefined {
  return entries.find((entry) => entryOf(entry) === undefined);
}

const everything: AllowedTargets = {
  lookupFor: () => undefined,
  checkBehindProxy() {},
  checkSocket() {},
};

type Family = "ipv4" | "ipv6";

type Entry =
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "name"; readonly host: string; readonly port: number | undefined }
  | {
      readonly kind: "addresses";
      readonly network: string;
      readonly family: Family;
      readonly bits: number;
      readonly port: number | undefined;
    };

/** What a name from outside may not stand for, unless the address itself is listed: this host, and what is next to it. */
const inner = blockListOf([
  ["127.0.0.0", 8, "ipv4"],
  ["0.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["::", 127, "ipv6"],
  ["fe80::", 10, "ipv6"],
]);

class ListedTargets implements AllowedTargets {
  readonly #names = new Set<string>();
  readonly #sockets = new Set<string>();
  /** By port; undefined: whatever port. */
  readonly #addresses = new Map<number | undefined, BlockList>();

  constructor(entries: readonly string[]) {
    for (const text of entries) {
      const entry = entryOf(text);
      if (entry === undefined) throw new AssayError("invalid_argument", `--allow-targets: must be ${targetForm}, got ${text}`);
      if (entry.kind === "socket") this.#sockets.add(entry.path);
      else if (entry.kind === "name") this.#names.add(nameWithPort(entry.host, entry.port));
      else {
        const list = this.#addresses.get(entry.port) ?? new BlockList();
        list.addSubnet(entry.network, entry.bits, entry.family);
        this.#addresses.set(entry.port, list);
      }
    }
  }

  lookupFor(host: string, port: number): TargetLookup {
    const name = plain(host);
    if (isIP(name) !== 0) {
      if (this.#hasAddress(name, port)) return undefined;
      throw refusal(host, port);
    }
    const isListed = this.#hasName(name, port);
    if (!isListed && this.#addresses.size === 0) throw refusal(host, port);
    const mayDial = (address: string): boolean => {
      if (this.#hasAddress(address, port)) return true;
      return isListed && (name === "localhost" || !isIn(inner, address));
    };
    return filteredLookup(mayDial, (addresses) => refusal(host, port, addresses));
  }

  checkBehindProxy(host: string, port: number): void {
    const name = plain(host);
    if (this.#hasName(name, port) || (isIP(name) !== 0 && this.#hasAddress(name, port))) return;
    throw refusal(host, port);
  }

  checkSocket(path: string): void {
    if (this.#sockets.has(path)) return;
    throw new AssayError("permission_denied", `unix:${path} is not among the targets of this suite (--allow-targets)`);
  }

  #hasName(name: string, port: number): boolean {
    return this.#names.has(name) || this.#names.has(nameWithPort(name, port));
  }

  #hasAddress(address: string, port: number): boolean {
    return [this.#addresses.get(undefined), this.#addresses.get(port)].some((list) => list !== undefined && isIn(list, address));
  }
}

/** In words, for whoever wrote another one. */
export const targetForm = "HOST, HOST:PORT, an address, a CIDR, either with :PORT behind it, or unix:/PATH";

function refusal(host: string, port: number, addresses: readonly string[] = []): AssayError {
  const leads = addresses.length === 0 ? "" : `, which is ${addresses.join(", ")},`;
  return new AssayError("permission_denied", `${host}:${port}${leads} is not among the targets of this suite (--allow-targets)`);
}

function filteredLookup(
  mayDial: (address: string) => boolean,
  refuse: (addresses: readonly string[]) => AssayError,
): LookupFunction {
  return (hostname, options, callback) => {
    const asked: LookupOptions & { all: true } = { ...options, all: true };
    lookupName(hostname, asked, (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => {
      if (error !== null) return callback(error, "");
      const allowed = found.filter(({ address }) => mayDial(address));
      const [first] = allowed;
      if (first === undefined) return callback(refuse(found.map(({ address }) => address)), "");
      if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

function entryOf(text: string): Entry | undefined {
  const path = /^unix:(?:\/\/)?(\/.+)$/.exec(text)?.[1];
  if (path !== undefined) return { kind: "socket", path };
  // Colons without brackets are an IPv6 address or network, which then has no port.
  const bare = /^([0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*)(?:\/(\d{1,3}))?$/i.exec(text);
  if (bare !== null) return addressesOf(bare[1] ?? "", bare[2], undefined);
  const [, bracketed, host = bracketed ?? "", bits, port] =
    /^(?:\[([^\]]+)\]|([^:/\s[\]]+))(?:\/(\d{1,3}))?(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (host === "" || (port !== undefined && !(Number(port) >= 1 && Number(port) <= 65_535))) return undefined;
  const number = port === undefined ? undefined : Number(port);
  if (isIP(host) !== 0) return addressesOf(host, bits, number);
  if (bits !== undefined || bracketed !== undefined || !/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?$/i.test(host)) return undefined;
  // A name of digits alone is no name to URLs: they read an address.
  return /^[\d.]+$/.test(host) ? undefined : { kind: "name", host: plain(host), port: number };
}

function addressesOf(network: string, bitsText: string | undefined, port: number | undefined): Entry | undefined {
  const version = isIP(network);
  const most = version === 4 ? 32 : 128;
  const bits = bitsText === undefined ? most : Number(bitsText);
  if (version === 0 || bits > most) return undefined;
  return { kind: "addresses", network, family: version === 4 ? "ipv4" : "ipv6", bits, port };
}

function isIn(list: BlockList, address: string): boolean {
  // An address next to this host may name the network card that leads there.
  const bare = address.replace(/%.*$/, "");
  return list.check(bare, isIP(bare) === 6 ? "ipv6" : "ipv4");
}

function blockListOf(networks: readonly (readonly [network: string, bits: number, family: Family])[]): BlockList {
  const list = new BlockList();
  for (const [network, bits, family] of networks) list.addSubnet(network, bits, family);
  return list;
}

/** As URLs have names: lower case, and without brackets and the root's dot. */
function plain(host: string): string {
  return host
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
}

function nameWithPort(host: string, port: number | undefined): string {
  return port === undefined ? host : `${host}:${port}`;
}
