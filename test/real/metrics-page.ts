/** Reads a Prometheus page, with nothing of the suite's own reader of such pages, which must not judge itself. */

/** The sum of the series of this name that carry all of these labels; 0 where there is none, as before a counter's first count. */
export function sumOf(page: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  let sum = 0;
  for (const line of page.split("\n")) {
    const [, series = "", inner = "", value] = /^([\w:]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (series === name && wanted.every((label) => inner.split(",").includes(label))) sum += Number(value);
  }
  return sum;
}
