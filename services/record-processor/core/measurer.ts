/**
 * From a raw record to a metric record: parse the answer, count tokens, compute the metrics. Pure but for the count of its own
 * failures; no input makes it throw.
 */
import type { Endpoint, ParsedResponse } from "../../../endpoints/endpoint.ts";
import { requestError } from "../../../endpoints/target-error.ts";
import { recordMetrics } from "../../../metrics/catalog.ts";
import type { CountedTokens, RequestFacts, Usage } from "../../../metrics/metric.ts";
import { decodeReads, encodeStamps, type ReadStamps } from "../../common/chunk-stamps.ts";
import { AssayError, messageOf } from "../../common/errors.ts";
import type { CheckOutcome, MetricRecord, TokenSource } from "../../common/metric-record.ts";
import type { RawRecord } from "../../common/raw-record.ts";
import type { TokenCounter } from "../../common/tokenizer/source.ts";
import type { AnswerChecker } from "./answer-checker.ts";
import { checkTensors } from "./tensor-check.ts";

export interface MeasurerOptions extends Counters {
  readonly endpoint: Endpoint;
  /** Holds answers against what is expected of them; undefined: none is. */
  readonly checker?: Pick<AnswerChecker, "check"> | undefined;
}

/** How tokens are counted. */
export interface Counters {
  /** Called only where the target sent no usage; undefined: lengths are what its usage says, and nothing where it sends none. */
  readonly countTokens: TokenCounter | undefined;
  /** Counts what is sent, where that is not the text alone. Default: `countTokens`. */
  readonly countInput?: TokenCounter | undefined;
  /** Tokens are counted where the target sent a usage, too, to be held against it. Default: not. */
  readonly checksUsage?: boolean;
  /** Takes the run's secrets out of what went wrong, which a target may have put there. Default: there are none. */
  readonly mask?: (message: string) => string;
}

interface TokenCounts {
  readonly input: number | undefined;
  readonly output: number | undefined;
  readonly reasoning: number | undefined;
  readonly source: TokenSource;
}

const nothing: ParsedResponse = {
  error: undefined,
  contentNs: new Float64Array(0),
  firstOutputNs: undefined,
  coalescedChunks: 0,
  outputText: "",
  reasoningText: "",
  usage: undefined,
  finishReason: undefined,
  isStreamIgnored: false,
};

/** Measures the records of one endpoint and one model's tokenizer. */
export class Measurer {
  readonly #options: MeasurerOptions;
  #faults = 0;

  constructor(options: MeasurerOptions) {
    this.#options = options;
  }

  /** Records that could not be measured for a reason that is not the target's: broken stamps, a bug. Anything but 0 belongs in the verdict. */
  get faults(): number {
    return this.#faults;
  }

  /**
   * The record's metrics. What the worker saw go wrong stays the record's error; an answer that is wrong in itself gets the
   * endpoint's. Failed requests have values only of metrics that are of failures too, and the content stamps of what came.
   */
  measure(record: RawRecord): MetricRecord {
    const measured = this.#measure(record);
    const { error } = measured;
    const { mask } = this.#options;
    if (error === undefined || mask === undefined) return measured;
    return { ...measured, error: { ...error, message: mask(error.message) } };
  }

  #measure(record: RawRecord): MetricRecord {
    try {
      const reads = decodeReads(record.stamps);
      const parsed = parse(record, reads, this.#options.endpoint);
      const hasFailed = record.error !== undefined || parsed.error !== undefined;
      const { countTokens: count, countInput: countSent = count } = this.#options;
      const input = countInput(record, countSent);
      const { produces } = this.#options.endpoint;
      if (produces === "tensors") return measureTensors(record, parsed, { reads, hasFailed, input });
      if (produces !== "text" || parsed.outputCount !== undefined) {
        return measureData(record, parsed, { reads, hasFailed, input });
      }
      const counts = hasFailed ? inputAlone(input) : countTokens(parsed, input, count);
      const counted = hasFailed || this.#options.checksUsage !== true ? undefined : countedTokens(parsed, input, count);
      const values = valuesOf(factsOf(record, { parsed, reads, counts, counted, hasFailed }));
      const hasUsageMismatch = contradicts(parsed.usage, parsed.contentNs.length);
      const check = hasFailed ? undefined : this.#options.checker?.check(parsed.outputText, record.expectation);
      return metricRecord(record, parsed, { tokenSource: counts.source, hasUsageMismatch, check }, values);
    } catch (error) {
      this.#faults++;
      const fault = requestError("parse", "parse", `the record could not be measured: ${messageOf(error)}`);
      const none = new Array<number>(recordMetrics.length).fill(Number.NaN);
      return metricRecord(record, { ...nothing, error: fault }, { tokenSource: "none", hasUsageMismatch: false }, none);
    }
  }
}

