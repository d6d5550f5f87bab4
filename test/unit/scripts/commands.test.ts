import { expect } from "chai";
import { startArguments, testArguments } from "../../../scripts/commands.mjs";

describe("npm start", () => {
  it("benchmarks the built-in server, streaming, when no target is given", () => {
    expect(startArguments([])).to.deep.equal(["--mock", "--streaming"]);
    expect(startArguments(["--concurrency", "4"])).to.deep.equal(["--mock", "--streaming", "--concurrency", "4"]);
  });

  it("says nothing twice", () => {
    expect(startArguments(["--mock"])).to.deep.equal(["--streaming", "--mock"]);
  });

  for (const target of [["-u", "http://h"], ["-uhttp://h"], ["--url", "http://h"], ["--url=http://h"]]) {
    it(`adds nothing to ${target.join(" ")}`, () => {
      expect(startArguments(["--streaming", ...target])).to.deep.equal(["--streaming", ...target]);
    });
  }

  it("does not take another argument for a target", () => {
    expect(startArguments(["--url-strategy", "random"])).to.include("--mock");
  });
});

describe("npm test", () => {
  const { CI } = process.env;
  afterEach(() => {
    if (CI === undefined) delete process.env.CI;
    else process.env.CI = CI;
  });
  const folders = ["test/unit/**/*.test.ts", "test/service/**/*.test.ts", "test/suite/**/*.test.ts"];

  it("runs unit, service and suite tests in this order", () => {
    delete process.env.CI;
    expect(testArguments([])).to.deep.equal(folders);
    expect(testArguments(["-g", "test"])).to.deep.equal(["-g", "test", ...folders]);
  });

  it("runs only the files that are named", () => {
    delete process.env.CI;
    for (const files of ["test/unit/a.test.ts", "test/real/**/*.test.ts"]) expect(testArguments([files])).to.deep.equal([files]);
  });

  it("takes a skipped test for a failure in CI", () => {
    process.env.CI = "true";
    expect(testArguments([])).to.deep.equal(["--forbid-pending", ...folders]);
  });
});
