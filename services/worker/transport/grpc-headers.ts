/** What the head of a call says beside the headers of the run. */
import type { GrpcOptions } from "./transport.ts";

/** The headers of a call, of those that a run gives its requests. */
export type CallHeaders = (given: readonly string[]) => readonly string[];

/** Headers that many requests share stay one array, since it is known by itself. */
export function headersOfCalls({ streamPer, compression, deadlineSec }: GrpcOptions): CallHeaders {
  const own = [
    ...(compression === "none" ? [] : ["grpc-encoding", compression, "grpc-accept-encoding", "gzip,deflate"]),
    ...(streamPer === "slot" || !Number.isFinite(deadlineSec) ? [] : ["grpc-timeout", timeoutText(deadlineSec)]),
  ];
  let last: { readonly given: readonly string[]; readonly made: readonly string[] } | undefined;
  return (given) => {
    if (last?.given !== given) last = { given, made: [...given, ...own] };
    return last.made;
  };
}

/** Eight digits and a unit at most: the finest that is large enough. */
function timeoutText(seconds: number): string {
  const units = [
    ["u", 1e6],
    ["m", 1e3],
    ["S", 1],
  ] as const;
  for (const [unit, perSec] of units) {
    const count = Math.ceil(seconds * perSec);
    if (count < 1e8) return `${count}${unit}`;
  }
  return "99999999S";
}
