import { expect } from "chai";
import { gpuFields } from "../../../../../services/telemetry/core/sources/dcgm-fields.ts";
import { pageOf, readOnce } from "./readings.ts";

/** A page is DCGM's by any of its names. */
const other = 'DCGM_FI_DEV_SM_CLOCK{UUID="GPU-z"} 1';
const read = (...lines: readonly string[]) => readOnce(pageOf(...lines));
const valuesOf = (...lines: readonly string[]) => read(...lines).values;

describe("a page of DCGM", () => {
  it("is scaled from what DCGM prints into our units", () => {
    expect(
      valuesOf(
        'DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-a"} 71.302000',
        'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-a"} 8412000',
        'DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-a"} 40000',
        'DCGM_FI_PROF_SM_ACTIVE{gpu="0",UUID="GPU-a"} 0.25',
        'DCGM_FI_DEV_POWER_VIOLATION{gpu="0",UUID="GPU-a"} 3000',
      ),
    ).to.deep.equal({
      "GPU-a nvidia_power_usage": 71.302,
      "GPU-a nvidia_energy_consumption": 8412,
      "GPU-a nvidia_memory_used": 41.94304,
      "GPU-a nvidia_sm_utilization": 25,
      "GPU-a nvidia_power_violation": 3,
    });
  });

  it("is keyed by UUID, not by index, with labels under one name each", () => {
    const labels =
      'gpu="3",UUID="GPU-a",pci_bus_id="00:01",device="nvidia3",modelName="H100",Hostname="n1",pod_name="p",pod_namespace="s"';
    const { reader } = read(
      `DCGM_FI_DEV_GPU_UTIL{${labels}} 1`,
      'DCGM_FI_DEV_GPU_UTIL{gpu="0",uuid="GPU-b",hostname="n2"} 1',
      'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-c"} 2',
    );
    expect(reader.series.map(({ subject, labels: kept }) => [subject, kept])).to.deep.equal([
      ["GPU-a", { index: "3", pci_bus_id: "00:01", device: "nvidia3", model: "H100", hostname: "n1", pod: "p", namespace: "s" }],
      ["GPU-b", { index: "0", hostname: "n2" }],
      ["GPU-c", { index: "0" }],
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
    it(`has no value where it prints the blank ${blank}`, () => {
      expect(valuesOf(other, `DCGM_FI_DEV_GPU_TEMP{UUID="GPU-a"} ${blank}`)).to.have.all.keys("GPU-z nvidia_sm_clock");
    });
  }

  for (const value of [2147483631, 2147483636, 140737488355327, 140737488355332]) {
    it(`keeps ${value}, which is next to a blank value`, () => {
      expect(valuesOf(`DCGM_FI_DEV_GPU_TEMP{UUID="GPU-a"} ${value}`)).to.deep.equal({ "GPU-a nvidia_temperature": value });
    });
  }

  it("gives a MIG instance its own values and the board's values to the GPU, once", () => {
    const mig = (instance: string) => `{gpu="0",UUID="GPU-a",GPU_I_PROFILE="3g.40gb",GPU_I_ID="${instance}"}`;
    const { reader, values } = read(
      `DCGM_FI_DEV_POWER_USAGE${mig("1")} 200`,
      `DCGM_FI_DEV_POWER_USAGE${mig("2")} 200`,
      `DCGM_FI_PROF_GR_ENGINE_ACTIVE${mig("1")} 0.75`,
      `DCGM_FI_PROF_GR_ENGINE_ACTIVE${mig("2")} 0.125`,
    );
    expect(values).to.deep.equal({
      "GPU-a nvidia_power_usage": 200,
      "GPU-a/1 nvidia_graphics_engine_active": 75,
      "GPU-a/2 nvidia_graphics_engine_active": 12.5,
    });
    expect(reader.series.map(({ labels }) => labels.profile)).to.deep.equal([undefined, "3g.40gb", "3g.40gb"]);
  });

  it("counts a series once that is printed for several pods", () => {
    expect(
      valuesOf('DCGM_FI_DEV_GPU_UTIL{UUID="GPU-a",pod="x"} 5', 'DCGM_FI_DEV_GPU_UTIL{UUID="GPU-a",pod="y"} 6'),
    ).to.deep.equal({ "GPU-a nvidia_gpu_utilization": 5 });
  });

  it("has nothing of what is no GPU and of what nobody named", () => {
    expect(valuesOf('DCGM_FI_DEV_GPU_UTIL{nvswitch="0"} 5', 'DCGM_FI_DEV_UNHEARD_OF{UUID="GPU-a"} 1', "up 1")).to.deep.equal({});
  });
});

describe("gpuFields", () => {
  it("names each field once", () => {
    expect(new Set(gpuFields.map((field) => field.name)).size).to.equal(gpuFields.length);
    expect(new Set(gpuFields.map((field) => field.dcgm)).size).to.equal(gpuFields.length);
  });
});
