import { expect } from "chai";
import { costsIn, needOf, updatedPage } from "../../../scripts/scale-page.mjs";

describe("docs/scale.md", () => {
  it("has the tables that its costs make", () => {
    const { before, after } = updatedPage();
    expect(before, "node scripts/scale-page.mjs writes the page").to.equal(after);
  });

  it("reckons cores by rates and costs, and processes by what one may use", () => {
    const costs = new Map([...costsIn(updatedPage().before).keys()].map((name) => [name, 1]));
    costs.set("records-manager, a record", 20);
    costs.set("part of a core that a process may use", 0.5);
    costs.set("streams of a worker", 1000);
    costs.set("chunks of a worker a second", 1e9);
    // 100 000 streams of 2 s are 50 000 a second; a chunk a second and stream.
    const { perSec, cores, processes, controllerCores, workerGb } = needOf(100_000, 2, costs);
    expect(perSec).to.equal(50_000);
    expect(cores["records-manager"]).to.equal(1);
    expect(processes["records-manager"]).to.equal(2);
    expect(cores["record-processor"]).to.be.closeTo(0.15, 1e-9);
    expect(processes.worker).to.equal(100);
    expect(controllerCores).to.be.closeTo(1e-4, 1e-9);
    expect(workerGb).to.be.closeTo(0.1, 1e-9);
  });
});
