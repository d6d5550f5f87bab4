/**
 * What a metric is. One metric a file in this folder: tag, header, units and formula, pure functions of what one
 * request's record holds. Tags, headers and units are AIPerf's where AIPerf has the metric, so that files are interchangeable.
 */

/** Everything one finished request offers to a formula. Times are ns since the request was sent; absent = undefined. */
export interface RequestFacts {
  /** Moment the request was due, ns after it was sent: negative where it was sent late. Undefined for closed loops. */
  readonly dueNs: number | undefined;
  /** Moment its credit was issued, ns after it was sent: negative. */
  readonly issuedNs: number;
  /** First byte of the response (status line or headers). */
  readonly firstByteNs: number | undefined;
  /** Stamps of the chunks that carried content (text, reasoning or tool calls of any choice), ascending. Not streaming: one, the end. */
  readonly contentNs: Float64Array;
  /** First chunk whose content is not reasoning. */
  readonly firstOutputNs: number | undefined;
  /** First events of a stream, by what they brought. */
  readonly firsts: FirstMoments | undefined;
  /** Last byte of the response. */
  readonly endNs: number;
  /** A stream was asked for and came. */
  readonly isStreaming: boolean;
  /** Failed or cancelled; only metrics that are of failures too see such a request. */
  readonly isFailed: boolean;
  /** Tokens of the input, by the server's usage or by counting. */
  readonly inputTokens: number | undefined;
  /** Tokens of output other than reasoning; by usage: completion tokens − reasoning tokens. */
  readonly outputTokens: number | undefined;
  /** Tokens of reasoning; undefined where there is none or the server's usage does not tell it apart. */
  readonly reasoningTokens: number | undefined;
  /** Answers to choose from: tokens are of all of them. 1: there is one, or it is no text. */
  readonly choices: number;
  /** What there is of them where it is more than one text; undefined: it is one. */
  readonly outputs: number | undefined;
  /** Output length asked for, of all choices together. */
  readonly requestedOutputTokens: number | undefined;
  readonly usage: Usage | undefined;
  /** Tokens as Assay counts them, whatever the server's usage says; undefined: they were not counted beside it. */
  readonly counted: CountedTokens | undefined;
  /** What the server says of its speculative decoding. */
  readonly specDecode: SpecDecode | undefined;
  /** Inferences that it asks for, where it is of tensors. */
  readonly inferences: number | undefined;
  /** What the server says of the request's moments on its own clock. */
  readonly serverTimes: ServerTimes | undefined;
  /** Images that the request holds; undefined: none, or it is not known. */
  readonly images: number | undefined;
  /** Length of the audio that the request holds. */
  readonly audioSeconds: number | undefined;
  /** What the server says of the making of a video: how long it took, and its largest use of memory. */
  readonly videoInferenceSec: number | undefined;
  readonly videoPeakMemoryMb: number | undefined;
  /** As written to the connection, head included. */
  readonly requestBytes: number;
  /** As read from the connection, head included. */
  readonly responseBytes: number;
  /** Before it was sent: waiting for a connection, without what opening one took. Undefined: it was not sent. */
  readonly blockedNs: number | undefined;
  /** Opening its connection, before it was sent; undefined: it stood. */
  readonly connectNs: number | undefined;
  /** Part of `connectNs`: resolving the name. */
  readonly dnsNs: number | undefined;
  readonly isConnectionReused: boolean;
  /** The whole request was with the kernel; undefined: it never was. */
  readonly writtenNs: number | undefined;
  /** First and last read that carried body; undefined: none did. */
  readonly firstReadNs: number | undefined;
  readonly lastReadNs: number | undefined;
  /** Such reads. */
  readonly bodyReads: number;
}

/** Each undefined where there was no such event. */
export interface FirstMoments {
  /** Of any kind. */
  readonly eventNs: number | undefined;
  /** The role without content. */
  readonly roleNs: number | undefined;
  readonly reasoningNs: number | undefined;
  /** Text that is neither reasoning nor a piece of a tool call. */
  readonly textNs: number | undefined;
  readonly callNs: number | undefined;
}

