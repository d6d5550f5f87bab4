/** One request and its answer, as lines for a terminal and as one object for programs. Pure. */
import type { ParseResponseResponse } from "../../gen/assay/record_processor/v1/record_processor_service_pb.js";
import type { SendOneResponse } from "../../gen/assay/worker/v1/worker_service_pb.js";
import type { Paint } from "../../report/paint.ts";
import { harmless, whole, wrap } from "../../report/text.ts";

/** What was seen of the request, and what is made of it. */
export interface SendReport {
  readonly sent: SendOneResponse;
  readonly parsed: ParseResponseResponse;
}

interface Moment {
  readonly name:
    | "start"
    | "resolved"
    | "connected"
    | "secured"
    | "sent"
    | "first_byte"
    | "first_content"
    | "last_content"
    | "end";
  /** After the start of the connection, in ms. */
  readonly ms: number;
  readonly text: string;
}

/** In order, as far as the request came. */
function momentsOf({ sent, parsed }: SendReport): Moment[] {
  const { record, connection } = sent;
  const error = parsed.record?.error;
  if (record === undefined) return [];
  const startNs = connection?.startNs ?? record.sentNs;
  const sinceStart = (ns: number | undefined): number | undefined => (ns === undefined ? undefined : ns / 1e6);
  const sinceSent = (ns: number | undefined): number | undefined =>
    ns === undefined ? undefined : (record.sentNs - startNs + ns) / 1e6;
  const wasSent = record.connectNs !== undefined || record.isConnectionReused;
  const { contentNs } = parsed;
  const chunks = contentNs.length === 1 ? "1 chunk" : `${whole(contentNs.length)} chunks`;
  const moments: [Moment["name"], number | undefined, string][] = [
    ["start", 0, "start"],
    ["resolved", sinceStart(connection?.resolvedNs), "name resolved"],
    ["connected", sinceStart(connection?.connectedNs), `connected to ${connection?.remoteAddress ?? ""}`],
    ["secured", sinceStart(connection?.securedNs), "TLS stands"],
    ["sent", wasSent ? sinceSent(0) : undefined, `request sent, ${whole(record.requestBytes)} bytes`],
    ["first_byte", sinceSent(record.firstByteNs), `first byte, status ${record.status}`],
    ["first_content", sinceSent(contentNs[0]), "first content"],
    ["last_content", sinceSent(contentNs.at(-1)), `last content, ${chunks} with content`],
    ["end", sinceSent(record.endNs), error === undefined ? `end, ${whole(record.responseBytes)} bytes` : `failed: ${error.code}`],
  ];
  return moments.flatMap(([name, ms, text]) => (ms === undefined ? [] : [{ name, ms, text }]));
}

/** Values by tag, where the metric applies. */
function metricsOf({ parsed }: SendReport): Map<string, { value: number; unit: string }> {
  const values = parsed.record?.values ?? [];
  const found = parsed.tags.map(
    (tag, index) => [tag, { value: values[index] ?? Number.NaN, unit: parsed.units[index] ?? "" }] as const,
  );
  return new Map(found.filter(([, { value }]) => !Number.isNaN(value)));
}

/** Shown of an answer's headers; all of them are in the JSON. */
const shownHeaders = /^(content-type|server|via|date|retry-after|location|x-request-id|x-envoy-|x-ratelimit-|cf-ray|openai-)/;

/** Where and what, the timeline, the answer's text, and its figures. Why it failed is not among them. */
export function sendLines(report: SendReport, { width, paint }: { readonly width: number; readonly paint: Paint }): string[] {
  const { sent, parsed } = report;
  const headers = Object.entries(sent.headers).filter(([name]) => shownHeaders.test(name));
  const moments = momentsOf(report);
  const digits = Math.max(7, ...moments.map(({ ms }) => ms.toFixed(2).length));
  const blocks: string[][] = [
    [
      paint.bold(`POST ${harmless(sent.url)}`),
      ...headers.sort().map(([name, value]) => paint.dim(`  ${name}: ${harmless(value)}`)),
    ],
    moments.map(({ ms, text }) => `${ms.toFixed(2).padStart(digits)} ms  ${harmless(text)}`),
    textLines("Reasoning", parsed.reasoningText, width, paint),
    textLines("Text", parsed.outputText, width, paint),
    wrap(figuresOf(report), width),
  ];
  return blocks.filter((lines) => lines.join("") !== "").flatMap((lines, index) => (index === 0 ? lines : ["", ...lines]));
}

function textLines(title: string, text: string, width: number, paint: Paint): string[] {
  if (text === "") return [];
  return [paint.bold(title), ...text.split("\n").flatMap((line) => wrap(harmless(line), width - 2).map((part) => `  ${part}`))];
}

/** What one line can hold: tokens and latencies, where they apply. */
function figuresOf(report: SendReport): string {
  const metrics = metricsOf(report);
  const { finishReason = "", tokenSource = "" } = report.parsed.record ?? {};
  const shown = (tag: string, text: (value: string) => string): string[] => {
    const metric = metrics.get(tag);
    return metric === undefined ? [] : [text(metric.unit === "ms" ? `${metric.value.toFixed(2)} ms` : whole(metric.value))];
  };
  const source = tokenSource === "usage" ? "by the server's usage" : "counted here";
  const tokens = [
    ...shown("input_sequence_length", (value) => `${value} tokens in`),
    ...shown("output_sequence_length", (value) => `${value} out`),
    ...shown("reasoning_token_count", (value) => `${value} of them reasoning`),
  ];
  return [
    ...(tokens.length === 0 ? [] : [`${tokens.join(", ")} (${source})`]),
    ...shown("time_to_first_token", (value) => `TTFT ${value}`),
    ...shown("inter_token_latency", (value) => `ITL ${value}`),
    ...shown("request_latency", (value) => `latency ${value}`),
    ...(finishReason === "" ? [] : [`finish reason ${harmless(finishReason)}`]),
  ].join(" · ");
}

/** What is not known is left out. */
export function sendJson(report: SendReport): object {
  const { sent, parsed } = report;
  const { record } = sent;
  const measured = parsed.record;
  const orAbsent = (text: string | undefined): string | undefined => (text === "" ? undefined : text);
  return {
    url: sent.url,
    model: record?.model,
    remote_address: orAbsent(sent.connection?.remoteAddress),
    request_id: record?.requestId,
    status: record?.status === 0 ? undefined : record?.status,
    content_type: orAbsent(record?.contentType),
    headers: sent.headers,
    timeline: Object.fromEntries(momentsOf(report).map(({ name, ms }) => [`${name}_ms`, ms])),
    content_ms: parsed.contentNs.map((ns) => ns / 1e6),
    /** As the dataset counts a synthetic prompt; the server's own count is among the metrics. */
    prompt_tokens: record?.inputTokens === 0 ? undefined : record?.inputTokens,
    request_bytes: Number(record?.requestBytes ?? 0n),
    response_bytes: Number(record?.responseBytes ?? 0n),
    text: parsed.outputText,
    reasoning_text: orAbsent(parsed.reasoningText),
    finish_reason: orAbsent(measured?.finishReason),
    token_source: orAbsent(measured?.tokenSource),
    metrics: Object.fromEntries(metricsOf(report)),
    error:
      measured?.error === undefined
        ? undefined
        : { code: measured.error.code, phase: measured.error.phase, message: measured.error.message },
  };
}
