/**
 * A made-up set of GPUs in the form of NVIDIA's DCGM exporter (its default counters and its line form,
 * `etc/default-counters.csv` and `internal/pkg/rendermetrics`). Power rises with load and sways with time; the energy
 * counter is exactly the integral of the power shown: between two readings ΔE = P·Δt. Pure: time and load are arguments.
 */

/** What the server has done since start; the difference between two readings is the GPUs' load. */
export interface LoadTotals {
  /** Integral of open answers over time, in answer-nanoseconds. */
  readonly busyNs: number;
  readonly requests: number;
  readonly chunks: number;
}

interface Gpu {
  readonly index: number;
  readonly labels: string;
  powerW: number;
  energyMj: number;
  temperatureC: number;
  activity: number;
}

interface Field {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly value: (gpu: Gpu) => string;
}

const idlePowerW = 70;
const fullPowerW = 700;
const swayW = 8;
const swayPeriodNs = 20e9;
const coolC = 32;
const hotC = 78;
const warmUpNs = 30e9;
const memoryMib = 81_559;

const whole = (value: number) => Math.round(value).toString();
const real = (value: number) => value.toFixed(6);
const zero = () => "0";

const fields: readonly Field[] = [
  gauge("DCGM_FI_DEV_SM_CLOCK", "SM clock frequency (in MHz).", (gpu) => whole(345 + 1635 * Math.min(1, 4 * gpu.activity))),
  gauge("DCGM_FI_DEV_MEM_CLOCK", "Memory clock frequency (in MHz).", () => "2619"),
  gauge("DCGM_FI_DEV_MEMORY_TEMP", "Memory temperature (in C).", (gpu) => whole(gpu.temperatureC + 6)),
  gauge("DCGM_FI_DEV_GPU_TEMP", "GPU temperature (in C).", (gpu) => whole(gpu.temperatureC)),
  gauge("DCGM_FI_DEV_POWER_USAGE", "Power draw (in W).", (gpu) => real(gpu.powerW)),
  counter("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "Total energy consumption since boot (in mJ).", (gpu) => whole(gpu.energyMj)),
  counter("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "Total number of PCIe retries.", zero),
  gauge("DCGM_FI_DEV_GPU_UTIL", "GPU utilization (in %).", (gpu) => whole(100 * gpu.activity)),
  gauge("DCGM_FI_DEV_MEM_COPY_UTIL", "Memory utilization (in %).", (gpu) => whole(60 * gpu.activity)),
  gauge("DCGM_FI_DEV_ENC_UTIL", "Encoder utilization (in %).", zero),
  gauge("DCGM_FI_DEV_DEC_UTIL", "Decoder utilization (in %).", zero),
  gauge("DCGM_FI_DEV_XID_ERRORS", "Value of the last XID error encountered.", zero),
  gauge("DCGM_FI_DEV_FB_FREE", "Framebuffer memory free (in MiB).", (gpu) => whole(memoryMib - 640 - usedMib(gpu))),
  gauge("DCGM_FI_DEV_FB_USED", "Framebuffer memory used (in MiB).", (gpu) => whole(usedMib(gpu))),
  gauge("DCGM_FI_DEV_FB_RESERVED", "Framebuffer memory reserved (in MiB).", () => "640"),
  counter("DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL", "Total number of NVLink bandwidth counters for all lanes", zero),
  gauge("DCGM_FI_DEV_VGPU_LICENSE_STATUS", "vGPU License status", zero),
  counter("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "Number of remapped rows for uncorrectable errors", zero),
  counter("DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", "Number of remapped rows for correctable errors", zero),
  gauge("DCGM_FI_DEV_ROW_REMAP_FAILURE", "Whether remapping of rows has failed", zero),
  gauge("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "Ratio of time the graphics engine is active.", (gpu) => real(gpu.activity)),
  gauge("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "Ratio of cycles the tensor (HMMA) pipe is active.", (gpu) =>
    real(0.45 * gpu.activity),
  ),
  gauge("DCGM_FI_PROF_DRAM_ACTIVE", "Ratio of cycles the device memory interface is active sending or receiving data.", (gpu) =>
    real(0.6 * gpu.activity),
  ),
  gauge(
    "DCGM_FI_PROF_PCIE_TX_BYTES",
    "The rate of data transmitted over the PCIe bus - including both protocol headers and data payloads - in bytes per second.",
    (gpu) => whole(2e5 + 4e8 * gpu.activity),
  ),
  gauge(
    "DCGM_FI_PROF_PCIE_RX_BYTES",
    "The rate of data received over the PCIe bus - including both protocol headers and data payloads - in bytes per second.",
    (gpu) => whole(3e5 + 9e8 * gpu.activity),
  ),
];

export interface DcgmOptions {
  readonly gpuCount: number;
  readonly startNs: number;
  /** The shortest time between two readings; the page asked for in between is the same text. */
  readonly intervalNs: number;
  /** The last GPU is gone from the first reading on that is so long after the start. Default: it stays. */
  readonly lostAfterNs?: number | undefined;
  /** The counters of energy begin again at 0 with the first reading that is so long after the start. Default: they do not. */
  readonly resetAfterNs?: number | undefined;
}

/** GPUs that have been running since `startNs`. */
export class DcgmModel {
  readonly #options: DcgmOptions;
  readonly #gpus: Gpu[];
  readonly #intervalNs: number;
  #readNs: number;
  #totals: LoadTotals = { busyNs: 0, requests: 0, chunks: 0 };
  #page: string;

  constructor(options: DcgmOptions) {
    this.#options = options;
    this.#gpus = Array.from({ length: options.gpuCount }, (_, index) => newGpu(index));
    this.#intervalNs = Math.max(options.intervalNs, 1);
    this.#readNs = options.startNs;
    this.#page = render(this.#gpus);
  }

  /** The exporter's page at `nowNs`. */
  page(nowNs: number, totals: LoadTotals): string {
    const elapsedNs = nowNs - this.#readNs;
    if (elapsedNs < this.#intervalNs) return this.#page;
    const load = loadOf(this.#totals, totals, elapsedNs);
    if (this.#passes(this.#options.lostAfterNs, nowNs)) this.#gpus.pop();
    for (const gpu of this.#gpus) advance(gpu, load, nowNs, elapsedNs);
    if (this.#passes(this.#options.resetAfterNs, nowNs)) for (const gpu of this.#gpus) gpu.energyMj = 0;
    this.#readNs = nowNs;
    this.#totals = totals;
    this.#page = render(this.#gpus);
    return this.#page;
  }

  /** Whether this reading is the first so long after the start. */
  #passes(afterNs = Number.POSITIVE_INFINITY, nowNs: number): boolean {
    const dueNs = this.#options.startNs + afterNs;
    return this.#readNs < dueNs && nowNs >= dueNs;
  }
}

// 16 answers open all the time, 20 000 chunks/s or 5 000 requests/s each count as load 1, which is 63 % activity.
function loadOf(before: LoadTotals, after: LoadTotals, elapsedNs: number): number {
  const perSec = 1e9 / elapsedNs;
  const open = (after.busyNs - before.busyNs) / elapsedNs;
  const chunks = (after.chunks - before.chunks) * perSec;
  const requests = (after.requests - before.requests) * perSec;
  return open / 16 + chunks / 20_000 + requests / 5_000;
}

function advance(gpu: Gpu, load: number, nowNs: number, elapsedNs: number): void {
  gpu.activity = 1 - Math.exp(-load);
  const sway = swayW * Math.sin((2 * Math.PI * nowNs) / swayPeriodNs + gpu.index);
  gpu.powerW = idlePowerW + (fullPowerW - idlePowerW - 2 * swayW) * gpu.activity + swayW + sway;
  gpu.energyMj += (gpu.powerW * elapsedNs) / 1e6;
  const targetC = coolC + ((hotC - coolC) * (gpu.powerW - idlePowerW)) / (fullPowerW - idlePowerW);
  gpu.temperatureC += (targetC - gpu.temperatureC) * (1 - Math.exp(-elapsedNs / warmUpNs));
}

function usedMib(gpu: Gpu): number {
  return 68_000 + 4_000 * gpu.activity;
}

function newGpu(index: number): Gpu {
  const digit = index.toString(16).padStart(2, "0");
  const labels = [
    `gpu="${index}"`,
    `UUID="GPU-6d6f636b-0000-4000-8000-0000000000${digit}"`,
    `pci_bus_id="00000000:${digit.toUpperCase()}:00.0"`,
    `device="nvidia${index}"`,
    'modelName="Mock H100 80GB HBM3"',
    'Hostname="mock"',
    'DCGM_FI_DRIVER_VERSION="550.54.15"',
  ];
  // A counter since boot does not start at 0.
  return { index, labels: labels.join(","), powerW: idlePowerW, energyMj: 1e9 * (index + 1), temperatureC: coolC, activity: 0 };
}

function render(gpus: readonly Gpu[]): string {
  return fields.map((field) => renderField(field, gpus)).join("");
}

function renderField({ name, type, help, value }: Field, gpus: readonly Gpu[]): string {
  const extra = name === "DCGM_FI_DEV_XID_ERRORS" ? ',err_code="0",err_msg="No Error"' : "";
  const lines = gpus.map((gpu) => `${name}{${gpu.labels}${extra}} ${value(gpu)}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function gauge(name: string, help: string, value: Field["value"]): Field {
  return { name, type: "gauge", help, value };
}

function counter(name: string, help: string, value: Field["value"]): Field {
  return { name, type: "counter", help, value };
}
