/** The file of `--request-rate-series`: points of a rate that changes in straight lines, as AIPerf has them. Pure. */
import type { JsonObject } from "@bufbuild/protobuf";
import { isMap, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument } from "yaml";

export interface ReadSeries {
  /** RatePoints in proto JSON. */
  readonly points: readonly JsonObject[];
  /** `line:column`, what, and what was expected; one line each. */
  readonly problems: readonly string[];
}

const pointsExpected = 'expected {"points": [{"time_s": 0, "qps": 5}, …]}';

/** `{"points": [{"time_s": …, "qps": …}, …]}`, in the order of time; times and rates are at least 0. */
export function readRateSeries(text: string): ReadSeries {
  const lines = new LineCounter();
  // JSON is read as the YAML that it is, for the sake of places.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, schema: "json" });
  const problems: string[] = [];
  const report = (offset: number, problem: string): void => {
    const { line, col } = lines.linePos(offset);
    problems.push(`${line}:${col}: ${problem}`);
  };
  const [error] = document.errors;
  const root = document.contents;
  const list = isMap(root) ? root.get("points", true) : undefined;
  if (error !== undefined) report(error.pos[0], error.message.split("\n")[0] ?? "");
  else if (!isSeq(list) || list.items.length === 0) report(root?.range[0] ?? 0, pointsExpected);
  if (!isSeq(list) || problems.length > 0) return { points: [], problems };
  let beforeSec = 0;
  const points = list.items.map((item, index) => {
    const node = item as ParsedNode;
    const name = `points[${index}]`;
    if (!isMap(node)) {
      report(node.range[0], `${name}: expected {"time_s": …, "qps": …}`);
      return {};
    }
    const numberOf = (key: string, least: number): number => {
      const value = node.get(key, true) as ParsedNode | undefined;
      const given = isScalar(value) ? value.value : undefined;
      if (typeof given === "number" && Number.isFinite(given) && given >= least) return given;
      const shown = value === undefined ? "nothing" : text.slice(value.range[0], value.range[1]);
      report((value ?? node).range[0], `${name}.${key}: expected a number of at least ${least}, got ${shown}`);
      return least;
    };
    // Points come in the order of time.
    beforeSec = numberOf("time_s", beforeSec);
    return { at_sec: beforeSec, rate_per_sec: numberOf("qps", 0) };
  });
  if (problems.length === 0 && points.every((point) => point.rate_per_sec === 0)) {
    report(list.range?.[0] ?? 0, "points: expected one with a qps above 0");
  }
  return { points, problems };
}
