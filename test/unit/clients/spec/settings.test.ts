import type { JsonObject } from "@bufbuild/protobuf";
import { expect } from "chai";
import { pathOfSetting, withSettings } from "../../../../clients/cli/spec/settings.ts";

const base: JsonObject = { models: ["a"], phases: [{ name: "p", concurrency: { limit: 1 } }] };

describe("--set", () => {
  for (const [settings, change] of [
    [["models=[x, y]"], { models: ["x", "y"] }],
    [["models[0]=z", "models.1=q"], { models: ["z", "q"] }],
    [["target.idle_timeout_sec=5"], { target: { idle_timeout_sec: 5 } }],
    [["phases[0].concurrency.limit=9"], { phases: [{ name: "p", concurrency: { limit: 9 } }] }],
    [["phases[0].rate.rate_per_sec=9"], { phases: [{ name: "p", rate: { rate_per_sec: 9 } }] }],
    [["phases[1].name=q"], { phases: [{ name: "p", concurrency: { limit: 1 } }, { name: "q" }] }],
    [["dataset.sampling=random"], { dataset: { sampling: "SAMPLING_RANDOM" } }],
    [["target.urls=[h:1]", "target.urls[1]=h:2"], { target: { urls: [{ url: "h:1" }, { url: "h:2" }] } }],
    [["target.headers.X-A=a: b"], { target: { headers: { "X-A": "a: b" } } }],
    [
      ["endpoint.extra_inputs.temperature=0.5", "endpoint.extra_inputs.user=me: x", "endpoint.extra_inputs.a.b=[1]"],
      { endpoint: { extra_inputs: { temperature: 0.5, user: "me: x", a: { b: [1] } } } },
    ],
    [["name=x", "name="], {}],
    [["models[0]="], { models: [] }],
  ] as const) {
    it(`makes of the spec what it says: ${settings.join(" ")}`, () => {
      const { spec, problems } = withSettings(base, settings);
      expect(problems).to.deep.equal([]);
      expect(spec).to.deep.equal({ ...base, ...change });
    });
  }

  for (const [setting, problem] of [
    ["targt.urls=x", "unknown field targt, did you mean target?"],
    ["target.api_kye=x", "unknown field target.api_kye, did you mean api_key?"],
    ["name.x=1", "name has no fields"],
    ["phases[3].name=x", "expected an index from 0 to 1, got 3"],
    ["phases.x.name=x", "expected an index from 0 to 1, got x"],
    ["workers.max_workers=many", 'expected an integer from 0 to 2^32 − 1, got "many"'],
    ["models=a", 'expected a list, got "a"'],
    ["models=[a", "Flow sequence must end with a ]"],
    ["phases[0].kind=sprint", 'expected warmup or profiling, got "sprint"'],
  ] as const) {
    it(`is refused, named whole: ${setting}`, () => {
      expect(withSettings(base, [setting]).problems).to.deep.equal([`--set ${setting}: ${problem}`]);
    });
  }

  it("leaves the spec that it was given as it was", () => {
    const before = structuredClone(base);
    withSettings(base, ["models[0]=z", "phases[0].name=q"]);
    expect(base).to.deep.equal(before);
  });

  it("has one spelling for complaints", () => {
    expect(pathOfSetting("phases.0.stop.duration_sec=5")).to.equal("phases[0].stop.duration_sec");
    expect(pathOfSetting("phases[0].stop.duration_sec=a=b")).to.equal("phases[0].stop.duration_sec");
  });
});
