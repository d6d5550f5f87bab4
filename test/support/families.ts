/** What a service counts of itself, asked for by name. */
import type { Distribution, Family } from "../../services/common/observe/instrument.ts";

/** The number at these labels; of a histogram how many values it has. Throws where there is none. */
export function countOf(families: readonly Family[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  const value = pointOf(families, name, labels);
  return typeof value === "number" ? value : value.count;
}

export function distributionOf(families: readonly Family[], name: string, labels = {}): Distribution {
  const value = pointOf(families, name, labels);
  if (typeof value === "number") throw new Error(`${name} is no histogram`);
  return value;
}

function pointOf(families: readonly Family[], name: string, labels: Readonly<Record<string, string>>): number | Distribution {
  const point = families
    .find((family) => family.name === name)
    ?.points.find((each) => Object.entries(labels).every(([label, value]) => each.labels[label] === value));
  if (point === undefined) throw new Error(`there is no ${name} ${JSON.stringify(labels)}`);
  return point.value;
}
