import { expect } from "chai";
import {
  type EnergySource,
  type EnergyUse,
  energyDoubts,
  energyUse,
} from "../../../../../services/records-manager/core/telemetry/energy.ts";
import { pointsOf, seconds } from "./points.ts";

const nothing: EnergySource = { energy: undefined, power: undefined, gapsNs: Float64Array.of() };
const power = pointsOf([0, 100], [2, 300], [4, 300]);

describe("energyUse", () => {
  it("takes the counter rather than power", () => {
    const energy = pointsOf([0, 500], [1, 620], [4, 900]);
    expect(energyUse({ ...nothing, energy, power }, [seconds(0, 4)])).to.deep.equal({
      joules: 400,
      averageWatts: 100,
      coveredNs: 4e9,
      by: "counter",
      steps: 2,
      resets: 0,
    });
  });

  it("takes the area below power where there is no counter, or one that stands still", () => {
    const expected = { joules: 1000, averageWatts: 250, coveredNs: 4e9, by: "power", steps: 2, resets: 0 };
    expect(energyUse({ ...nothing, power }, [seconds(0, 4)])).to.deep.equal(expected);
    expect(energyUse({ ...nothing, power, energy: pointsOf([0, 7], [4, 7]) }, [seconds(0, 4)])).to.deep.equal(expected);
  });

  it("does not guess power across a scrape that failed", () => {
    const use = energyUse({ ...nothing, power, gapsNs: Float64Array.of(1e9) }, [seconds(0, 4)]);
    expect(use).to.deep.include({ joules: 600, coveredNs: 2e9, averageWatts: 300 });
  });

  it("guesses nothing of a GPU that was absent from a page meanwhile", () => {
    const away = (value: number) => pointsOf([0, value], [2, 3 * value], [3, "absent"], [4, 3 * value], [6, 3 * value]);
    expect(energyUse({ ...nothing, power: away(100) }, [seconds(0, 6)])).to.deep.include({
      joules: 1000,
      coveredNs: 4e9,
      steps: 2,
    });
    expect(energyUse({ ...nothing, energy: away(100) }, [seconds(0, 6)])).to.deep.include({ joules: 200, resets: 1 });
  });

  it("leaves out the steps in which the counter fell", () => {
    const energy = pointsOf([0, 1000], [1, 1200], [2, 30], [4, 430]);
    expect(energyUse({ ...nothing, energy }, [seconds(0, 4)])).to.deep.include({ joules: 600, averageWatts: 200, resets: 1 });
  });

  it("gives nothing where no step can be told, and zero to a counter that stands still alone", () => {
    expect(energyUse(nothing, [seconds(0, 4)])).to.equal(undefined);
    expect(energyUse({ ...nothing, energy: pointsOf([1, 5], [2, 3]) }, [seconds(0, 4)])).to.equal(undefined);
    expect(energyUse({ ...nothing, energy: pointsOf([1, 5], [2, 5]) }, [seconds(0, 4)])).to.deep.include({ joules: 0 });
  });
});

describe("energyDoubts", () => {
  const sound: EnergyUse = { joules: 100, averageWatts: 10, coveredNs: 60e9, by: "counter", steps: 60, resets: 0 };
  const cases: readonly (readonly [what: string, use: Partial<EnergyUse>, said: readonly string[]])[] = [
    ["nothing of a counter that changes often", {}, []],
    [
      "how far a counter may be off that changes every 30 s",
      { steps: 2 },
      ["the energy counter changes every 30 s: over 60 s it may be off by 50 %"],
    ],
    ["that there was no counter", { by: "power" }, ["there is no energy counter: energy is power over time"]],
    [
      "of how few samples of power it is",
      { by: "power", steps: 3 },
      ["there is no energy counter: energy is power over time, of 4 samples alone"],
    ],
    [
      "that it was set back",
      { resets: 2 },
      ["the energy counter was set back or absent 2 times: what was used meanwhile is not in it"],
    ],
    ["which part is covered", { coveredNs: 30e9 }, ["samples cover 30 s of 60 s: the energy is of that part"]],
  ];
  for (const [what, use, said] of cases) {
    it(`says ${what}`, () => expect(energyDoubts({ ...sound, ...use }, 60e9)).to.deep.equal(said));
  }
});
