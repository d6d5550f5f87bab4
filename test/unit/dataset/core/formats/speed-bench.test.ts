import { expect } from "chai";
import { formatNamed } from "../../../../../services/dataset/core/formats/catalog.ts";
import { detectFormat } from "../../../../../services/dataset/core/formats/detection.ts";
import { speedBenchFormat as format } from "../../../../../services/dataset/core/formats/speed-bench.ts";
import { loadedRows, problemOf, rowOf, rowSource } from "../loading.ts";

const id = "0123456789abcdef0123456789abcdef";
const user = (content: string) => ({ role: "user", content });
const row = (category: string, ...messages: unknown[]) => ({ question_id: id, category, messages });

describe("a row of SPEED-Bench", () => {
  it("is a conversation of its messages, a system message among them", () => {
    const { sessionId, turns } = rowOf(format, row("coding", { role: "system", content: "Be brief." }, user("one"), user("two")));
    expect(sessionId).to.equal(id);
    expect(turns.map(({ messages: [message] }) => [message?.role, message?.content])).to.deep.equal([
      ["system", "Be brief."],
      ["user", "one"],
      ["user", "two"],
    ]);
  });

  it("is known before a body, by its id and its category", () => {
    expect(detectFormat(row("coding", user("a")), rowSource)).to.deep.include({ format });
    expect(detectFormat({ ...row("coding", user("a")), question_id: "1" }, rowSource)).to.have.nested.property(
      "format.name",
      "raw_payload",
    );
  });

  it("is left out where another category is asked for by AIPerf's name", () => {
    const of = (format: string) => {
      const { conversations, notes } = loadedRows(
        [row("coding", user("a")), { ...row("math", user("b")), question_id: `${id.slice(1)}x` }],
        {
          format,
        },
      );
      return [conversations.size, ...notes];
    };
    expect(of("speed_bench_math")).to.deep.equal([1, "rows of other categories than math were left out: 1"]);
    for (const all of ["speed_bench", "speed_bench_qualitative", "speed_bench_throughput_8k"]) expect(of(all)).to.deep.equal([2]);
    expect(() => of("speed_bench_throughput_1k_mixed")).to.throw(/no row of the file makes a request: .*than mixed/);
    for (const none of ["speed_bench_poetry", "speed_bench_throughput_4k", "speed_bench_math_mixed"]) {
      expect(formatNamed(none), none).to.equal(undefined);
    }
  });

  const wrong: readonly (readonly [row: Record<string, unknown>, problem: RegExp])[] = [
    [{ ...row("a", user("x")), question_id: "short" }, /^question_id.*expected 32 characters, got "short"/],
    [{ ...row("a", user("x")), category: "" }, /^category.*not empty/],
    [row("a"), /^messages.*at least one message, got \[\]/],
    [row("a", user("x"), { role: "robot", content: "x" }), /^messages\/messages\[1\]: expected a role/],
    [row("a", user("FULL BENCHMARK DATA SHOULD BE FETCHED FROM THE SOURCE USING SPECDEC_BENCH")), /that is the benchmark's own/],
  ];
  for (const [bad, problem] of wrong) {
    it(`is refused: ${problem.source}`, () => expect(problemOf(format, bad)).to.match(problem));
  }
});
