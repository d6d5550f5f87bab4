import { readFileSync } from "node:fs";
import { expect } from "chai";
import { targetFlags } from "../../../clients/cli/flags/target.ts";
import { createEndpoint, endpointNames } from "../../../endpoints/catalog.ts";

describe("the catalog of endpoints", () => {
  const page = readFileSync(new URL("../../../docs/endpoints.md", import.meta.url), "utf8");

  for (const name of endpointNames) {
    it(`has ${name} by its own name, in the help and in docs/endpoints.md with its path`, () => {
      const endpoint = createEndpoint(name);
      expect(endpoint?.name).to.equal(name);
      expect(targetFlags.endpointType.doc).to.match(new RegExp(`[ ,]${name}\\b`));
      const row = page.split("\n").find((line) => line.startsWith(`| \`${name}\``));
      expect(row).to.contain(endpoint?.path === "" ? "that of the URL" : `\`${endpoint?.path}\``);
    });
  }

  it("knows what AIPerf called the rankings of NIM first", () => {
    expect(createEndpoint("rankings")?.name).to.equal("nim_rankings");
  });

  it("has nothing by another name", () => {
    expect(createEndpoint("nonsense")).to.equal(undefined);
    expect(createEndpoint("constructor")).to.equal(undefined);
  });
});
