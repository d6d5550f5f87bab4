/**
 * Fields of GPUs that NVIDIA's dcgm-exporter prints, and what is made of them. Names and scales are AIPerf's where it has the field; energy is
 * in joules here. Metric names, units and labels: NVIDIA/dcgm-exporter, `etc/default-counters.csv` and its README.
 */

export interface GpuField {
  /** DCGM's name of the metric. */
  readonly dcgm: string;
  /** Our name of it. */
  readonly name: string;
  /** Unit of the value after scaling. */
  readonly unit: string;
  /** A gauge is a value of its moment; of a counter only differences mean something. */
  readonly kind: "gauge" | "counter";
  /** Printed value × scale = value in `unit`. */
  readonly scale: number;
  /** Whether a MIG instance has its own value. What belongs to the board is printed with every instance, and must not be added up. */
  readonly isPerInstance: boolean;
  /** For a page without a help text. */
  readonly help?: string;
  /** A label that tells several values of one GPU apart. */
  readonly apart?: string;
}

const gauge = (dcgm: string, name: string, unit: string, scale = 1): GpuField => ({
  dcgm,
  name,
  unit,
  kind: "gauge",
  scale,
  isPerInstance: false,
});
const instanceGauge = (...field: Parameters<typeof gauge>): GpuField => ({ ...gauge(...field), isPerInstance: true });
const counter = (...field: Parameters<typeof gauge>): GpuField => ({ ...gauge(...field), kind: "counter" });

/** DCGM reports mebibytes. */
export const gbPerMib = 1.048576e-3;

/** The exporter's default list and what is often added to it, in the order in which they are reported. */
export const gpuFields: readonly GpuField[] = [
  gauge("DCGM_FI_DEV_POWER_USAGE", "nvidia_power_usage", "W"),
  // Millijoules since the driver was loaded.
  counter("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "nvidia_energy_consumption", "J", 1e-3),
  gauge("DCGM_FI_DEV_POWER_MGMT_LIMIT", "nvidia_power_limit", "W"),
  gauge("DCGM_FI_DEV_GPU_UTIL", "nvidia_gpu_utilization", "%"),
  gauge("DCGM_FI_DEV_MEM_COPY_UTIL", "nvidia_memory_utilization", "%"),
  gauge("DCGM_FI_DEV_ENC_UTIL", "nvidia_encoder_utilization", "%"),
  gauge("DCGM_FI_DEV_DEC_UTIL", "nvidia_decoder_utilization", "%"),
  instanceGauge("DCGM_FI_PROF_SM_ACTIVE", "nvidia_sm_utilization", "%", 100),
  instanceGauge("DCGM_FI_PROF_SM_OCCUPANCY", "nvidia_sm_occupancy", "%", 100),
  instanceGauge("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "nvidia_graphics_engine_active", "%", 100),
  instanceGauge("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "nvidia_tensor_active", "%", 100),
  instanceGauge("DCGM_FI_PROF_DRAM_ACTIVE", "nvidia_dram_active", "%", 100),
  instanceGauge("DCGM_FI_DEV_FB_USED", "nvidia_memory_used", "GB", gbPerMib),
  instanceGauge("DCGM_FI_DEV_FB_FREE", "nvidia_memory_free", "GB", gbPerMib),
  instanceGauge("DCGM_FI_DEV_FB_TOTAL", "nvidia_memory_total", "GB", gbPerMib),
  instanceGauge("DCGM_FI_DEV_FB_RESERVED", "nvidia_memory_reserved", "GB", gbPerMib),
  gauge("DCGM_FI_DEV_GPU_TEMP", "nvidia_temperature", "°C"),
  gauge("DCGM_FI_DEV_MEMORY_TEMP", "nvidia_memory_temperature", "°C"),
  gauge("DCGM_FI_DEV_SM_CLOCK", "nvidia_sm_clock", "MHz"),
  gauge("DCGM_FI_DEV_MEM_CLOCK", "nvidia_memory_clock", "MHz"),
  // Rates, although their DCGM names say bytes.
  gauge("DCGM_FI_PROF_PCIE_TX_BYTES", "nvidia_pcie_tx", "bytes/sec"),
  gauge("DCGM_FI_PROF_PCIE_RX_BYTES", "nvidia_pcie_rx", "bytes/sec"),
  counter("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "nvidia_pcie_replays", "count"),
  counter("DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL", "nvidia_nvlink_bandwidth", "count"),
  // The code of the last error, no count.
  gauge("DCGM_FI_DEV_XID_ERRORS", "nvidia_xid_errors", "code"),
  { ...gauge("DCGM_EXP_XID_ERRORS_COUNT", "nvidia_xid_error_count", "count"), apart: "xid" },
  counter("DCGM_FI_DEV_POWER_VIOLATION", "nvidia_power_violation", "us", 1e-3),
  counter("DCGM_FI_DEV_THERMAL_VIOLATION", "nvidia_thermal_violation", "us", 1e-3),
  { ...gauge("DCGM_EXP_CLOCK_EVENTS_COUNT", "nvidia_clock_events", "count"), apart: "clock_event" },
  { ...gauge("DCGM_EXP_GPU_HEALTH_STATUS", "nvidia_health_status", "code"), apart: "health_watch" },
  counter("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "nvidia_uncorrectable_remapped_rows", "count"),
  counter("DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", "nvidia_correctable_remapped_rows", "count"),
  gauge("DCGM_FI_DEV_ROW_REMAP_FAILURE", "nvidia_row_remap_failure", "code"),
  gauge("DCGM_FI_DEV_VGPU_LICENSE_STATUS", "nvidia_vgpu_license_status", "code"),
];
