/** Lines of any Prometheus page, under their own names. */
import type { FamilyText, FamilyType, PageLine } from "../exposition/page-reader.ts";
import type { LineContext, LineMeaning } from "./page-view.ts";
import type { SeriesType } from "./series.ts";
import { unitOf } from "./unit.ts";

/** Parts of a family have its name and one of these behind it. */
const suffixes: Readonly<Record<string, readonly FamilyType[]>> = {
  _bucket: ["histogram", "gaugehistogram"],
  _sum: ["histogram", "summary"],
  _count: ["histogram", "summary"],
  _gsum: ["gaugehistogram"],
  _gcount: ["gaugehistogram"],
  _total: ["counter"],
  _info: ["info"],
  _created: ["counter", "histogram", "summary"],
};

/** Undefined for a line that measures nothing. */
export function describeServerLine(line: PageLine<unknown>, { families }: LineContext): LineMeaning | undefined {
  const { family, text } = familyOf(line.name, families);
  // The time at which counting began measures nothing.
  if (line.name === `${family}_created`) return undefined;
  const { type, help = "", unit } = text;
  const facts = {
    kind: "server" as const,
    subject: "",
    name: line.name,
    family,
    type: seriesTypeOf(type),
    unit: unit || unitOf(family, help),
    help,
    labels: recordOf(line.labels),
  };
  return { facts, apart: sortedPairs(line.labels), scale: 1 };
}

/** The family that a name is of: its own, else the one whose part its ending makes it; without any it is a family by itself. */
function familyOf(name: string, families: LineContext["families"]): { family: string; text: Partial<FamilyText> } {
  const own = families.get(name);
  if (own?.type !== undefined) return { family: name, text: own };
  const at = name.lastIndexOf("_");
  const family = at === -1 ? name : name.slice(0, at);
  const text = families.get(family);
  if (text?.type !== undefined && suffixes[name.slice(family.length)]?.includes(text.type)) return { family, text };
  return { family: name, text: own ?? {} };
}

function seriesTypeOf(type: FamilyType | undefined): SeriesType {
  switch (type) {
    case "counter":
    case "gauge":
    case "histogram":
    case "summary":
      return type;
    case "info":
    case "stateset":
    case "gaugehistogram":
      return "gauge";
    case "untyped":
    case "unknown":
    case undefined:
      return "unknown";
  }
}

export function recordOf(labels: readonly string[]): Readonly<Record<string, string>> {
  const record: Record<string, string> = {};
  for (let at = 0; at < labels.length; at += 2) {
    const [name = "", value = ""] = [labels[at], labels[at + 1]];
    // As an assignment it would set the prototype.
    if (name === "__proto__")
      Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true });
    else record[name] = value;
  }
  return record;
}

/** Names ascend. By insertion, since labels are few and there are tens of thousands of lines. */
function sortedPairs(labels: readonly string[]): string[] {
  const sorted = [...labels];
  for (let from = 2; from < sorted.length; from += 2) {
    const [name = "", value = ""] = [sorted[from], sorted[from + 1]];
    let at = from;
    for (; at > 0 && (sorted[at - 2] ?? "") > name; at -= 2) {
      sorted[at] = sorted[at - 2] ?? "";
      sorted[at + 1] = sorted[at - 1] ?? "";
    }
    sorted[at] = name;
    sorted[at + 1] = value;
  }
  return sorted;
}
