import { expect } from "chai";
import { parseArguments } from "../../../../mock/options/arguments.ts";
import { defaultOptions, withDefaults } from "../../../../mock/options.ts";

const problemsOf = (...argv: string[]) => parseArguments(argv).problems;
const optionsOf = (...argv: string[]) => {
  const { options, problems } = parseArguments(argv);
  expect(problems).to.deep.equal([]);
  return options;
};

describe("mock options", () => {
  it("are the defaults when nothing is given", () => {
    expect(parseArguments([])).to.deep.equal({ options: defaultOptions, wantsHelp: false, problems: [] });
    expect(withDefaults({})).to.deep.equal(defaultOptions);
  });

  it("are read from `--flag value`, `--flag=value` and switches", () => {
    const options = optionsOf(
      "--port",
      "8000",
      "--itl=2.5",
      "--stamps",
      "--usage",
      "never",
      "--dcgm-port=0",
      "--ttft=normal:50,10",
    );
    expect(options).to.deep.equal({
      ...defaultOptions,
      port: 8000,
      ttftMs: "normal:50,10",
      itlMs: 2.5,
      stamps: true,
      usage: "never",
      dcgmPort: 0,
    });
  });

  it("collect models, keys and failures from repeated and comma-separated flags", () => {
    const options = optionsOf("--model", "a,b", "--model=c", "--api-key", "k", "--fail", "429:0.1,reset:0.2", "--fail=cut:5e-2");
    expect(options.models).to.deep.equal(["a", "b", "c"]);
    expect(options.apiKeys).to.deep.equal(["k"]);
    expect(options.failures).to.deep.equal({ "429": 0.1, reset: 0.2, cut: 0.05 });
  });

  it("report every problem at once, each in one line with the option and its value", () => {
    const argv = ["--port", "70000", "--osl=0", "--usage", "sometimes", "--frobnicate", "--stamps=yes", "--ttft", ""];
    const forms = "uniform:LOW,HIGH; normal:MEAN,SD; lognormal:MEAN,SD; exponential:MEAN";
    expect(problemsOf(...argv)).to.deep.equal([
      "unknown option --frobnicate",
      "--stamps takes no value, got yes",
      "--port must be an integer from 0 to 65535, got 70000",
      `--ttft must be a number from 0 to 86400000 or a distribution of such (${forms}), got ""`,
      `--osl must be an integer from 1 to 1000000 or a distribution of such (${forms}), got 0`,
      "--usage must be one of always, asked, never, got sometimes",
    ]);
  });

  for (const [argv, problem] of [
    [["--ttft", "normal:50"], /^--ttft must be a number .* normal:MEAN,SD.*, got normal:50$/],
    [["--itl=-1"], /^--itl must be a number from 0 .*, got -1$/],
    [["--osl", "2.5"], /^--osl must be an integer .*, got 2\.5$/],
    [["--tokens-per-chunk", "uniform:0,3"], /^--tokens-per-chunk must be an integer from 1 .*, got uniform:0,3$/],
    [["--triton-metrics-port", "0"], /^--triton-metrics-port must be beside --grpc-port, got 0$/],
    [["--dcgm-reset", "soon"], /^--dcgm-reset must be a number from 0 to 86400, got soon$/],
    [["--fail", "nonsense:0.1"], /^--fail must be of the kinds 400 to 599, reset, .*after-final, got nonsense:0\.1$/],
    [["--fail", "200:0.1"], /^--fail must be of the kinds .*, got 200:0\.1$/],
    [["--fail", "429"], /^--fail must be KIND:RATE, several with commas and each kind once, got 429$/],
    [["--fail", "429:"], /^--fail must be KIND:RATE,.* got 429:$/],
    [["--fail", ""], /^--fail must be KIND:RATE,.* got ""$/],
    [["--fail", "429:0.1,429:0.2"], /^--fail must be KIND:RATE,.* got 429:0\.1,429:0\.2$/],
    [["--fail", "429:1.5"], /^--fail must be KIND:RATE with rates from 0 to 1, got 429:1\.5$/],
    [["--fail", "429:-0.5,cut:0.5"], /^--fail must be KIND:RATE with rates from 0 to 1, got /],
    [
      ["--fail", "429:0.7", "--fail", "reset:0.6"],
      /^--fail must be KIND:RATE with rates that add up to 1 at most, got 429:0\.7,reset:0\.6$/,
    ],
    [["--fail", "reset:0.1", "--fail", "reset:0.1"], /^--fail reset:0\.1 cannot be joined with --fail reset:0\.1$/],
    [["--retry-after", "1.5"], /^--retry-after must be an integer from 0 to 86400, got 1\.5$/],
    [["--max-concurrent", "-1"], /^--max-concurrent must be an integer from 0 to 1000000, got -1$/],
    [["--jitter", "0.5", "--ttft", "normal:5,1"], /^--ttft must be a plain number beside --jitter, got normal:5,1$/],
    [["--jitter", "0.5", "--itl", "exponential:5"], /^--itl must be a plain number beside --jitter, got exponential:5$/],
    [["--grpc-model", "a:vllm"], /^--grpc-model must be beside --grpc-port, got a:vllm$/],
    [["--grpc-port", "0", "--grpc-model", "a:b"], /^--grpc-model must be NAME:KIND with a kind of vllm, .*, got a:b$/],
    [["--port"], /^--port needs a value$/],
    [["--max-concurent", "1"], /^unknown option --max-concurent, did you mean --max-concurrent\?$/],
    [["surplus"], /^unknown option surplus$/],
  ] as const) {
    it(`refuse ${argv.join(" ")}`, () => {
      const problems = problemsOf(...argv);
      expect(problems[0]).to.match(problem);
      expect(problems.every((line) => !line.includes("\n"))).to.equal(true);
    });
  }

  it("take rates that add up to 1 but for rounding", () => {
    expect(problemsOf("--fail", "500:0.1,501:0.2,502:0.7")).to.deep.equal([]);
    expect(problemsOf("--fail", "reset:0.1,slow:0.1,cut:0.1,garbage:0.1,stall:0.6000000000000001")).to.deep.equal([]);
  });

  it("are checked the same way when a program gives them", () => {
    expect(() => withDefaults({ jitter: 2, models: [""] })).to.throw(
      'jitter must be a number from 0 to 1, got 2; --model must be a list of names, got ""',
    );
    expect(() => withDefaults({ failures: { cut: 0.5, slow: 0.6 } })).to.throw("--fail must be KIND:RATE with rates that add up");
    expect(withDefaults({ jitter: 1 })).to.deep.equal({ ...defaultOptions, jitter: 1 });
  });

  it("may ask for help", () => {
    expect(parseArguments(["-h"]).wantsHelp).to.equal(true);
  });
});
