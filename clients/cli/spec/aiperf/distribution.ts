/** AIPerf's distributions as a RunSpec has them. Pure. */
import type { Given, GivenEntry, GivenObject } from "./given.ts";
import { objectAt, put, type Rule, readSection, type Translation, valueAt } from "./section.ts";

const kinds = ["fixed", "normal", "lognormal", "multimodal", "empirical"];

/** A rule for a number, `{mean, stddev}`, `{mean, median}`, `{peaks}` or `{points}`, with `min` and `max`. */
export function distributionAt(to: string, translation: Translation): Rule {
  return (entry, path) => put(translation.spec, to, { keyAt: entry.keyAt, given: distributionOf(entry, path, translation) });
}

export function distributionOf(entry: GivenEntry, path: string, { report }: Translation): Given {
  const { given } = entry;
  const spec = objectAt(given.at);
  if (given.is !== "object") {
    put(spec, "mean", entry);
    return spec;
  }
  readSection(
    given,
    path,
    {
      value: "mean",
      mean: "mean",
      stddev: "stddev",
      min: "min",
      max: "max",
      type: { instead: "the fields say which distribution it is", asItIs: kinds },
      median: (median) => {
        put(spec, "kind", valueAt(median, "lognormal"));
        put(spec, "median", median);
      },
      peaks: (peaks, below) => {
        put(spec, "kind", valueAt(peaks, "multimodal"));
        const median = { instead: "of several peaks each is normal, with a stddev" };
        const rules = { value: "mean", mean: "mean", stddev: "stddev", weight: "weight", median };
        put(spec, "peaks", weighted(peaks, below, rules, report));
      },
      points: (points, below) => {
        put(spec, "kind", valueAt(points, "empirical"));
        put(spec, "points", weighted(points, below, { value: "value", weight: "weight" }, report));
      },
    },
    { spec, report },
  );
  return spec;
}

/** A list of objects that weigh 1 where nothing else is said. */
function weighted(
  entry: GivenEntry,
  path: string,
  rules: Readonly<Record<string, Rule>>,
  report: Translation["report"],
): GivenEntry {
  const { keyAt, given } = entry;
  if (given.is !== "list") return entry;
  const items = given.items.map((item, index): GivenObject => {
    const spec = objectAt(item.at);
    put(spec, "weight", { keyAt: item.at, given: { is: "scalar", at: item.at, value: 1 } });
    readSection(item, `${path}[${index}]`, rules, { spec, report });
    return spec;
  });
  return { keyAt, given: { is: "list", at: given.at, items } };
}