/** Token counts of Assay's tokenizer; undefined: it had no text to count. */
export interface CountedTokens {
  readonly input: number | undefined;
  /** Reasoning included. */
  readonly completion: number | undefined;
  readonly reasoning: number | undefined;
}

/** Speculative decoding of one request: verification steps, and draft tokens that were accepted and proposed. */
export interface SpecDecode {
  readonly steps: number;
  readonly accepted: number;
  readonly drafted: number;
}

/** Moments of a request on its server's clock, ns after it came there. */
export interface ServerTimes {
  /** It was first scheduled. */
  readonly scheduledNs: number;
  /** Its first token was made. */
  readonly firstTokenNs: number;
}

/** Token counts as the server reported them. Those of `…prompt…` below the first three are parts of the prompt's, others of the completion's. */
export interface Usage {
  readonly promptTokens: number | undefined;
  /** Reasoning included. */
  readonly completionTokens: number | undefined;
  readonly totalTokens: number | undefined;
  readonly reasoningTokens: number | undefined;
  /** Read from the server's cache. */
  readonly cachedPromptTokens: number | undefined;
  readonly cacheWritePromptTokens?: number | undefined;
  readonly cacheMissPromptTokens?: number | undefined;
  readonly promptAudioTokens?: number | undefined;
  /** Length of the prompt's audio. */
  readonly promptAudioSeconds?: number | undefined;
  readonly completionAudioTokens?: number | undefined;
  /** What tools of the server's own added to the prompt. */
  readonly toolUsePromptTokens?: number | undefined;
  /** Of the prediction that the request brought, what the answer has and what it has not. */
  readonly acceptedPredictionTokens?: number | undefined;
  readonly rejectedPredictionTokens?: number | undefined;
}

export type MetricUnit =
  | "ms"
  | "sec"
  | "ns"
  | "tokens"
  | "requests"
  | "requests/sec"
  | "tokens/sec"
  | "tokens/sec/user"
  | "count"
  | "ratio"
  | "%"
  | "KB"
  | "MB"
  | "images"
  | "images/sec"
  | "inferences/sec"
  | "ms/image"
  | "J"
  | "W"
  | "J*s"
  | "mJ/token"
  | "joules/request"
  | "joules/user"
  | "tokens/J"
  | "requests/sec/W"
  | "goodput/W"
  | "tokens/sec/W";

/** What every metric has, of whatever kind. */
export interface Metric {
  /** AIPerf's tag; also the column's name in SQLite. */
  readonly tag: string;
  readonly header: string;
  /** Unit of the value that `value` returns and that files show. A KB is 1024 bytes, as in AIPerf. */
  readonly unit: MetricUnit;
  /** Order of the row in the console table; undefined: not shown. */
  readonly consoleOrder: number | undefined;
  readonly isLargerBetter: boolean;
  /** Where the console has it; absent: in the table of all, or a line below it. */
  readonly group?: MetricGroup;
  /** Where it is not what heads the metric's file. */
  readonly formula?: string;
  /** AIPerf's flags that concern who sees the metric; absent: none. */
  readonly flags?: readonly MetricFlag[];
}

/** `hidden`: in files alone. The others: in a table of their own. */
export type MetricGroup = "hidden" | "spec_decode" | `gpu_power_efficiency_${GpuVendor}`;

export type GpuVendor = "nvidia" | "amd";

/**
 * - `streaming`: only where a stream was asked for.
 * - `internal`, `experimental`: left out of tables and files unless asked for.
 * - `trace`: detail of the transport, left out of tables.
 * - `error_only`: of failed requests; left out of tables, and of files where it is 0.
 * - `no_record`: of a whole run; never in the file of records.
 */
export type MetricFlag = "streaming" | "internal" | "experimental" | "trace" | "error_only" | "no_record";

