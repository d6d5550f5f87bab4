/**
 * What Linux says of a host in `/proc`: processor, memory, network, file descriptors (proc(5)). Pure: texts in, values out; a text that is
 * missing or of another form has no values.
 */

/** The texts of `stat`, `meminfo`, `net/dev` and `sys/fs/file-nr` below /proc; undefined: it could not be read. */
export interface ProcTexts {
  readonly stat?: string | undefined;
  readonly meminfo?: string | undefined;
  readonly netDev?: string | undefined;
  readonly fileNr?: string | undefined;
}

/** Time of one processor since boot, in the kernel's ticks. */
export interface CpuTicks {
  readonly busy: number;
  readonly total: number;
}

export interface CpuReading {
  readonly all: CpuTicks;
  readonly cores: readonly CpuTicks[];
}

/** One value of a host. */
export interface HostValue {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly unit: string;
  readonly help: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Hosts of containers have one for each: those beyond are left out. */
const maxDevices = 32;
/** user nice system idle iowait irq softirq steal; guests' time is in user's and nice's already. */
const cpuFields = 8;
const idleFields: ReadonlySet<number> = new Set([3, 4]);

/** Undefined: the text has no line of all processors. */
export function readCpu(stat: string): CpuReading | undefined {
  let all: CpuTicks | undefined;
  const cores: CpuTicks[] = [];
  for (const line of stat.split("\n")) {
    if (!line.startsWith("cpu")) break;
    const [name = "", ...fields] = line.trim().split(/\s+/);
    const ticks = fields.slice(0, cpuFields).map(Number);
    if (ticks.length < 4 || ticks.some(Number.isNaN)) continue;
    const total = ticks.reduce((sum, tick) => sum + tick, 0);
    const idle = ticks.reduce((sum, tick, at) => (idleFields.has(at) ? sum + tick : sum), 0);
    const read = { busy: total - idle, total };
    if (name === "cpu") all = read;
    else cores.push(read);
  }
  return all === undefined ? undefined : { all, cores };
}

/** What a host shows; the use of processors is that since `before`, without which there is none. */
export function hostValues(texts: ProcTexts, cpu: CpuReading | undefined, before: CpuReading | undefined): HostValue[] {
  return [
    ...cpuValues(cpu, before),
    ...memoryValues(texts.meminfo ?? ""),
    ...networkValues(texts.netDev ?? ""),
    ...fileValues(texts.fileNr ?? ""),
  ];
}

function cpuValues(cpu: CpuReading | undefined, before: CpuReading | undefined): HostValue[] {
  if (cpu === undefined || before === undefined) return [];
  const all = shareOf(cpu.all, before.all);
  // One that was taken away or came moves the others in the list.
  const isSame = cpu.cores.length === before.cores.length;
  const each = isSame ? cpu.cores.flatMap((core, at) => shareOf(core, before.cores[at] ?? core) ?? []) : [];
  return [
    ...(all === undefined ? [] : [gauge("host_cpu_utilization", "%", "Use of all cores together.", 100 * all)]),
    ...(each.length === 0
      ? []
      : [gauge("host_cpu_core_max_utilization", "%", "Use of the busiest core.", 100 * Math.max(...each))]),
  ];
}

/** Undefined: no tick went by. */
function shareOf(now: CpuTicks, before: CpuTicks): number | undefined {
  const total = now.total - before.total;
  // Time that was counted as waiting for a disk may be taken back.
  return total <= 0 ? undefined : Math.min(1, Math.max(0, (now.busy - before.busy) / total));
}

function memoryValues(meminfo: string): HostValue[] {
  const bytesOf = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(meminfo)?.[1]) * 1024;
  const total = bytesOf("MemTotal");
  const used = total - bytesOf("MemAvailable");
  if (Number.isNaN(used)) return [];
  return [
    gauge("host_memory_used_bytes", "B", "Memory that is not available to new processes.", used),
    gauge("host_memory_total_bytes", "B", "Memory of the host.", total),
  ];
}

const network = [
  ["host_network_receive_bytes_total", "B", "Bytes received.", 0],
  ["host_network_receive_packets_total", "packets", "Packets received.", 1],
  ["host_network_receive_drops_total", "packets", "Packets received and dropped.", 3],
  ["host_network_transmit_bytes_total", "B", "Bytes sent.", 8],
  ["host_network_transmit_packets_total", "packets", "Packets sent.", 9],
  ["host_network_transmit_drops_total", "packets", "Packets dropped instead of sent.", 11],
] as const;

/** Of devices over which a packet ever went. */
function networkValues(netDev: string): HostValue[] {
  const devices = netDev.split("\n").flatMap((line) => {
    const [, device, rest] = /^\s*([^\s:|]+):\s*(\d[\d\s]*)$/.exec(line) ?? [];
    const counts = rest?.trim().split(/\s+/).map(Number) ?? [];
    const isUsed = (counts[1] ?? 0) + (counts[9] ?? 0) > 0;
    return device !== undefined && counts.length >= 16 && isUsed ? [{ device, counts }] : [];
  });
  return devices.slice(0, maxDevices).flatMap(({ device, counts }) =>
    network.map(([name, unit, help, at]) => ({
      name,
      type: "counter" as const,
      unit,
      help,
      labels: { device },
      value: counts[at] ?? 0,
    })),
  );
}

function fileValues(fileNr: string): HostValue[] {
  const [open, free, max] = fileNr.trim().split(/\s+/).map(Number);
  if (open === undefined || free === undefined || !(max !== undefined && max > 0)) return [];
  return [gauge("host_open_fds", "fds", "File descriptors that are open on the host.", open - free)];
}

function gauge(name: string, unit: string, help: string, value: number): HostValue {
  return { name, type: "gauge", unit, help, labels: {}, value };
}
