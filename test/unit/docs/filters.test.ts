import { readFileSync } from "node:fs";
import { expect } from "chai";
import { readFilter } from "../../../services/records-manager/core/filter.ts";
import { filterColumns, filterField, shortColumns } from "../../../services/records-manager/core/filter-fields.ts";
import { groupFields, readGroupFields } from "../../../services/records-manager/core/group-fields.ts";

const page = readFileSync(new URL("../../../docs/filters.md", import.meta.url), "utf8");

describe("docs/filters.md", () => {
  it("has examples that are read", () => {
    const examples = [...page.matchAll(/--where '([^']+)'/g)].map(([, filter = ""]) => filter);
    expect(examples).to.have.length(3);
    for (const filter of [...examples, "ttft = none", 'phase = "profiling"', "target = 0"]) {
      expect(page).to.include(filter);
      expect(readFilter(filter), filter).to.have.property("filter");
    }
  });

  it("names every column and every short name", () => {
    const named = [...page.matchAll(/`([a-z_]+)`/g)].map(([, name = ""]) => name);
    expect(named).to.include.members([...Object.keys(filterColumns), ...Object.keys(shortColumns)]);
    const fields = page.slice(page.indexOf("## Fields"), page.indexOf("## Groups")).matchAll(/^\| (`.+?) \|/gm);
    for (const [, cell = ""] of fields) {
      for (const [, name = ""] of cell.matchAll(/`([^`]+)`/g)) expect(filterField(name), name).not.to.equal(undefined);
    }
  });

  it("names every field that requests are grouped by, and no other", () => {
    const [, list = ""] = /Groups are made by (.+?), at most/s.exec(page) ?? [];
    expect([...list.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name)).to.have.members(groupFields);
    for (const [, names = ""] of page.matchAll(/latest .*--by (\S+)/g)) {
      expect(readGroupFields(names.split(",")), names).to.have.length(names.split(",").length);
    }
  });
});
