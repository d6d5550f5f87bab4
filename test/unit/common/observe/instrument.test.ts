import { expect } from "chai";
import { updatedPage } from "../../../../scripts/metrics-table.mjs";
import { serviceNames } from "../../../../services/common/module.ts";
import { defineInstruments, familiesOf } from "../../../../services/common/observe/counting.ts";
import type { Instrument } from "../../../../services/common/observe/instrument.ts";
import { otlpNameOf } from "../../../../services/common/observe/otlp-name.ts";
import { instrumentTables } from "../../../../services/instruments.ts";

const all = Object.values(instrumentTables).flatMap((table) => Object.entries<Instrument>(table));

/** What the OpenTelemetry specification makes of a name for Prometheus. */
function prometheusNameOf(otlpName: string, { unit, kind }: Instrument): string {
  const units: Record<string, string> = { s: "_seconds", By: "_bytes", "1": kind === "gauge" ? "_ratio" : "" };
  return `${otlpName.replaceAll(".", "_")}${units[unit] ?? ""}${kind === "counter" ? "_total" : ""}`;
}

describe("the tables of instruments", () => {
  it("exist for every service", () => {
    expect(Object.keys(instrumentTables)).to.have.members(["process", "rpc", ...serviceNames]);
  });

  it("name each instrument once, by who counts it", () => {
    expect(new Set(all.map(([name]) => name)).size).to.equal(all.length);
    for (const [source, table] of Object.entries(instrumentTables)) {
      const prefix = `assay_${source.replaceAll("-", "_")}_`;
      for (const [name, instrument] of Object.entries<Instrument>(table)) {
        expect(name).to.match(new RegExp(`^${prefix}[a-z][a-z_]*$`));
        expect(otlpNameOf(name, instrument)).to.match(new RegExp(`^assay\\.${source.replaceAll("-", "_")}\\.[a-z_]+$`));
      }
    }
  });

  for (const [name, instrument] of all) {
    it(`says what ${name} is`, () => {
      const { kind, unit, help, labels = [], bounds } = instrument;
      expect(name.endsWith("_total"), "ends with _total").to.equal(kind === "counter");
      expect(/_seconds(_total)?$/.test(name), "is in seconds").to.equal(unit === "s");
      expect(/_bytes(_total)?$/.test(name), "is in bytes").to.equal(unit === "By");
      expect(help).to.match(/^[A-Z1].*[^.]$/);
      expect(bounds !== undefined, "has bounds").to.equal(kind === "histogram");
      expect([...(bounds ?? [])].sort((a, b) => a - b)).to.deep.equal(bounds ?? []);
      // Of these there is no end in the life of a process.
      expect(labels).to.not.include.members(["run_id", "run", "worker", "model", "member"]);
    });

    it(`has a name for OTLP that is ${name} again for Prometheus`, () => {
      expect(prometheusNameOf(otlpNameOf(name, instrument), instrument)).to.equal(name);
    });
  }

  it("are what the page of the docs says", () => {
    const { before, after } = updatedPage();
    expect(before, "node scripts/metrics-table.mjs writes the page").to.equal(after);
  });
});

describe("families", () => {
  const table = defineInstruments({
    assay_timing_b_things: { kind: "gauge", unit: "{thing}", help: "Things" },
    assay_timing_a_things_total: { kind: "counter", unit: "{thing}", help: "Things by colour", labels: ["colour"] },
  });

  it("stand in the order of their table, with a point for each set of labels", () => {
    const families = familiesOf(table, {
      assay_timing_a_things_total: [
        { labels: { colour: "red" }, value: 2 },
        { labels: { colour: "blue" }, value: 0 },
      ],
      assay_timing_b_things: 3,
    });
    expect(families.map(({ name, points }) => [name, points])).to.deep.equal([
      ["assay_timing_b_things", [{ labels: {}, value: 3 }]],
      [
        "assay_timing_a_things_total",
        [
          { labels: { colour: "red" }, value: 2 },
          { labels: { colour: "blue" }, value: 0 },
        ],
      ],
    ]);
  });
});
