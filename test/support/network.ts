/**
 * A network that can be disturbed, for processes that all run on this machine: a relay of TCP in front of each port, which knows by
 * `/proc` which host a connection comes from. Packets that do not arrive are bytes that are held back: neither end is told anything.
 */

import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { seededRandom } from "../unit/credits/simulation/clockwork.ts";

/** In the environment of every process of a host, those included that it starts. */
export const hostMark = "SUITE_TEST_HOST";

/** What an unlucky packet waits for to be sent again: the least that Linux takes. */
const resentAfterMs = 200;
const packetBytes = 1448;
/** What one direction of a connection holds, beyond which its sender is not read. */
const heldBytes = 1 << 20;

/** One direction of a connection. */
interface Pump {
  readonly from: Socket;
  readonly to: Socket;
  readonly held: { readonly bytes: Buffer | undefined; readonly dueMs: number }[];
  size: number;
  timer: NodeJS.Timeout | undefined;
}

interface Link {
  /** Of whoever dialled, and of whoever listens. */
  readonly hosts: readonly [string, string];
  readonly sockets: readonly [Socket, Socket];
  readonly pumps: readonly Pump[];
  isHalfOpen: boolean;
}

export interface Relay {
  readonly address: string;
  /** Connections wait until there is one; a service that comes back may have another. */
  target: number | undefined;
}

export class Network {
  /** Each way, of everything. */
  delayMs = 0;
  /** Of packets. */
  lossRatio = 0;
  /** Times that something waited for a packet to be sent again. */
  resent = 0;
  private readonly delays = new Map<string, number>();
  private readonly cutOff = new Set<string>();
  private readonly links = new Set<Link>();
  private readonly servers: Server[] = [];
  private readonly random = seededRandom(11);
  private readonly waiting = new Set<() => void>();

  /** A port in front of one on `host`. */
  async relayTo(host: string): Promise<Relay> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => this.accept(socket, host, relay));
    this.servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const wake = (): void => {
      for (const go of [...this.waiting]) go();
    };
    let target: number | undefined;
    const relay: Relay = {
      address: `127.0.0.1:${port}`,
      get target() {
        return target;
      },
      set target(to) {
        target = to;
        wake();
      },
    };
    return relay;
  }

  /** Each way, of everything between a host and others. */
  delay(host: string, ms: number): void {
    this.delays.set(host, ms);
  }

  /** Nothing that this host sends arrives anywhere else, and the other way round. New connections are made, and nothing comes on them. */
  cut(host: string): void {
    this.cutOff.add(host);
  }

  heal(host: string): void {
    this.cutOff.delete(host);
    for (const { pumps } of this.links) for (const pump of pumps) this.flush(pump);
  }

  /** Whoever this host is connected to is gone without a word, as after a power cut; new connections are made as ever. Returns how many. */
  halfOpen(host: string): number {
    let count = 0;
    for (const link of this.links) {
      const own = link.hosts.indexOf(host);
      if (own < 0 || link.isHalfOpen || link.hosts[1 - own] === host) continue;
      link.isHalfOpen = true;
      count++;
      link.sockets[1 - own]?.destroy();
    }
    return count;
  }

  /** Every connection between a host and others is reset, at both ends. Returns how many. */
  reset(host: string): number {
    const links = [...this.links].filter(({ hosts: [a, b] }) => a !== b && (a === host || b === host));
    for (const { sockets } of links) for (const socket of sockets) socket.resetAndDestroy();
    return links.length;
  }

  /** Connections of a host to others. */
  connectionsOf(host: string): number {
    return [...this.links].filter(({ hosts, isHalfOpen }) => !isHalfOpen && hosts.includes(host)).length;
  }

  /** Bytes between a host and others that wait to arrive. */
  heldBytesOf(host: string): number {
    const links = [...this.links].filter(({ hosts: [a, b] }) => a !== b && (a === host || b === host));
    return links.flatMap(({ pumps }) => pumps).reduce((sum, { size }) => sum + size, 0);
  }

  close(): void {
    for (const server of this.servers) server.close();
    for (const { sockets } of this.links) for (const socket of sockets) socket.destroy();
    for (const { pumps } of this.links) for (const { timer } of pumps) clearTimeout(timer);
  }

  private accept(socket: Socket, to: string, relay: Relay): void {
    const from = hostOf(socket);
    socket.on("error", () => {});
    const open = (): void => {
      if (relay.target === undefined) return;
      this.waiting.delete(open);
      const upstream = connect({ port: relay.target, host: "127.0.0.1", allowHalfOpen: true });
      const pumps = [pumpOf(socket, upstream), pumpOf(upstream, socket)];
      const link: Link = { hosts: [from, to], sockets: [socket, upstream], pumps, isHalfOpen: false };
      this.links.add(link);
      for (const pump of pumps) this.start(pump, link);
      socket.resume();
    };
    this.waiting.add(open);
    socket.once("close", () => this.waiting.delete(open));
    open();
  }

  private start(pump: Pump, link: Link): void {
    const { from, to } = pump;
    from.on("error", () => {});
    from.on("data", (bytes) => {
      if (!link.isHalfOpen) this.hold(pump, link, bytes);
    });
    from.once("close", () => {
      if (!link.isHalfOpen) this.hold(pump, link, undefined);
      if (to.destroyed) this.links.delete(link);
    });
    from.once("end", () => {
      // Both ends are programs that close all of a connection.
      if (link.isHalfOpen) from.destroy();
      else from.end();
    });
  }

  private hold(pump: Pump, { hosts: [one, other] }: Link, bytes: Buffer | undefined): void {
    const packets = Math.ceil((bytes?.length ?? 1) / packetBytes);
    const isLost = this.random() > (1 - this.lossRatio) ** packets;
    if (isLost) this.resent++;
    const now = performance.now();
    // Order is kept: what follows a lost packet waits for it, too.
    const farMs = one === other ? 0 : (this.delays.get(one) ?? 0) + (this.delays.get(other) ?? 0);
    const dueMs = Math.max(pump.held.at(-1)?.dueMs ?? 0, now + this.delayMs + farMs + (isLost ? resentAfterMs : 0));
    pump.held.push({ bytes, dueMs });
    pump.size += bytes?.length ?? 0;
    if (pump.size > heldBytes) pump.from.pause();
    this.flush(pump);
  }

  private flush(pump: Pump): void {
    clearTimeout(pump.timer);
    if (this.isCut(pump)) return;
    const now = performance.now();
    for (;;) {
      const [first] = pump.held;
      if (first === undefined) break;
      if (first.dueMs > now) {
        pump.timer = setTimeout(() => this.flush(pump), first.dueMs - now);
        break;
      }
      pump.held.shift();
      if (first.bytes === undefined) {
        pump.to.destroy();
        return;
      }
      pump.size -= first.bytes.length;
      if (!pump.to.destroyed) pump.to.write(first.bytes);
    }
    if (pump.size <= heldBytes) pump.from.resume();
  }

  private isCut(pump: Pump): boolean {
    const link = [...this.links].find(({ pumps }) => pumps.includes(pump));
    const [from = "", to = ""] = link?.hosts ?? [];
    return from !== to && (this.cutOff.has(from) || this.cutOff.has(to));
  }
}