interface DataFindings {
  readonly reads: ReadStamps;
  readonly hasFailed: boolean;
  readonly input: () => number | undefined;
}

/** Of an answer that is not text: what came last is its end, and no piece of it is a token. */
function measureData(record: RawRecord, parsed: ParsedResponse, { reads, hasFailed, input }: DataFindings): MetricRecord {
  const { contentNs, usage } = parsed;
  const tokens = hasFailed ? input() : inputTokensOf(usage, input);
  const counts: TokenCounts = {
    input: tokens,
    output: undefined,
    reasoning: undefined,
    source: hasFailed ? "none" : tokens === usage?.promptTokens ? "usage" : "counted",
  };
  const whole = { ...parsed, contentNs: contentNs.subarray(-1), firstOutputNs: undefined, coalescedChunks: 0 };
  const facts = factsOf(record, { parsed: whole, reads, counts, hasFailed });
  const values = valuesOf({ ...facts, isStreaming: false, requestedOutputTokens: undefined });
  const tokenSource = counts.input === undefined ? "none" : counts.source;
  return metricRecord(record, whole, { tokenSource, hasUsageMismatch: false }, values);
}

/** Of an answer of tensors: each response of a stream is a chunk, and nothing has a length in tokens. */
function measureTensors(record: RawRecord, parsed: ParsedResponse, { reads, hasFailed }: DataFindings): MetricRecord {
  const counts: TokenCounts = { input: undefined, output: undefined, reasoning: undefined, source: "none" };
  const facts = factsOf(record, { parsed, reads, counts, hasFailed });
  const values = valuesOf({ ...facts, inferences: parsed.outputCount, requestedOutputTokens: undefined });
  const check = hasFailed ? undefined : checkTensors(parsed.tensors ?? [], record.expectation);
  return metricRecord(record, parsed, { tokenSource: "none", hasUsageMismatch: false, check }, values);
}

function parse(record: RawRecord, { readEnds, readNs }: ReadStamps, endpoint: Endpoint): ParsedResponse {
  const { status, contentType, payload, isStreaming } = record;
  if (status === 0) {
    if (record.error === undefined) throw new AssayError("internal", "a record without response has no error");
    return nothing;
  }
  const stamped = readEnds[readEnds.length - 1] ?? 0;
  if (stamped !== payload.length) {
    throw new AssayError("data_loss", `read stamps cover ${stamped} bytes of a payload of ${payload.length}`);
  }
  return endpoint.parse({ status, contentType, payload, readEnds, readNs, isStreaming });
}

/**
 * By the target's usage where it sent one, else counted. Its completion tokens include reasoning, told apart or not. A usage of 0 where there
 * is text is one of a target that does not count.
 */
function countTokens(parsed: ParsedResponse, sent: () => number | undefined, count: TokenCounter | undefined): TokenCounts {
  const { usage } = parsed;
  const input = inputTokensOf(usage, sent);
  const texts = usage?.completionTokens ? undefined : countTexts(parsed, count);
  if (texts?.output !== undefined || texts?.reasoning !== undefined) return { input, ...texts, source: "counted" };
  if (usage?.completionTokens === undefined) return { input, output: undefined, reasoning: undefined, source: "none" };
  const reasoning = usage.reasoningTokens ?? countReasoning(parsed, usage.completionTokens, count);
  return { input, output: Math.max(0, usage.completionTokens - (reasoning ?? 0)), reasoning, source: "usage" };
}

