import { expect } from "chai";
import { defaultOptions, helpText, parseArguments, withDefaults } from "../../../mock/options.ts";

describe("mock options", () => {
  it("are the defaults when nothing is given", () => {
    expect(parseArguments([])).to.deep.equal({ options: defaultOptions, wantsHelp: false, problems: [] });
  });

  it("are read from `--flag value`, `--flag=value` and switches", () => {
    const { options, problems } = parseArguments([
      "--port",
      "8000",
      "--itl=2.5",
      "--stamps",
      "--usage",
      "never",
      "--dcgm-port=0",
    ]);
    expect(problems).to.deep.equal([]);
    expect(options).to.deep.equal({ ...defaultOptions, port: 8000, itlMs: 2.5, stamps: true, usage: "never", dcgmPort: 0 });
  });

  it("collect models from repeated and comma-separated flags in place of the default", () => {
    expect(parseArguments(["--model", "a,b", "--model=c"]).options.models).to.deep.equal(["a", "b", "c"]);
  });

  it("report every problem at once, each with the offending value", () => {
    const argv = ["--port", "70000", "--osl=0", "--usage", "sometimes", "--frobnicate", "--stamps=yes", "--ttft", ""];
    expect(parseArguments(argv).problems).to.deep.equal([
      "unknown option --frobnicate",
      "--stamps takes no value, got yes",
      "--port must be an integer from 0 to 65535, got 70000",
      "--ttft must be a number from 0 to 86400000, got NaN",
      "--osl must be an integer from 1 to 1000000, got 0",
      "--usage must be one of always, asked, never, got sometimes",
    ]);
  });

  it("report a flag that lacks its value", () => {
    expect(parseArguments(["--port"]).problems).to.deep.equal(["--port needs a value"]);
  });

  it("are checked the same way when a program gives them", () => {
    expect(() => withDefaults({ jitter: 2, models: [] })).to.throw(
      "--model must be one name or more, got ; --jitter must be a number",
    );
    expect(withDefaults({ jitter: 1 })).to.deep.equal({ ...defaultOptions, jitter: 1 });
  });

  it("appear in the help text with their defaults", () => {
    expect(helpText()).to.match(/--osl N +tokens of an answer .*\(default 64\)/);
    expect(parseArguments(["-h"]).wantsHelp).to.equal(true);
  });
});
