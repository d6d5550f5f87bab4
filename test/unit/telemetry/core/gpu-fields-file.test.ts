import { expect } from "chai";
import { readGpuFields } from "../../../../services/telemetry/core/gpu-fields-file.ts";

describe("a list of GPU fields", () => {
  it("gives those that are not known, with unit and help", () => {
    const text = `# Format
DCGM_FI_DEV_GPU_UTIL, gauge, GPU utilization (in %).

DCGM_FI_DEV_FAN_SPEED,gauge , Fan speed (in %)
DCGM_FI_PROF_NVLINK_TX_BYTES, counter, Sent, of all links\r
DCGM_FI_DRIVER_VERSION, label, Driver version
`;
    expect(readGpuFields(text).map(({ dcgm, name, kind, unit, help }) => [dcgm, name, kind, unit, help])).to.deep.equal([
      ["DCGM_FI_DEV_FAN_SPEED", "nvidia_fan_speed", "gauge", "%", "Fan speed (in %)"],
      ["DCGM_FI_PROF_NVLINK_TX_BYTES", "nvidia_prof_nvlink_tx_bytes", "counter", "", "Sent, of all links"],
    ]);
    expect(readGpuFields("")).to.deep.equal([]);
  });
});
