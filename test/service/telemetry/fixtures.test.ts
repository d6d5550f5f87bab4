import { readFileSync } from "node:fs";
import { expect } from "chai";
import { readGpus } from "../../../services/telemetry/core/dcgm.ts";
import { parseMetricsPage } from "../../../services/telemetry/core/prometheus.ts";

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/dcgm/${name}.prom`, import.meta.url), "utf8");

describe("pages as dcgm-exporter prints them", () => {
  const gpusOf = (name: string) =>
    readGpus(parseMetricsPage(fixture(name))).map(({ gpu, values }) => ({
      key: gpu.key,
      labels: gpu.labels,
      values: Object.fromEntries(values.map(({ field, value }) => [field.name, value])),
    }));

  it("reads the old form: Hostname, blanks after commas, sentinels for blank values", () => {
    const labels = { device: "nvidia0", hostname: "node-a", index: "0", model: "Tesla T4" };
    expect(gpusOf("old")).to.deep.equal([
      {
        key: "GPU-604ac76c-d9cf-fef3-62e9-d92044ab6e52",
        labels,
        values: {
          nvidia_sm_clock: 139,
          nvidia_memory_clock: 405,
          nvidia_temperature: 31,
          nvidia_power_usage: 12.458,
          nvidia_energy_consumption: 318472.213,
          nvidia_pcie_replays: 0,
          nvidia_gpu_utilization: 0,
          nvidia_xid_errors: 0,
          nvidia_memory_used: 0,
        },
      },
      {
        key: "GPU-1a2b3c4d-0000-4f4f-8888-123456789abc",
        labels: { ...labels, device: "nvidia1", index: "1", namespace: "bench", pod: "server-0" },
        values: {
          nvidia_sm_clock: 1590,
          nvidia_memory_clock: 5000,
          nvidia_temperature: 64,
          nvidia_power_usage: 69.127,
          nvidia_energy_consumption: 1871034.402,
          nvidia_pcie_replays: 0,
          nvidia_gpu_utilization: 97,
          nvidia_encoder_utilization: 0,
          nvidia_xid_errors: 0,
          nvidia_power_violation: 0,
          nvidia_memory_used: 14.900264960000001,
        },
      },
    ]);
  });

  it("reads the new form: hostname, quotes that are not escaped, a switch beside the GPU", () => {
    const [gpu, ...others] = gpusOf("new");
    expect(others).to.deep.equal([]);
    expect(gpu?.labels).to.deep.include({ hostname: "node1", pci_bus_id: "00000000:01:00.0", model: "NVIDIA H100 80GB HBM3" });
    expect(gpu?.values).to.deep.equal({
      nvidia_sm_clock: 1980,
      nvidia_temperature: 52,
      nvidia_power_usage: 71.302,
      nvidia_energy_consumption: 8412307.746,
      nvidia_gpu_utilization: 36,
      nvidia_xid_errors: 31,
      nvidia_memory_used: 41.94304,
      nvidia_sm_utilization: 25,
    });
    const xid = parseMetricsPage(fixture("new")).samples.find((sample) => sample.name === "DCGM_FI_DEV_XID_ERRORS");
    expect(xid?.labels.get("err_msg")).to.equal('GPU memory page fault ("MMU"), see C:\\docs');
  });

  it("reads MIG instances apart and their board once", () => {
    const uuid = "GPU-5f3f0e57-9f3d-4b0f-8c3a-5a3c0c6f0a11";
    expect(gpusOf("mig").map(({ key, values }) => [key, values])).to.deep.equal([
      [uuid, { nvidia_power_usage: 212.5, nvidia_energy_consumption: 99000 }],
      [`${uuid}/1`, { nvidia_memory_used: 31.45728, nvidia_graphics_engine_active: 75 }],
      [`${uuid}/2`, { nvidia_memory_used: 12.582912, nvidia_graphics_engine_active: 12.5 }],
    ]);
  });
});
