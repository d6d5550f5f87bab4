/** Has the target empty its prefix cache before the first request of a run. */
import { setTimeout as delay } from "node:timers/promises";
import { clone, create } from "@bufbuild/protobuf";
import { originOf, parseBaseUrl } from "../../endpoints/target-url.ts";
import { TargetSpecSchema, type TargetUrl } from "../../gen/assay/common/v1/run_spec_pb.js";
import { AskTargetSchema } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { monotonicNs } from "../common/clock.ts";
import { AssayError } from "../common/errors.ts";
import { type Answer, described } from "./core/target-probe.ts";
import { answerTo, type TargetCheckOptions } from "./target-check.ts";

/** How a target that is busy is asked again. */
export interface ResetPatience {
  readonly totalMs: number;
  /** Before the second try; each time twice as long, up to `mostMs`. */
  readonly firstMs: number;
  readonly mostMs: number;
}

const usualPatience: ResetPatience = { totalMs: 60_000, firstMs: 1_000, mostMs: 8_000 };

/** A day: the run's own limit for its target comes long before. */
const longestResetMs = 86_400_000;

/** What a server says that may do it a moment later. */
const busyStatuses: ReadonlySet<number> = new Set([409, 423, 429, 503]);

/**
 * Resolves when every host of the target has said that its cache is empty, or none is to be asked. Rejects with `failed_precondition`
 * saying what was asked and what came of it.
 */
export async function resetCache(options: TargetCheckOptions, patience: ResetPatience = usualPatience): Promise<void> {
  const { target } = options.spec;
  if (target?.resetKvCachePath === undefined) return;
  const hosts = new Map(target.urls.map((url) => [originOf(parseBaseUrl(url.url) ?? new URL("http://none")), url] as const));
  await Promise.all([...hosts].map(([origin, url]) => resetHost(options, origin, url, patience)));
}

async function resetHost(
  options: TargetCheckOptions,
  origin: string,
  url: TargetUrl,
  { totalMs, firstMs, mostMs }: ResetPatience,
): Promise<void> {
  const { over, note } = options;
  const startNs = monotonicNs();
  for (let waitMs = firstMs; !over.aborted; waitMs = Math.min(2 * waitMs, mostMs)) {
    const answer = await askOnce(options, url);
    const { status, error } = answer;
    if (over.aborted) return;
    if (error === undefined && status >= 200 && status < 300) {
      note("target", `the prefix cache of ${origin} was emptied`);
      return;
    }
    const elapsedMs = (monotonicNs() - startNs) / 1e6;
    const isBusy = status === 0 || busyStatuses.has(status);
    if (!isBusy || elapsedMs + waitMs >= totalMs) throw new AssayError("failed_precondition", failureOf(answer));
    note("waiting", `asking again to empty the prefix cache: ${described(answer)}`);
    await delay(waitMs, undefined, { signal: over }).catch(() => {});
  }
}

async function askOnce(options: TargetCheckOptions, url: TargetUrl): Promise<Answer> {
  const { target = create(TargetSpecSchema), endpoint } = options.spec;
  const one = clone(TargetSpecSchema, target);
  one.urls = [url];
  const question = create(AskTargetSchema, {
    target: one,
    ...(endpoint === undefined ? {} : { endpoint }),
    question: { case: "postPath", value: pathAt(url.url, target.resetKvCachePath ?? "") },
    limitMs: Math.min(Math.ceil((target.resetKvCacheTimeoutSec ?? 0) * 1000), longestResetMs),
  });
  return await answerTo(options, { kind: "base" }, question);
}

/** With the query of the target's URL, which may hold its key. */
function pathAt(url: string, path: string): string {
  const query = /\?(.+)$/.exec(url)?.[1];
  if (query === undefined) return path;
  return `${path}${path.includes("?") ? "&" : "?"}${query}`;
}

function failureOf(answer: Answer): string {
  const isNotThere = answer.status === 404 || answer.status === 405;
  const hint = "; vLLM has it with VLLM_SERVER_DEV_MODE=1, SGLang as /flush_cache: --reset-kv-cache-path names another";
  return `the prefix cache was not emptied: ${described(answer)}${isNotThere ? hint : ""}`;
}
