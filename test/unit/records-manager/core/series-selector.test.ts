import { expect } from "chai";
import { parseSelector } from "../../../../services/records-manager/core/series-selector.ts";

const running = {
  kind: "server",
  source: "http://a:8000/metrics",
  subject: "",
  name: "vllm:num_requests_running",
  labels: { model_name: 'a"b', engine: "0" },
};
const cpu = { kind: "host", source: "node1", subject: "node1", name: "host_cpu_utilization", labels: { kind: "of its own" } };

describe("a selector of series", () => {
  for (const [text, selected] of [
    ["vllm:num_requests_running", [running]],
    ["vllm:*", [running]],
    ["*requests*", [running]],
    ["num_requests", []],
    ['vllm:*{engine="0"}', [running]],
    ['vllm:*{engine="0", model_name="a\\"b",}', [running]],
    ['vllm:*{engine="1"}', []],
    ['{kind="server"}', [running]],
    ['{kind="host"}', []],
    ['{kind="of *"}', [cpu]],
    ['{source="node*"}', [cpu]],
    ['{no_such_label=""}', [running, cpu]],
    ["*", [running, cpu]],
    ["vllm.num_requests_running", []],
  ] as const) {
    it(`${text} selects ${selected.length}`, () => {
      expect([running, cpu].filter(parseSelector(text))).to.deep.equal(selected);
    });
  }

  for (const text of ["", "{}", "a{}", "a{b}", 'a{b="c"', 'a{b="c"} d', 'a{b="c" d="e"}', "a{b=c}", 'a{b="c"}x']) {
    it(`${text === "" ? "nothing" : text} is none`, () => {
      expect(() => parseSelector(text)).to.throw(/^series: must be NAME or NAME\{label="value"\}.*, got /);
    });
  }
});