function pumpOf(from: Socket, to: Socket): Pump {
  return { from, to, held: [], size: 0, timer: undefined };
}

/** Port that a process listens on; undefined: on none yet. */
export function listeningPortOf(pid: number): number | undefined {
  const own = inodesOf(pid);
  return tcpSockets().find(({ state, inode }) => state === listening && own.has(inode))?.localPort;
}

/** Processes of a host that live, those included that it started. */
export function processesOf(host: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && textOf(`/proc/${name}/environ`).split("\0").includes(`${hostMark}=${host}`))
    .map(Number);
}

/** Host of the process of this machine that has the other end of a connection; empty: it belongs to none. */
function hostOf({ remotePort, localPort }: Socket): string {
  // A port may be that of several connections to different ones.
  const inode = tcpSockets().find((own) => own.localPort === remotePort && own.remotePort === localPort)?.inode;
  if (inode === undefined) return "";
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const mark = textOf(`/proc/${name}/environ`)
      .split("\0")
      .find((entry) => entry.startsWith(`${hostMark}=`));
    if (mark !== undefined && inodesOf(Number(name)).has(inode)) return mark.slice(hostMark.length + 1);
  }
  return "";
}

const listening = "0A";

interface TcpSocket {
  readonly localPort: number;
  readonly remotePort: number;
  readonly state: string;
  readonly inode: string;
}

/** proc(5): sl, local_address, rem_address, st, tx:rx, tr, retrnsmt, uid, timeout, inode. */
function tcpSockets(): readonly TcpSocket[] {
  return textOf("/proc/net/tcp")
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .map(([, local = "", remote = "", state = "", , , , , , inode = ""]) => ({
      localPort: portOf(local),
      remotePort: portOf(remote),
      state,
      inode,
    }));
}

function portOf(address: string): number {
  return Number.parseInt(address.split(":")[1] ?? "", 16);
}

function inodesOf(pid: number): Set<string> {
  const folder = `/proc/${pid}/fd`;
  const inodes = new Set<string>();
  try {
    for (const fd of readdirSync(folder)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`${folder}/${fd}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    }
  } catch {
    // It is gone.
  }
  return inodes;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** Empty for a file of a process that is gone. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
