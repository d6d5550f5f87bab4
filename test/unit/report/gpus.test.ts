import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { GpuSummarySchema } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { gpuLines } from "../../../report/gpus.ts";
import { createPaint } from "../../../report/paint.ts";
import { widthOf } from "../../../report/text.ts";

const whole = {
  subject: "GPU-1",
  source: "http://node-1:9400/metrics",
  host: "node-1",
  index: "0",
  name: "NVIDIA H100 80GB HBM3",
  vendor: "nvidia",
  samples: 10n,
  meanPowerW: 512.5,
  maxPowerW: 701.25,
  utilizationPercent: 87.5,
  maxMemoryUsedGb: 71.25,
  maxTemperatureC: 66,
  energyJ: 30_750,
} satisfies MessageInitShape<typeof GpuSummarySchema>;

function lines(width: number, ...gpus: readonly MessageInitShape<typeof GpuSummarySchema>[]): string[] {
  const style = { width, paint: createPaint(false) };
  return gpuLines(
    gpus.map((gpu) => create(GpuSummarySchema, gpu)),
    "Assay | GPU Telemetry",
    style,
  );
}

const rowsOf = (shown: readonly string[]): string[][] =>
  shown
    .filter((line) => line.startsWith("│"))
    .map((line) =>
      line
        .split("│")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

describe("the table of GPUs", () => {
  it("has a row a GPU, with AIPerf's names", () => {
    expect(lines(140, whole, { ...whole, subject: "GPU-2", index: "1", energyJ: 5 })).to.deep.equal([
      "                                              Assay | GPU Telemetry",
      "┏━━━━━━━━┳━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━━━━━━━━┳━━━━━━━━━━━━━┓",
      "┃ Host   ┃ GPU ┃ Model                 ┃   Power ┃   Power ┃ Utilization ┃   Memory ┃ Temperature ┃      Energy ┃",
      "┃        ┃     ┃                       ┃   Usage ┃   Usage ┃     avg (%) ┃     Used ┃    max (°C) ┃ Consumption ┃",
      "┃        ┃     ┃                       ┃ avg (W) ┃ max (W) ┃             ┃ max (GB) ┃             ┃         (J) ┃",
      "┡━━━━━━━━╇━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━━━━━╇━━━━━━━━━━━━━┩",
      "│ node-1 │ 0   │ NVIDIA H100 80GB HBM3 │  512.50 │  701.25 │       87.50 │    71.25 │       66.00 │   30,750.00 │",
      "│ node-1 │ 1   │ NVIDIA H100 80GB HBM3 │  512.50 │  701.25 │       87.50 │    71.25 │       66.00 │        5.00 │",
      "└────────┴─────┴───────────────────────┴─────────┴─────────┴─────────────┴──────────┴─────────────┴─────────────┘",
    ]);
  });

  it("fits into eighty columns, and keeps host, index, power and energy there", () => {
    const shown = lines(80, { ...whole, host: "gpu-node-0017.cluster.example.org" });
    for (const line of shown) expect(widthOf(line), line).to.be.at.most(80);
    const cells = rowsOf(shown)
      .map((row) => row.join(" "))
      .join(" ");
    for (const value of ["gpu-node-0017", "512.50", "30,750.00", "87.50"]) expect(cells).to.contain(value);
  });

  it("shows an instance of a GPU as one, leaves out columns without values, and steers no terminal", () => {
    const { meanPowerW: _, maxPowerW: __, energyJ: ___, ...unpowered } = whole;
    const shown = lines(
      140,
      { ...unpowered, subject: "GPU-1/7", name: "\u001b[31mH100" },
      { ...unpowered, maxTemperatureC: undefined },
    );
    expect(shown.join("\n")).not.to.match(/Power|Energy|\p{Cc}\[/u);
    expect(rowsOf(shown).map(([host, gpu, , ...values]) => [host, gpu, ...values])).to.deep.equal([
      ["node-1", "0/7", "87.50", "71.25", "66.00"],
      ["node-1", "0", "87.50", "71.25", "N/A"],
    ]);
  });

  it("shows a GPU of two pages once, as the one says it that has more samples", () => {
    expect(
      rowsOf(lines(140, whole, { ...whole, samples: 11n, energyJ: 7 }, { ...whole, host: "other" })).map((row) => row.at(-1)),
    ).to.deep.equal(["7.00", "30,750.00"]);
  });

  it("says how many of many GPUs it leaves out, and between what their power is", () => {
    const many = Array.from({ length: 256 }, (_, at) => ({ ...whole, subject: `GPU-${at}`, meanPowerW: 100 + at }));
    const shown = lines(140, ...many);
    expect(rowsOf(shown)).to.have.lengthOf(16);
    expect(shown.at(-1)).to.equal("240 more GPUs are left out: 116.00 to 355.00 W on average");
    expect(rowsOf(lines(140, ...many.slice(0, 16)))).to.have.lengthOf(16);
    expect(lines(140, ...many.slice(0, 16)).at(-1)).to.match(/^└/);
    expect(lines(140, ...many.slice(0, 17)).at(-1)).to.equal("1 more GPU is left out: 116.00 W on average");
  });

  it("is not there where no GPU was watched", () => {
    expect(lines(140)).to.deep.equal([]);
  });
});
