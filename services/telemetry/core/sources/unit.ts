/** Unit of a server's metric, from what its help text and its name say: AIPerf's rule, so that both programs' files say the same. */

/** Endings of names, without `_total`. The longest that fits counts. */
const endings: Readonly<Record<string, string>> = {
  _seconds: "seconds",
  _milliseconds: "milliseconds",
  _ms: "milliseconds",
  _microseconds: "microseconds",
  _us: "microseconds",
  _nanoseconds: "nanoseconds",
  _ns: "nanoseconds",
  _bytes: "bytes",
  _kilobytes: "kilobytes",
  _megabytes: "megabytes",
  _gigabytes: "gigabytes",
  _count: "count",
  _tokens: "tokens",
  _requests: "requests",
  _reqs: "requests",
  request_success: "requests",
  _errors: "errors",
  _error_count: "errors",
  _blocks: "blocks",
  _block_count: "blocks",
  _gb_s: "gb/s",
  _ratio: "ratio",
  _percent: "percent",
  _perc: "percent",
  _celsius: "celsius",
  _joules: "joules",
  _watts: "watts",
};
const longestFirst = Object.entries(endings).sort(([one], [other]) => other.length - one.length);

const timeWords: readonly (readonly [RegExp, string])[] = [
  [/\bin seconds\b|\((?:in )?(?:s|sec|secs|seconds)\)/i, "seconds"],
  [/\bin milliseconds\b|\((?:in )?(?:ms|milliseconds)\)/i, "milliseconds"],
  [/\bin microseconds\b|\((?:in )?(?:us|µs|microseconds)\)/i, "microseconds"],
  [/\bin nanoseconds\b|\((?:in )?(?:ns|nanoseconds)\)/i, "nanoseconds"],
];

/**
 * A range in the help text ("(0-1)" is a ratio, "(0-100)" a percentage) comes before a time that it names ("in seconds", "(ms)"), and
 * that before the longest ending of the name.
 *
 * @param family the name that `# TYPE` has
 * @returns the plural in lower case (`seconds`, `tokens`, `ratio`); empty: nothing says it
 */
export function unitOf(family: string, help: string): string {
  if (/\(\s*0(?:\.0*)?\s*(?:-|–|to)\s*1(?:\.0*)?\s*\)/.test(help)) return "ratio";
  if (/\(\s*0(?:\.0*)?\s*(?:-|–|to)\s*100(?:\.0*)?\s*%?\s*\)/.test(help)) return "percent";
  const said = timeWords.find(([words]) => words.test(help));
  if (said !== undefined) return said[1];
  const base = family.endsWith("_total") ? family.slice(0, -"_total".length) : family;
  const ending =
    longestFirst.find(([end]) => base.endsWith(end)) ?? (base.includes("num_requests_") ? ["", "requests"] : undefined);
  return ending?.[1] ?? (base === family ? "" : "count");
}
