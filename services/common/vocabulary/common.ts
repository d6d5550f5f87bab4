/** Words for what inference servers say of themselves, whatever each calls it. */

export type CommonName =
  /** Requests in work, and requests that wait for it. */
  | "running"
  | "waiting"
  /** Part of the KV cache in use, 0 to 1. */
  | "kv_cache_usage"
  /** Tokens worked off, and tokens generated, since start. */
  | "prompt_tokens"
  | "generation_tokens"
  /** Requests that have ended, since start. */
  | "requests_succeeded"
  | "requests_failed"
  /** Seconds of a request: to its first token, between two tokens, in all, until it was begun. */
  | "ttft"
  | "itl"
  | "e2e"
  | "queue"
  /** Requests put back for want of memory, since start. */
  | "preemptions"
  /** Tokens found in the prefix cache, and tokens looked up there, since start. */
  | "prefix_cache_hits"
  | "prefix_cache_queries"
  /** Speculative decoding since start: drafts, their tokens, and those that were accepted. */
  | "spec_decode_drafts"
  | "spec_decode_draft_tokens"
  | "spec_decode_accepted_tokens";

export type ServerName = "vllm" | "sglang" | "trtllm" | "triton" | "tgi" | "llama.cpp" | "dynamo";

/** How a series says what its common name says. */
export interface CommonMeaning {
  readonly name: CommonName;
  readonly server: ServerName;
  /** `each`: as its type says (a gauge, a counter, a histogram, a summary). `together`: a counter of the time that all requests took together, the number of which is `requests_succeeded`. */
  readonly of: "each" | "together";
  /** Printed × scale = in the common unit: seconds, tokens, requests, a part of 1. Of a histogram or summary it is for bounds, quantiles and sum. */
  readonly scale: number;
  /** Where a server says one thing in several ways, the lowest of a page counts. */
  readonly rank: number;
}

/** One row of a server's table. */
export interface WordRow {
  readonly name: CommonName;
  /** Of the family or of the series, without `_total`. */
  readonly printed: string;
  /** Only series with one of these values of a label; `not`: only with none of these. */
  readonly where?: { readonly label: string; readonly is?: readonly string[]; readonly not?: readonly string[] };
  readonly of?: "together";
  readonly scale?: number;
  readonly rank?: number;
}

/** What one server's metrics are called. */
export interface ServerWords {
  readonly server: ServerName;
  /** Cuts the server's own prefix off a name; undefined: the name is not this server's. */
  readonly bare: (printed: string) => string | undefined;
  readonly rows: readonly WordRow[];
}

/** What a row says in short: a name and what is printed for it. */
export function word(name: CommonName, printed: string, more: Omit<WordRow, "name" | "printed"> = {}): WordRow {
  return { name, printed, ...more };
}

export function startingWith(...prefixes: readonly string[]): (printed: string) => string | undefined {
  return (printed) => {
    const prefix = prefixes.find((each) => printed.startsWith(each));
    return prefix === undefined ? undefined : printed.slice(prefix.length);
  };
}

/** What a series is in a server's words. */
export function meaningIn({ server, bare, rows }: ServerWords, facts: NamedFacts): CommonMeaning | undefined {
  const [family, name] = [facts.family, facts.name].map((printed) => withoutTotal(bare(printed)));
  if (family === undefined && name === undefined) return undefined;
  const row = rows.find(({ printed, where }) => (printed === family || printed === name) && isMeant(where, facts.labels));
  return row && { name: row.name, server, of: row.of ?? "each", scale: row.scale ?? 1, rank: row.rank ?? 0 };
}

/** What a server prints of a series. */
export interface NamedFacts {
  /** `_bucket`, `_sum`, `_count` and `_total` included. */
  readonly name: string;
  /** What `# TYPE` names. */
  readonly family: string;
  readonly labels: Readonly<Record<string, string>>;
}

function withoutTotal(name: string | undefined): string | undefined {
  return name?.replace(/_total$/, "");
}

function isMeant(where: WordRow["where"], labels: NamedFacts["labels"]): boolean {
  if (where === undefined) return true;
  const value = labels[where.label] ?? "";
  return where.is === undefined ? !(where.not ?? []).includes(value) : where.is.includes(value);
}
