import { fromJson } from "@bufbuild/protobuf";
import { expect } from "chai";
import fc from "fast-check";
import { readSpecText } from "../../../../clients/cli/spec/spec-reader.ts";
import { RunSpecSchema } from "../../../../gen/assay/common/v1/run_spec_pb.js";

/** Ten million texts in 300 characters. */
const bomb = [
  "endpoint:",
  "  extra_inputs:",
  "    a: &a [x,x,x,x,x,x,x,x,x,x]",
  ...[..."bcdefg"].map((name, at) => `    ${name}: &${name} [${Array(10).fill(`*${"abcdef"[at]}`).join(",")}]`),
].join("\n");

describe("a RunSpec in a file", () => {
  it("may be YAML, with short enum values, names of either kind and bare URLs", () => {
    const { spec, problems } = readSpecText(`
# a comment
models: [a, 007]
target:
  urls: [localhost:8000, { url: http://b, label: second }]
  headers: { A: 1, B: "x: y" }
  requestTimeoutSec: 5
endpoint: { streaming: true, extra_inputs: { stop: [a], top_k: 5, seed: null } }
random_seed: 18446744073709551615
dataset: { entries: 3, sampling: shuffle }
phases:
  - { name: profiling, kind: profiling, rate: { rate_per_sec: 5, pattern: constant }, stop: { request_count: 10 } }
`);
    expect(problems).to.deep.equal([]);
    expect(spec).to.deep.equal({
      models: ["a", "007"],
      target: {
        urls: [{ url: "localhost:8000" }, { url: "http://b", label: "second" }],
        headers: { A: "1", B: "x: y" },
        request_timeout_sec: 5,
      },
      endpoint: { streaming: true, extra_inputs: { stop: ["a"], top_k: 5, seed: null } },
      random_seed: "18446744073709551615",
      dataset: { entries: "3", sampling: "SAMPLING_SHUFFLE" },
      phases: [
        {
          name: "profiling",
          kind: "PHASE_KIND_PROFILING",
          rate: { rate_per_sec: 5, pattern: "ARRIVAL_PATTERN_CONSTANT" },
          stop: { request_count: "10" },
        },
      ],
    });
    expect(fromJson(RunSpecSchema, spec).models).to.deep.equal(["a", "007"]);
  });

  it("may be JSON, and may use anchors", () => {
    expect(readSpecText('{"models": ["a"], "endpoint": {"type": "chat"}}').spec).to.deep.equal({
      models: ["a"],
      endpoint: { type: "chat" },
    });
    const { spec } = readSpecText(
      "models: &m [a]\nname: x\nphases:\n  - &p { name: one, kind: warmup }\n  - { <<: *p, name: two }",
    );
    expect(spec.phases).to.deep.equal([
      { name: "one", kind: "PHASE_KIND_WARMUP" },
      { name: "two", kind: "PHASE_KIND_WARMUP" },
    ]);
  });

  for (const [text, ...problems] of [
    ["model: a", "1:1: model: unknown field, did you mean models?"],
    ["target:\n  api_kye: x", "2:3: target.api_kye: unknown field, did you mean api_key?"],
    ["models: a", '1:9: models: expected a list, got "a"'],
    ["endpoint: { streaming: yes }", '1:24: endpoint.streaming: expected true or false, got "yes"'],
    ["target: { idle_timeout_sec: 5s }", '1:29: target.idle_timeout_sec: expected a number, got "5s"'],
    ["workers: { max_workers: -1 }", "1:25: workers.max_workers: expected an integer from 0 to 2^32 − 1, got -1"],
    ["workers: { max_workers: 1.5 }", "1:25: workers.max_workers: expected an integer from 0 to 2^32 − 1, got 1.5"],
    ["random_seed: 18446744073709551616", "1:14: random_seed: expected an integer from 0 to 2^64 − 1, got 18446744073709551616"],
    ["target: [a]", "1:9: target: expected an object, got a list"],
    ["endpoint: { extra_inputs: 5 }", "1:27: endpoint.extra_inputs: expected an object, got 5"],
    ["dataset: { sampling: sorted }", '1:22: dataset.sampling: expected sequential, random, shuffle or weighted, got "sorted"'],
    [
      "phases:\n  - rate: { rate_per_sec: 5 }\n    concurrency: { limit: 1 }",
      "3:5: phases[0].concurrency: not together with rate",
    ],
    ["[a]", "1:1: expected an object with fields of RunSpec, got a list"],
    ["models: [a", "1:11: Flow sequence in block collection must be sufficiently indented and end with a ]"],
    ["models: [a]\nmodels: [b]", '2:1: Map keys must be unique: "models" comes again'],
    ["endpoint:\n  extra_inputs: { a: 1, b: 2, a: 3 }", '2:31: Map keys must be unique: "a" comes again'],
    ["target: &t\n  <<: *t\n  urls: [x]", "2:3: what is merged is merged into itself"],
    ["target: { <<: &a { <<: &b { <<: *a } } }", "1:20: what is merged is merged into itself"],
    ['{"__proto__": {"polluted": 1}}', "1:2: __proto__: unknown field"],
    [bomb, "3:5: endpoint.extra_inputs: Excessive alias count indicates a resource exhaustion attack"],
    ["model: a\nnme: b", "1:1: model: unknown field, did you mean models?", "2:1: nme: unknown field, did you mean name?"],
  ] as const) {
    it(`is refused with line and column: ${JSON.stringify(text)}`, () => {
      expect(readSpecText(text).problems).to.deep.equal(problems);
    });
  }

  it("knows the place of every field that it has", () => {
    const { places } = readSpecText("phases:\n  - concurrency:\n      limit: 5\n");
    expect(places.get("phases[0].concurrency.limit")).to.equal("3:7");
  });

  it("is refused where it is nested too deeply or too long, and changes no object but its own", () => {
    expect(readSpecText(`endpoint: {extra_inputs: {a: ${"[".repeat(5000)}${"]".repeat(5000)}}}`).problems[0]).to.match(
      /call stack/,
    );
    expect(readSpecText(" ".repeat(5_000_000)).problems).to.deep.equal(["1:1: a file may have 4194304 characters, got 5000000"]);
    const { spec } = readSpecText(
      '{"endpoint": {"extra_inputs": {"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}}}',
    );
    expect(JSON.stringify(spec)).to.include("polluted");
    expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
  });

  it("may be empty", () => {
    expect(readSpecText("")).to.deep.include({ spec: {}, problems: [] });
    expect(readSpecText("# nothing\n")).to.deep.include({ spec: {}, problems: [] });
  });

  it("never throws, and is a RunSpec where nothing is wrong", () => {
    const value = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.constantFrom("[]", "{}", "{ limit: 1 }", "[{}]", "true", "*a", "&a 1", "!!x"),
    );
    const key = fc.oneof(fc.constantFrom(...RunSpecSchema.fields.map(({ name }) => name)), fc.string({ maxLength: 5 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value), { maxLength: 5 }), (pairs) => {
        const { spec, problems } = readSpecText(pairs.map(([name, given]) => `${name}: ${given}`).join("\n"));
        if (problems.length === 0) fromJson(RunSpecSchema, spec);
      }),
      { numRuns: 500 },
    );
  });
});