/** By the target's usage, unless that says 0 of what has tokens. */
function inputTokensOf(usage: Usage | undefined, sent: () => number | undefined): number | undefined {
  return usage?.promptTokens || (sent() ?? usage?.promptTokens);
}

/**
 * Of completion tokens that the target does not tell apart: the shorter one of its two texts is counted, and the other is the rest. Undefined
 * where there is no reasoning, or nothing counts.
 */
function countReasoning({ outputText, reasoningText, others }: ParsedResponse, all: number, count: TokenCounter | undefined) {
  if (reasoningText === "" || others !== undefined) return undefined;
  if (outputText === "") return all;
  const isShorter = reasoningText.length <= outputText.length;
  const counted = countText(isShorter ? reasoningText : outputText, count);
  return counted === undefined ? undefined : isShorter ? Math.min(all, counted) : Math.max(0, all - counted);
}

/** Of all choices, each text by itself. */
function countTexts({ outputText, reasoningText, others }: ParsedResponse, count: TokenCounter | undefined) {
  return {
    output: sumOf(countText(outputText, count), countText(others?.outputText, count)),
    reasoning: sumOf(countText(reasoningText, count), countText(others?.reasoningText, count)),
  };
}

/** Undefined where both are. */
function sumOf(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined && other === undefined ? undefined : (one ?? 0) + (other ?? 0);
}

/** What there is a usage to hold against; undefined: there is none. */
function countedTokens(
  parsed: ParsedResponse,
  sent: () => number | undefined,
  count: TokenCounter | undefined,
): CountedTokens | undefined {
  if (parsed.usage === undefined || count === undefined) return undefined;
  const { output, reasoning } = countTexts(parsed, count);
  return { input: sent(), completion: sumOf(output, reasoning), reasoning };
}

/** Of a request that failed: its answer counts for nothing. */
function inputAlone(sent: () => number | undefined): TokenCounts {
  return { input: sent(), output: undefined, reasoning: undefined, source: "none" };
}

/** The dataset's own count is by a tokenizer, too; what it does not cover, answers of earlier turns above all, is counted here. */
function countInput({ inputTokens, inputText }: RawRecord, count: TokenCounter | undefined): () => number | undefined {
  return () => {
    if (count === undefined) return undefined;
    const counted = countText(inputText, count);
    return inputTokens === undefined ? counted : inputTokens + (counted ?? 0);
  };
}

function countText(text: string | undefined, count: TokenCounter | undefined): number | undefined {
  return text === undefined || text === "" || count === undefined ? undefined : count(text);
}

/** Every chunk with content holds at least one token, so more chunks than tokens is a contradiction. */
function contradicts(usage: Usage | undefined, contentChunks: number): boolean {
  if (usage === undefined) return false;
  const { promptTokens, completionTokens, totalTokens } = usage;
  if (completionTokens === undefined) return false;
  if (completionTokens < contentChunks) return true;
  return promptTokens !== undefined && totalTokens !== undefined && totalTokens !== promptTokens + completionTokens;
}

interface AnswerFindings {
  readonly tokenSource: TokenSource;
  readonly hasUsageMismatch: boolean;
  readonly check?: CheckOutcome | undefined;
}

