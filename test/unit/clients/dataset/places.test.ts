import { expect } from "chai";
import type { Origin } from "../../../../clients/cli/asked.ts";
import { placeFlags, placesOf, problemsOfPlaces } from "../../../../clients/cli/dataset/places.ts";
import { parseFlags } from "../../../../clients/cli/parse.ts";

const parse = (...argv: readonly string[]) => parseFlags(placeFlags, argv);

describe("where datasets are kept and found", () => {
  it("is told with absolute paths, and nothing of what was not said", () => {
    const { options, problems } = parse(
      ...["--dataset-cache-dir", "cache", "--dataset-cache-bytes", "1000", "--dataset-dir", "/sets/./a"],
      ...["--max-dataset-bytes", "2000", "--public-dataset-url", "http://mirror"],
    );
    expect(problems).to.deep.equal([]);
    expect(placesOf(options, "/home/u")).to.deep.equal({
      cacheDir: "/home/u/cache",
      cacheBytes: 1000,
      publicDir: "/sets/a",
      publicUrl: "http://mirror",
      maxFileBytes: 2000,
    });
    expect(placesOf({}, "/home/u")).to.deep.equal({});
  });

  it("may be nowhere", () => {
    const { options } = parse("--dataset-cache-dir", "", "--public-dataset-url=");
    expect(placesOf(options, "/home/u")).to.deep.equal({ cacheDir: "", publicUrl: "" });
    expect(parse("--dataset-dir", "").problems).to.deep.equal(["--dataset-dir : expected a text"]);
  });

  it("is no matter of a command that asks a suite elsewhere, unless the environment says it", () => {
    const problems = (origin: Origin) =>
      problemsOfPlaces({
        options: { datasetCacheDir: "a" },
        origins: new Map<string, Origin>([
          ["controller", "argument"],
          ["datasetCacheDir", origin],
        ]),
      });
    expect(problems("environment")).to.deep.equal([]);
    expect(problems("argument")).to.deep.equal([
      "--dataset-cache-dir: not together with --controller: assay serve takes it, on the suite's host",
    ]);
  });

  it("downloads from nothing but the web", () => {
    const problems = (url: string) => problemsOfPlaces({ options: { publicDatasetUrl: url }, origins: new Map() });
    expect(problems("file:///a")).to.deep.equal([
      "--public-dataset-url file:///a: expected an http or https URL, or an empty text",
    ]);
    expect([...problems("https://a"), ...problems("")]).to.deep.equal([]);
  });
});
