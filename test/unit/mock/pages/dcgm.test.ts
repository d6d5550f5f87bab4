import { expect } from "chai";
import { DcgmModel } from "../../../../mock/pages/dcgm.ts";

const idle = { busyNs: 0, requests: 0, chunks: 0 };
const sec = 1e9;

function valuesOf(page: string, name: string): number[] {
  return [...page.matchAll(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, "gm"))].map((match) => Number(match[1]));
}

const powerOf = (page: string) => valuesOf(page, "DCGM_FI_DEV_POWER_USAGE");
const energyOf = (page: string) => valuesOf(page, "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION");

describe("mock DCGM page", () => {
  it("has HELP and TYPE before each field's lines, one line per GPU with the exporter's labels", () => {
    const lines = new DcgmModel({ gpuCount: 3, startNs: 0, intervalNs: 0 }).page(sec, idle).trimEnd().split("\n");
    expect(lines.length % 5).to.equal(0);
    for (let i = 0; i < lines.length; i += 5) {
      const name = /^# HELP (\w+) \S/.exec(lines[i] ?? "")?.[1];
      expect(lines[i + 1]).to.match(new RegExp(`^# TYPE ${name} (gauge|counter)$`));
      for (let gpu = 0; gpu < 3; gpu++) {
        expect(lines[i + 2 + gpu]).to.match(
          new RegExp(`^${name}\\{gpu="${gpu}",UUID="GPU-[0-9a-f-]{36}",pci_bus_id=.*\\} [0-9.]+$`),
        );
      }
    }
  });

  it("has the fields of the exporter's default list, in its order, with their types and units, and the labels in their order", () => {
    const page = new DcgmModel({ gpuCount: 1, startNs: 0, intervalNs: 0 }).page(sec, idle);
    const said = [...page.matchAll(/^# HELP (\w+) (.*)\n# TYPE \w+ (\w+)$/gm)].map(([, name, help = "", type]) => {
      const unit = /\(in ([^)]+)\)/.exec(help)?.[1] ?? "";
      return `${name} ${type} ${unit}`.trimEnd();
    });
    expect(said).to.deep.equal([
      "DCGM_FI_DEV_SM_CLOCK gauge MHz",
      "DCGM_FI_DEV_MEM_CLOCK gauge MHz",
      "DCGM_FI_DEV_MEMORY_TEMP gauge C",
      "DCGM_FI_DEV_GPU_TEMP gauge C",
      "DCGM_FI_DEV_POWER_USAGE gauge W",
      "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter mJ",
      "DCGM_FI_DEV_PCIE_REPLAY_COUNTER counter",
      "DCGM_FI_DEV_GPU_UTIL gauge %",
      "DCGM_FI_DEV_MEM_COPY_UTIL gauge %",
      "DCGM_FI_DEV_ENC_UTIL gauge %",
      "DCGM_FI_DEV_DEC_UTIL gauge %",
      "DCGM_FI_DEV_XID_ERRORS gauge",
      "DCGM_FI_DEV_FB_FREE gauge MiB",
      "DCGM_FI_DEV_FB_USED gauge MiB",
      "DCGM_FI_DEV_FB_RESERVED gauge MiB",
      "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL counter",
      "DCGM_FI_DEV_VGPU_LICENSE_STATUS gauge",
      "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS counter",
      "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS counter",
      "DCGM_FI_DEV_ROW_REMAP_FAILURE gauge",
      "DCGM_FI_PROF_GR_ENGINE_ACTIVE gauge",
      "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE gauge",
      "DCGM_FI_PROF_DRAM_ACTIVE gauge",
      "DCGM_FI_PROF_PCIE_TX_BYTES gauge",
      "DCGM_FI_PROF_PCIE_RX_BYTES gauge",
    ]);
    const labels = page.split("\n").flatMap((line) => /\{(.*)\}/.exec(line)?.[1] ?? []);
    const names = new Set(labels.map((inner) => [...inner.matchAll(/(\w+)="/g)].map(([, name]) => name).join(" ")));
    const own = "gpu UUID pci_bus_id device modelName Hostname DCGM_FI_DRIVER_VERSION";
    expect([...names]).to.deep.equal([own, `${own} err_code err_msg`]);
  });

  it("counts exactly the energy of the power that it shows", () => {
    const dcgm = new DcgmModel({ gpuCount: 2, startNs: 0, intervalNs: 0 });
    let before = energyOf(dcgm.page(0, idle));
    for (let i = 1; i <= 20; i++) {
      const page = dcgm.page(i * 0.3 * sec, { busyNs: i * i * sec, requests: i * 7, chunks: i * 1000 });
      const energy = energyOf(page);
      for (const [gpu, powerW] of powerOf(page).entries()) {
        expect((energy[gpu] ?? 0) - (before[gpu] ?? 0)).to.be.closeTo(powerW * 300, 1);
      }
      before = energy;
    }
  });

  it("draws more power and shows more use under load, within the card's limit, and sways when idle", () => {
    const dcgm = new DcgmModel({ gpuCount: 1, startNs: 0, intervalNs: 0 });
    const first = dcgm.page(sec, idle);
    const second = dcgm.page(5 * sec, idle);
    const loaded = dcgm.page(6 * sec, { busyNs: 1000 * sec, requests: 100, chunks: 1e6 });
    const [a = 0, b = 0, c = 0] = [first, second, loaded].flatMap(powerOf);
    expect(a).to.not.equal(b);
    expect(c).to.be.within(600, 700);
    expect(b).to.be.below(100);
    expect(valuesOf(loaded, "DCGM_FI_DEV_GPU_UTIL")).to.deep.equal([100]);
    expect(valuesOf(second, "DCGM_FI_PROF_GR_ENGINE_ACTIVE")).to.deep.equal([0]);
  });

  it("repeats its text until the interval is over", () => {
    const dcgm = new DcgmModel({ gpuCount: 1, startNs: 0, intervalNs: sec });
    const page = dcgm.page(sec, idle);
    expect(dcgm.page(1.5 * sec, { ...idle, chunks: 1e6 })).to.equal(page);
    expect(dcgm.page(2 * sec, { ...idle, chunks: 1e6 })).to.not.equal(page);
  });

  it("loses its last GPU once, when the time has come", () => {
    const dcgm = new DcgmModel({ gpuCount: 3, startNs: 5 * sec, intervalNs: 0, lostAfterNs: 2 * sec });
    const counts = [6, 7, 8].map((at) => powerOf(dcgm.page(at * sec, idle)).length);
    expect(counts).to.deep.equal([3, 2, 2]);
  });

  it("counts energy from 0 again once, when the time has come", () => {
    const dcgm = new DcgmModel({ gpuCount: 1, startNs: 0, intervalNs: 0, resetAfterNs: 2 * sec });
    const [before = 0, reset = 0, after = 0] = [1, 2, 3].flatMap((at) => energyOf(dcgm.page(at * sec, idle)));
    expect(before).to.be.above(1e9);
    expect(reset).to.equal(0);
    expect(after).to.be.within(60_000, 90_000);
  });

  it("has only comments without GPUs", () => {
    expect(new DcgmModel({ gpuCount: 0, startNs: 0, intervalNs: 0 }).page(sec, idle)).to.match(/^(# [^\n]*\n)+$/);
  });
});
