/**
 * Which series of telemetry are meant: `NAME`, `NAME{label="value",…}` or `{label="value"}`, in which `*` stands for any text. `kind`, `source`
 * and `subject` count as labels where the series has none of that name, as `{kind="host"}`.
 */
import { AssayError } from "../../common/errors.ts";

export interface SelectableSeries {
  readonly kind: string;
  readonly source: string;
  readonly subject: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export type SeriesSelector = (series: SelectableSeries) => boolean;

const whole = /^([^{}"]*)(?:\{(.*)\})?$/s;
const pair = /\s*([A-Za-z_][\w.]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|$)/gsy;

/** Throws `invalid_argument` for a text of another form. */
export function parseSelector(text: string): SeriesSelector {
  const [, name = "", inside] = whole.exec(text.trim()) ?? [undefined, "", ""];
  const labels = inside === undefined ? [] : pairsOf(inside);
  if (labels === undefined || (name === "" && labels.length === 0)) {
    throw new AssayError("invalid_argument", `series: must be NAME or NAME{label="value"}, * being any text, got ${text}`);
  }
  const named = name === "" ? undefined : globOf(name.trim());
  const wanted = labels.map(([label, value]) => [label, globOf(value)] as const);
  return (series) =>
    (named === undefined || named.test(series.name)) && wanted.every(([label, glob]) => glob.test(labelOf(series, label) ?? ""));
}

function pairsOf(inside: string): [string, string][] | undefined {
  const pairs: [string, string][] = [];
  let end = 0;
  for (const match of inside.matchAll(pair)) {
    const [text, label = "", value = ""] = match;
    pairs.push([label, value.replace(/\\(.)/gs, "$1")]);
    end = match.index + text.length;
  }
  return end === inside.length && pairs.length > 0 ? pairs : undefined;
}

function labelOf(series: SelectableSeries, label: string): string | undefined {
  const own = Object.hasOwn(series.labels, label) ? series.labels[label] : undefined;
  if (own !== undefined) return own;
  return label === "kind" || label === "source" || label === "subject" ? series[label] : undefined;
}

function globOf(pattern: string): RegExp {
  const parts = pattern.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s");
}
