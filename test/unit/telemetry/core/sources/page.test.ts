import { expect } from "chai";
import { createPageSource } from "../../../../../services/telemetry/core/sources/page.ts";
import { namedValues, pageOf, readOnce } from "./readings.ts";

describe("a page as a source", () => {
  it("declares a series with its first value, once, and gives ids and values from then on", () => {
    const reader = createPageSource();
    const first = reader.read(pageOf("# TYPE a gauge", 'a{x="1"} 1', 'a{x="2"} NaN', "b 3"));
    expect(first.added.map(({ name, labels }) => [name, labels])).to.deep.equal([
      ["a", { x: "1" }],
      ["b", {}],
    ]);
    const second = reader.read(pageOf("# TYPE a gauge", 'a{x="1"} 4', 'a{x="2"} 5', "b 6"));
    expect(second.added.map(({ labels }) => labels)).to.deep.equal([{ x: "2" }]);
    expect([...second.ids]).to.deep.equal([0, 2, 1]);
    expect([...second.values]).to.deep.equal([4, 5, 6]);
    expect(reader.series).to.have.lengthOf(3);
  });

  it("says whether ids or values have changed", () => {
    const reader = createPageSource();
    const changes = ["a 1\nb 1\n", "a 1\nb 1\n", "a 1\nb 2\n", "a 1\n", "a 1\nb NaN\n"].map(
      (page) => reader.read(page).isChanged,
    );
    expect(changes).to.deep.equal([true, false, true, true, false]);
  });

  it("keeps ids whatever the order of lines and labels", () => {
    const reader = createPageSource();
    reader.read(pageOf('a{x="1",y="2"} 1', "b 2"));
    const { ids, added } = reader.read(pageOf("b 3", 'a{y="2",x="1"} 4'));
    expect([...ids]).to.deep.equal([1, 0]);
    expect(added).to.deep.equal([]);
  });

  it("tells series apart by all their labels, whatever these are called", () => {
    const reader = createPageSource();
    const { added } = reader.read(pageOf('a{c="1",__proto__="2",b="3"} 1', 'a{c="1",__proto__="9",b="3"} 2', 'a{b="1",c="3"} 3'));
    expect(added.map(({ labels }) => Object.entries(labels).flat().join(" "))).to.deep.equal([
      "c 1 __proto__ 2 b 3",
      "c 1 __proto__ 9 b 3",
      "b 1 c 3",
    ]);
    expect([...reader.read(pageOf('a{b="3",c="1",__proto__="9"} 4', 'a{__proto__="2",b="3",c="1"} 5')).ids]).to.deep.equal([
      1, 0,
    ]);
  });

  it("takes the first of two values of one series", () => {
    const { values } = readOnce(pageOf('a{x="1"} 1', 'a{x="1"} 2'));
    expect(values).to.deep.equal({ "a{x=1}": 1 });
  });

  it("gives the newest time of the page", () => {
    expect(readOnce("a 1 1000\nb 2 3000\nc 4\n").reading.timestampMs).to.equal(3000);
    expect(readOnce("a 1 1.5\n# EOF\n").reading.timestampMs).to.equal(1500);
    expect(readOnce("a 1\n").reading.timestampMs).to.equal(undefined);
  });

  it("reads on after a page that was none", () => {
    const reader = createPageSource();
    reader.read(pageOf('a{x="1"} 1', "b 2"));
    expect(() => reader.read(pageOf('a{x="1"} 2', "<html>"))).to.throw("line 2, column 1");
    expect(namedValues(reader, reader.read(pageOf('a{x="1"} 3', "b 4")))).to.deep.equal({ "a{x=1}": 3, b: 4 });
    expect(reader.series).to.have.lengthOf(2);
  });

  it("begins a series anew where the type of its family changes", () => {
    const reader = createPageSource();
    reader.read(pageOf("# TYPE a gauge", "a 1"));
    const { added } = reader.read(pageOf("# TYPE a counter", "a 1"));
    expect(added.map(({ type }) => type)).to.deep.equal(["counter"]);
    expect(reader.read(pageOf("# TYPE a counter", "a 2")).added).to.deep.equal([]);
  });

  it("sees from the content of a page what it is of, again after another has taken its place", () => {
    const reader = createPageSource();
    const kinds = [
      'DCGM_FI_DEV_GPU_UTIL{UUID="GPU-a"} 1\n',
      "vllm:num_requests_running 1\n",
      'gpu_package_power{gpu_uuid="a",gpu_id="0"} 9\n',
    ];
    expect(kinds.map((page) => reader.read(page).kind)).to.deep.equal(["dcgm", "server", "amd"]);
    expect(reader.series.map(({ kind }) => kind)).to.deep.equal(["dcgm", "server", "amd"]);
  });

  it("sees it, too, where a page comes back that was there before", () => {
    const reader = createPageSource();
    const gpus = 'DCGM_FI_DEV_GPU_UTIL{UUID="GPU-a"} 1\nDCGM_FI_DEV_GPU_UTIL{UUID="GPU-b"} 2\n';
    const readings = [gpus, "up 1\n", gpus, "up 1\n", `up 1\n${gpus}`].map((page) => reader.read(page));
    expect(readings.map(({ kind, ids }) => [kind, [...ids]])).to.deep.equal([
      ["dcgm", [0, 1]],
      ["server", [2]],
      ["dcgm", [0, 1]],
      ["server", [2]],
      ["dcgm", [0, 1]],
    ]);
  });

  it("does not take a clock that jumps for a value that changes", () => {
    const reader = createPageSource();
    const hour = 3_600_000;
    const readings = [hour, 2 * hour, 1, 3 * hour].map((time, at) => reader.read(`a ${at < 3 ? 1 : 2} ${time}\n`));
    expect(readings.map(({ isChanged, timestampMs }) => [isChanged, timestampMs])).to.deep.equal([
      [true, hour],
      [false, 2 * hour],
      [false, 1],
      [true, 3 * hour],
    ]);
  });

  it("puts the parts of a histogram into one family, with its type, help text and unit", () => {
    const { reading } = readOnce(
      pageOf(
        "# HELP t Time (ms)",
        "# TYPE t histogram",
        't_bucket{le="1"} 1',
        't_bucket{le="+Inf"} 2',
        "t_sum 3",
        "t_count 2",
        "t_created 1700000000",
        "# TYPE iteration_tokens_total histogram",
        "iteration_tokens_total_count 5",
        "other_count 7",
      ),
    );
    expect(reading.added.map(({ name, family, type, unit }) => [name, family, type, unit])).to.deep.equal([
      ["t_bucket", "t", "histogram", "milliseconds"],
      ["t_bucket", "t", "histogram", "milliseconds"],
      ["t_sum", "t", "histogram", "milliseconds"],
      ["t_count", "t", "histogram", "milliseconds"],
      ["iteration_tokens_total_count", "iteration_tokens_total", "histogram", "tokens"],
      ["other_count", "other_count", "unknown", "count"],
    ]);
    expect(reading.added[0]).to.deep.include({ help: "Time (ms)", labels: { le: "1" } });
  });

  it("reads the families of OpenMetrics", () => {
    const { reading } = readOnce(
      pageOf(
        "# TYPE c counter",
        "# UNIT c seconds",
        "c_total 1",
        "c_created 1700000000",
        "# TYPE i info",
        'i_info{version="1"} 1',
        "# TYPE s stateset",
        's{s="a"} 1',
        "# TYPE g gaugehistogram",
        'g_bucket{le="1"} 3',
        "# TYPE q summary",
        'q{quantile="0.5"} 4',
        "q_count 2",
        "# TYPE u unknown",
        "u 5",
        "# EOF",
      ),
    );
    expect(reading.added.map(({ name, family, type, unit }) => [name, family, type, unit])).to.deep.equal([
      ["c_total", "c", "counter", "seconds"],
      ["i_info", "i", "gauge", ""],
      ["s", "s", "gauge", ""],
      ["g_bucket", "g", "gauge", ""],
      ["q", "q", "summary", ""],
      ["q_count", "q", "summary", ""],
      ["u", "u", "unknown", ""],
    ]);
  });

  it("wants the end mark where the answer is OpenMetrics", () => {
    const reader = createPageSource();
    expect(() => reader.read("a 1\n", { mustEnd: true })).to.throw("line 2, column 1: expected # EOF, got nothing");
    expect(reader.read("a 1\n# EOF\n", { mustEnd: true }).values).to.have.lengthOf(1);
  });
});
