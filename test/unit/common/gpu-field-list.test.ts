import { expect } from "chai";
import { readGpuFieldList } from "../../../services/common/gpu-field-list.ts";

describe("a list of dcgm-exporter's fields", () => {
  it("gives names, kinds and help texts, and passes comments, empty lines and labels over", () => {
    const text = `# Format
DCGM_FI_DEV_FAN_SPEED,gauge , Fan speed (in %)

DCGM_FI_PROF_NVLINK_TX_BYTES, counter, Sent, of all links\r
DCGM_FI_DRIVER_VERSION, label, Driver version
`;
    expect(readGpuFieldList(text)).to.deep.equal({
      fields: [
        { dcgm: "DCGM_FI_DEV_FAN_SPEED", kind: "gauge", help: "Fan speed (in %)" },
        { dcgm: "DCGM_FI_PROF_NVLINK_TX_BYTES", kind: "counter", help: "Sent, of all links" },
      ],
      problems: [],
    });
    expect(readGpuFieldList("")).to.deep.equal({ fields: [], problems: [] });
  });

  it("says of every line that is none of it which one it is, what was expected and what is there", () => {
    const expected = "expected the name of a field of DCGM, gauge or counter, and a help text, with commas between them, got";
    const lines = ["up, gauge, x", "DCGM_FI_DEV_X, histogram, x", "DCGM_FI_DEV_X", "y".repeat(100)];
    expect(readGpuFieldList(["", ...lines, "DCGM_FI_DEV_Y, gauge, y"].join("\n"))).to.deep.equal({
      fields: [{ dcgm: "DCGM_FI_DEV_Y", kind: "gauge", help: "y" }],
      problems: lines.map((line, at) => `${at + 2}: ${expected} "${line.slice(0, 80)}"`),
    });
  });
});
