/** What `assay doctor` found, as lines for a terminal: a table, then advice. Pure. */
import type { Floor, Spread } from "../services/common/floor.ts";
import type { ReportStyle } from "./report.ts";
import { type Column, tableLines } from "./table.ts";
import { figure, whole, wrap } from "./text.ts";

export function doctorLines(floor: Floor, { width, paint }: ReportStyle): string[] {
  const columns: Column[] = [
    { header: "What", align: "left", minWidth: 18 },
    { header: "Measured", align: "left", minWidth: 18 },
  ];
  const table = tableLines({ title: `Assay | Floor of ${floor.host}`, columns, rows: rowsOf(floor) }, Math.max(80, width), {
    title: paint.bold,
    header: paint.bold,
    cell: (text, column) => (column === 0 ? paint.cyan(text) : text),
  });
  const advice = adviceOf(floor);
  const good = ["Nothing stands out: figures from this machine are as good as these."];
  const lines = advice.length === 0 ? good : advice.flatMap((text) => wrap(`- ${text}`, Math.max(80, width)).map(paint.yellow));
  return [...table, "", ...lines];
}

function rowsOf(floor: Floor): [string, string][] {
  const { pacing, stamps, connections, descriptors, ports, clock, timers, cores } = floor;
  return [
    [`Requests late at ${pacing.ratePerSec}/s`, `p50 ${inMs(pacing.normal)} ms with --pacing normal`],
    ["", `p50 ${inMs(pacing.precise)} ms with --pacing precise`],
    [`Chunks stamped late at ${whole(stamps.chunksPerSec)}/s`, `p50 ${inMs(stamps)} ms`],
    ["One worker reaches", `${whole(floor.requestsPerSec)} requests/s, ${whole(floor.chunksPerSec)} chunks/s`],
    [
      "Connections",
      `${whole(connections.perSec)} opened a second, ${whole(connections.atOnce)} of ${whole(connections.tried)} at once`,
    ],
    ["File descriptors", descriptors.soft === 0 ? "unknown" : `${limit(descriptors.soft)}, at most ${limit(descriptors.hard)}`],
    ["Local ports", ports.last === 0 ? "unknown" : `${whole(portCount(floor))}, from ${ports.first} to ${ports.last}`],
    ["Clock", `steps of ${whole(clock.resolutionNs)} ns, a reading takes ${whole(clock.readingNs)} ns`],
    ["Wall clock", `${figure(clock.wallDriftPpm)} ppm against it, over ${whole(floor.tookSec)} s`],
    ["Timers of 1 ms are late", `p50 ${inMs(timers)} ms`],
    ["Cores", `${figure(cores.usable)}, of which others kept ${figure(cores.busy)} busy`],
  ];
}

/** Bounds beyond which a figure is worth a word. */
const few = { descriptors: 4096, ports: 20_000, cores: 2 };
const busyCores = 0.3;
const slow = { normalP99Ms: 2, preciseP50Ms: 0.1, preciseP99Ms: 1.5, stampP99Ms: 2, readingNs: 500, resolutionNs: 10_000 };
const driftingPpm = 200;
/** Descriptors that a worker has open beside its connections. */
const ownDescriptors = 50;

/** What is low and what would change it, one line each. */
export function adviceOf(floor: Floor): string[] {
  const { pacing, stamps, connections, descriptors, ports, clock, cores } = floor;
  const said: [boolean, string][] = [
    [
      cores.busy > busyCores,
      `other programs keep ${figure(cores.busy)} of ${figure(cores.usable)} cores busy: end them and measure again, their share is in every figure above`,
    ],
    [
      cores.usable <= few.cores,
      `${figure(cores.usable)} cores: a server on this machine shares them with the client; measure it from another machine, or with few requests at once`,
    ],
    [
      descriptors.soft > 0 && descriptors.soft < few.descriptors,
      `${limit(descriptors.soft)} file descriptors allow about ${whole(descriptors.soft - ownDescriptors)} connections a worker: ulimit -n ${descriptors.hard > descriptors.soft ? Math.min(descriptors.hard, 65_536) : "65536, for which /etc/security/limits.conf has to be changed first"}`,
    ],
    [
      ports.last > 0 && portCount(floor) < few.ports,
      `${whole(portCount(floor))} local ports allow as many connections to one address: sysctl -w net.ipv4.ip_local_port_range="1024 65535"`,
    ],
    [
      connections.atOnce < connections.tried,
      `${whole(connections.atOnce)} connections stood at once where ${whole(connections.tried)} were tried: see the limits of descriptors and ports`,
    ],
    [
      pacing.normal.p99Ms > slow.normalP99Ms,
      `with normal pacing 1 request in 100 leaves ${figure(pacing.normal.p99Ms)} ms late or more: --pacing precise, or a machine with a free core`,
    ],
    [
      pacing.precise.p50Ms > slow.preciseP50Ms || pacing.precise.p99Ms > slow.preciseP99Ms,
      `precise pacing is not precise here (p50 ${inMs(pacing.precise)} ms): it wants a core that nobody else uses`,
    ],
    [
      stamps.p99Ms > slow.stampP99Ms,
      `1 chunk in 100 is stamped ${figure(stamps.p99Ms)} ms late or more: latencies below ten times that say little`,
    ],
    [
      clock.readingNs > slow.readingNs || clock.resolutionNs > slow.resolutionNs,
      "the clock is slow or coarse: on a virtual machine, choose another clock source (/sys/devices/system/clocksource)",
    ],
    [
      Math.abs(clock.wallDriftPpm) > driftingPpm,
      `the wall clock ran ${figure(clock.wallDriftPpm)} ppm off while measuring: it is being set; durations are not touched by that, labels and joins with other hosts are`,
    ],
  ];
  return said.flatMap(([isSo, text]) => (isSo ? [text] : []));
}

function inMs({ p50Ms, p99Ms }: Spread): string {
  return `${p50Ms.toFixed(3)}, p99 ${p99Ms.toFixed(3)}`;
}

function portCount({ ports }: Floor): number {
  return ports.last - ports.first + 1;
}

function limit(count: number): string {
  return Number.isFinite(count) ? whole(count) : "unlimited";
}
