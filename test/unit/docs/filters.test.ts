import { readFileSync } from "node:fs";
import { expect } from "chai";
import { readFilter } from "../../../services/records-manager/core/filter.ts";
import { filterColumns, filterField, shortColumns } from "../../../services/records-manager/core/filter-fields.ts";

const page = readFileSync(new URL("../../../docs/filters.md", import.meta.url), "utf8");

describe("docs/filters.md", () => {
  it("has examples that are read", () => {
    const examples = [...page.matchAll(/--where '([^']+)'/g)].map(([, filter = ""]) => filter);
    expect(examples).to.have.length(2);
    for (const filter of [...examples, "ttft = none", 'phase = "profiling"', "target = 0"]) {
      expect(page).to.include(filter);
      expect(readFilter(filter), filter).to.have.property("filter");
    }
  });

  it("names every column and every short name", () => {
    const named = [...page.matchAll(/`([a-z_]+)`/g)].map(([, name = ""]) => name);
    expect(named).to.include.members([...Object.keys(filterColumns), ...Object.keys(shortColumns)]);
    const fields = page.slice(page.indexOf("## Fields")).matchAll(/^\| (`.+?) \|/gm);
    for (const [, cell = ""] of fields) {
      for (const [, name = ""] of cell.matchAll(/`([^`]+)`/g)) expect(filterField(name), name).not.to.equal(undefined);
    }
  });
});
