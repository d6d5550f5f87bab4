import { expect } from "chai";
import { aiperfOptions } from "../../../clients/cli/aiperf-options.ts";
import { datasetShowFlags } from "../../../clients/cli/dataset/flags.ts";
import { runFlags } from "../../../clients/cli/flags.ts";
import { parseFlags } from "../../../clients/cli/parse.ts";

describe("a switch", () => {
  const read = (...argv: string[]) => parseFlags(runFlags, argv);

  it("may have its value behind it", () => {
    expect(read("--streaming=true").options).to.deep.equal({ streaming: true });
    expect(read("--streaming=False", "--no-gpu-telemetry=1").options).to.deep.equal({ streaming: false, noGpuTelemetry: true });
    expect(read("--no-streaming=false").options).to.deep.equal({ streaming: true });
  });

  it("that is off is not given, where it has no opposite", () => {
    const { options, given, problems } = read("--mock=false", "--json=0");
    expect([options, given.size, problems]).to.deep.equal([{ mock: false, json: false }, 0, []]);
    const last = read("--mock", "--mock=false");
    expect([last.options, last.given.size]).to.deep.equal([{ mock: false }, 0]);
    expect(read("--mock=false", "--mock")).to.deep.include({ options: { mock: true }, given: new Set(["mock"]) });
  });
});

describe("an option whose value may be left away", () => {
  it("asks for what happens anyway", () => {
    const { options, given, problems } = parseFlags(runFlags, ["--gpu-telemetry", "-m", "a", "--gpu-telemetry"]);
    expect([options, [...given], problems]).to.deep.equal([{ models: ["a"] }, ["models"], []]);
  });

  it("takes no option of another program for one", () => {
    const { problems } = parseFlags(runFlags, ["--gpu-telemetry", "--adaptive-scale"], 0, aiperfOptions);
    expect(problems).to.have.length(1);
    expect(problems[0]).to.match(/^--adaptive-scale: an option of AIPerf/);
  });
});

describe("options that take several values", () => {
  it("take all up to the next option where nothing else can come", () => {
    const { options, problems } = parseFlags(runFlags, ["-m", "a", "b", "--streaming", "-m", "c"]);
    expect(problems).to.deep.equal([]);
    expect(options.models).to.deep.equal(["a", "b", "c"]);
  });

  it("take one while an operand may still come, and all behind it", () => {
    const of = (...argv: string[]) => {
      const { options, operands } = parseFlags(datasetShowFlags, argv, 1);
      return [options.models, operands];
    };
    expect(of("-m", "a", "rows.jsonl")).to.deep.equal([["a"], ["rows.jsonl"]]);
    expect(of("-m", "a,b", "-")).to.deep.equal([["a", "b"], ["-"]]);
    expect(of("rows.jsonl", "-m", "a", "b")).to.deep.equal([["a", "b"], ["rows.jsonl"]]);
    expect(of("-m", "a", "-m", "b")).to.deep.equal([["a", "b"], []]);
  });
});