/** A value per request, from which distributions are made. */
export interface RecordMetric extends Metric {
  /** Also of requests that failed; absent: those have no value, so that failures are in no distribution. */
  readonly isOfFailures?: boolean;
  /** Undefined where the metric does not apply to this request (too few chunks, no usage). Never NaN. */
  readonly value: (facts: RequestFacts) => number | undefined;
}

/** Several values per request; the distribution is of all values of all requests. Computed from the stored content stamps. */
export interface ListMetric extends Metric {
  /** Values of one request; `contentNs` are the stamps of its chunks with content, ns after it was sent. Empty: none. */
  readonly values: (contentNs: Float64Array) => Float64Array;
}

/** A distribution that is made of that of another metric. */
export interface DerivedMetric extends Metric {
  /** Tag of that one, which has a value for each request. */
  readonly of: string;
}

/** What the metrics of a whole run, or of one phase of it, are made of. Only succeeded requests count where nothing else is said. */
export interface RunFacts {
  /** Requests that succeeded. */
  readonly requestCount: number;
  /** Requests that failed, cancelled ones included. */
  readonly errorRequestCount: number;
  /** Succeeded requests that met every objective for a request; undefined: the run has none. */
  readonly goodRequestCount: number | undefined;
  /** Output tokens of these; undefined: the run has no such objectives, or none of them has a count. */
  readonly goodOutputTokens: number | undefined;
  /** Succeeded requests whose token counts differ from the server's by more than 10 %; undefined: none were compared. */
  readonly usageDiscrepancies: number | undefined;
  /** Succeeded requests whose output is not of the length that was asked for; undefined: none was asked for. */
  readonly lengthMismatches: number | undefined;
  /** Succeeded requests whose answers were checked, by what came of it; undefined: none was. */
  readonly correctRequestCount: number | undefined;
  readonly incorrectRequestCount: number | undefined;
  /** Failed requests of a code. */
  readonly errorCount: (code: string) => number;
  /** Round trip of the network; undefined: nobody asked for it, or it is not known. */
  readonly networkRttMs: number | undefined;
  /** A schedule was replayed. */
  readonly isReplay: boolean;
  /** Of the gaps between chunks; undefined: there is none. */
  readonly stalls: Stalls | undefined;
  /** Requests or sessions at once that were asked for; undefined: the load is another one. */
  readonly concurrency: number | undefined;
  /** Of all requests, whatever came of them; undefined: none of the vendor's GPUs was sampled. */
  readonly gpuEnergy: (vendor: GpuVendor) => GpuEnergy | undefined;
  /** First moment a request was sent, ns on the suite's clock; undefined: no request succeeded. */
  readonly firstSentNs: number | undefined;
  /** Last moment of a last chunk with content, ns on the suite's clock. */
  readonly lastContentNs: number | undefined;
  /** Added to a moment of the suite's clock it gives wall time, ns since the Unix epoch. */
  readonly wallOffsetNs: number;
  /** Sum of a record metric's values over the requests that have one; undefined: none has. */
  readonly sum: (tag: string) => number | undefined;
  /** Statistics of a record metric, in its unit; undefined: no request has a value. */
  readonly statistics: (tag: string) => MetricFigures | undefined;
}

/** Gaps between chunks that are too long for a reader not to notice. */
export interface Stalls {
  /** From there on a gap is one. */
  readonly thresholdMs: number;
  readonly gaps: number;
  /** Requests that have one; undefined: the file is of a version that did not keep their longest gaps. */
  readonly requests: number | undefined;
}

/** What the GPUs of a vendor used over a phase, all together. */
export interface GpuEnergy {
  /** Undefined: no energy is known, and no power over time. */
  readonly joules: number | undefined;
  /** `joules` over the time that they cover. */
  readonly averageWatts: number | undefined;
  /** Mean of the samples of power of each GPU, summed up; undefined: no power was sampled. */
  readonly sampledWatts: number | undefined;
}

/** Of a distribution. */
export interface MetricFigures {
  readonly avg: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** One value of a whole run. */
export interface RunMetric extends Metric {
  /** Undefined where it does not apply (no tokens, no request). Never NaN. */
  readonly value: (facts: RunFacts) => number | undefined;
}