function metricRecord(
  record: RawRecord,
  parsed: ParsedResponse,
  { tokenSource, hasUsageMismatch, check }: AnswerFindings,
  values: number[],
): MetricRecord {
  // One literal instead of a spread: an order of magnitude cheaper at this rate.
  return {
    creditId: record.creditId,
    phase: record.phase,
    conversation: record.conversation,
    turn: record.turn,
    sessionId: record.sessionId,
    sessionNum: record.sessionNum,
    parentSession: record.parentSession,
    rootSession: record.rootSession,
    agentDepth: record.agentDepth,
    requestId: record.requestId,
    correlationId: record.correlationId,
    workerId: record.workerId,
    targetIndex: record.targetIndex,
    model: record.model,
    dueNs: record.dueNs,
    issuedNs: record.issuedNs,
    receivedNs: record.receivedNs,
    sentNs: record.sentNs,
    wallOffsetNs: record.wallOffsetNs,
    firstByteNs: record.firstByteNs,
    endNs: record.endNs,
    connectNs: record.connectNs,
    blockedNs: record.blockedNs,
    dnsNs: record.dnsNs,
    tcpNs: record.tcpNs,
    tlsNs: record.tlsNs,
    writtenNs: record.writtenNs,
    localAddress: record.localAddress,
    remoteAddress: record.remoteAddress,
    rowGroup: record.rowGroup,
    isConnectionReused: record.isConnectionReused,
    isStreaming: record.isStreaming,
    isCancelled: record.isCancelled,
    cancelledNs: record.cancelledNs,
    requestBytes: record.requestBytes,
    responseBytes: record.responseBytes,
    requestedOutputTokens: requestedOf(record, parsed),
    status: record.status,
    error: record.error ?? parsed.error,
    values,
    contentStamps: encodeStamps(parsed.contentNs),
    finishReason: parsed.finishReason,
    coalescedChunks: parsed.coalescedChunks,
    tokenSource,
    hasUsageMismatch,
    isStreamIgnored: parsed.isStreamIgnored,
    check,
  };
}

/** Each of several choices may be as long. */
function requestedOf({ requestedOutputTokens: requested }: RawRecord, { others }: ParsedResponse): number | undefined {
  return requested === undefined || others === undefined ? requested : requested * others.count;
}

interface Findings {
  readonly parsed: ParsedResponse;
  readonly reads: ReadStamps;
  readonly counts: TokenCounts;
  /** Beside the usage; undefined: not asked for. */
  readonly counted?: CountedTokens | undefined;
  readonly hasFailed: boolean;
}

function factsOf(record: RawRecord, { parsed, reads, counts, counted, hasFailed }: Findings): RequestFacts {
  const { readNs } = reads;
  return {
    dueNs: record.dueNs === 0 ? undefined : record.dueNs - record.sentNs,
    issuedNs: record.issuedNs - record.sentNs,
    firstByteNs: record.firstByteNs,
    contentNs: parsed.contentNs,
    firstOutputNs: parsed.firstOutputNs,
    firsts: parsed.firsts,
    endNs: record.endNs,
    isStreaming: record.isStreaming && !parsed.isStreamIgnored,
    isFailed: hasFailed,
    inputTokens: counts.input,
    outputTokens: counts.output,
    reasoningTokens: counts.reasoning,
    choices: parsed.others?.count ?? 1,
    outputs: parsed.outputCount ?? parsed.others?.count,
    requestedOutputTokens: requestedOf(record, parsed),
    usage: parsed.usage,
    counted,
    specDecode: parsed.specDecode,
    inferences: undefined,
    serverTimes: parsed.serverTimes,
    images: record.images,
    audioSeconds: record.audioSeconds ?? parsed.usage?.promptAudioSeconds,
    videoInferenceSec: parsed.videoInferenceSec,
    videoPeakMemoryMb: parsed.videoPeakMemoryMb,
    requestBytes: record.requestBytes,
    responseBytes: record.responseBytes,
    blockedNs: record.blockedNs,
    connectNs: record.connectNs,
    dnsNs: record.dnsNs,
    isConnectionReused: record.isConnectionReused,
    writtenNs: record.writtenNs,
    firstReadNs: readNs[0],
    lastReadNs: readNs[readNs.length - 1],
    bodyReads: readNs.length,
  };
}

function valuesOf(facts: RequestFacts): number[] {
  const values = new Array<number>(recordMetrics.length);
  for (let index = 0; index < recordMetrics.length; index++) {
    const metric = recordMetrics[index];
    const applies = metric !== undefined && (!facts.isFailed || metric.isOfFailures === true);
    values[index] = applies ? (metric.value(facts) ?? Number.NaN) : Number.NaN;
  }
  return values;
}
