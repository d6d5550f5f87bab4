import { expect } from "chai";
import { readGpus } from "../../../../services/telemetry/core/dcgm.ts";
import { parseMetricsPage } from "../../../../services/telemetry/core/prometheus.ts";
import { gpuFields } from "../../../../services/telemetry/core/sources/dcgm-fields.ts";

const read = (...lines: string[]) => readGpus(parseMetricsPage(lines.map((line) => `${line}\n`).join("")));
const valuesOf = (reading: ReturnType<typeof readGpus>[number] | undefined) =>
  Object.fromEntries(reading?.values.map(({ field, value }) => [field.name, value]) ?? []);

describe("readGpus", () => {
  it("scales what DCGM prints into our units", () => {
    const [gpu] = read(
      'DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-a"} 71.302000',
      'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-a"} 8412000',
      'DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-a"} 40000',
      'DCGM_FI_PROF_SM_ACTIVE{gpu="0",UUID="GPU-a"} 0.25',
      'DCGM_FI_DEV_POWER_VIOLATION{gpu="0",UUID="GPU-a"} 3000',
    );
    expect(valuesOf(gpu)).to.deep.equal({
      nvidia_power_usage: 71.302,
      nvidia_energy_consumption: 8412,
      nvidia_memory_used: 41.94304,
      nvidia_sm_utilization: 25,
      nvidia_power_violation: 3,
    });
  });

  it("keys by UUID, not by index, and keeps the labels under one name each", () => {
    const labels =
      'gpu="3",UUID="GPU-a",pci_bus_id="00:01",device="nvidia3",modelName="H100",Hostname="n1",pod_name="p",pod_namespace="s"';
    expect(read(`DCGM_FI_DEV_GPU_UTIL{${labels}} 1`)[0]?.gpu).to.deep.equal({
      key: "GPU-a",
      uuid: "GPU-a",
      instance: undefined,
      labels: { index: "3", model: "H100", device: "nvidia3", pci_bus_id: "00:01", hostname: "n1", namespace: "s", pod: "p" },
    });
    const readings = read(
      'DCGM_FI_DEV_GPU_UTIL{gpu="0",uuid="GPU-b",hostname="n2"} 1',
      'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-c"} 2',
    );
    expect(readings.map(({ gpu }) => [gpu.key, gpu.labels.hostname])).to.deep.equal([
      ["GPU-b", "n2"],
      ["GPU-c", undefined],
    ]);
  });

  for (const blank of [
    "9223372036854775794",
    "2147483632",
    "2147483635",
    "140737488355328.000000",
    "140737488355331",
    "NaN",
    "+Inf",
  ]) {
    it(`leaves out the blank value ${blank}`, () => {
      expect(read(`DCGM_FI_DEV_GPU_TEMP{UUID="GPU-a"} ${blank}`)).to.deep.equal([]);
    });
  }

  for (const value of [2147483631, 2147483636, 140737488355327, 140737488355332]) {
    it(`keeps ${value}, which is next to a blank value`, () => {
      expect(valuesOf(read(`DCGM_FI_DEV_GPU_TEMP{UUID="GPU-a"} ${value}`)[0])).to.deep.equal({ nvidia_temperature: value });
    });
  }

  it("gives a MIG instance its own values and the board's values to the GPU, once", () => {
    const mig = (instance: string) => `{gpu="0",UUID="GPU-a",GPU_I_PROFILE="3g.40gb",GPU_I_ID="${instance}"}`;
    const readings = read(
      `DCGM_FI_DEV_POWER_USAGE${mig("1")} 200`,
      `DCGM_FI_DEV_POWER_USAGE${mig("2")} 200`,
      `DCGM_FI_PROF_GR_ENGINE_ACTIVE${mig("1")} 0.75`,
      `DCGM_FI_PROF_GR_ENGINE_ACTIVE${mig("2")} 0.125`,
    );
    expect(readings.map((reading) => [reading.gpu.key, reading.gpu.labels.profile, valuesOf(reading)])).to.deep.equal([
      ["GPU-a", undefined, { nvidia_power_usage: 200 }],
      ["GPU-a/1", "3g.40gb", { nvidia_graphics_engine_active: 75 }],
      ["GPU-a/2", "3g.40gb", { nvidia_graphics_engine_active: 12.5 }],
    ]);
  });

  it("counts a series once that is printed for several pods", () => {
    const readings = read('DCGM_FI_DEV_GPU_UTIL{UUID="GPU-a",pod="x"} 5', 'DCGM_FI_DEV_GPU_UTIL{UUID="GPU-a",pod="y"} 6');
    expect(readings.map(valuesOf)).to.deep.equal([{ nvidia_gpu_utilization: 5 }]);
  });

  it("leaves out what is no GPU and what it does not know", () => {
    expect(read('DCGM_FI_DEV_GPU_UTIL{nvswitch="0"} 5', 'DCGM_FI_DEV_UNHEARD_OF{UUID="GPU-a"} 1', "up 1")).to.deep.equal([]);
  });
});

describe("gpuFields", () => {
  it("names each field once", () => {
    expect(new Set(gpuFields.map((field) => field.name)).size).to.equal(gpuFields.length);
    expect(new Set(gpuFields.map((field) => field.dcgm)).size).to.equal(gpuFields.length);
  });
});
