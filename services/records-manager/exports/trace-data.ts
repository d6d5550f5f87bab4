/**
 * `trace_data` of a line of `profile_export.jsonl`: the moments of one request on its connection under AIPerf's names, wall time in
 * ns, and what lies between them, in ns. What did not happen, or is not known, is left out.
 */
import { decodeReads } from "../../common/chunk-stamps.ts";

/** Columns of a row that a trace is made of besides those that every line needs, in the order of `traceRowOf`. */
export const traceColumns = [
  "connect_ns",
  "blocked_ns",
  "dns_ns",
  "tcp_ns",
  "tls_ns",
  "written_ns",
  "local_address",
  "remote_address",
  "is_connection_reused",
  "request_bytes",
  "first_content_ns",
] as const;

/** Times in ns; those of the opening and of the wait before it lie before the moment of sending, all others count from it. */
export interface TraceRow {
  readonly connectNs: number | null;
  readonly blockedNs: number | null;
  readonly dnsNs: number | null;
  readonly tcpNs: number | null;
  readonly tlsNs: number | null;
  readonly writtenNs: number | null;
  readonly localAddress: string | null;
  readonly remoteAddress: string | null;
  readonly isConnectionReused: boolean;
  readonly requestBytes: number;
  readonly firstContentNs: number | null;
  /** Packed as `chunk-stamps.ts` says. */
  readonly reads: Uint8Array | null;
  readonly firstByteNs: number | null;
  readonly endNs: number;
  readonly status: number;
  readonly hasFailed: boolean;
}

/** What every line has beside the columns of the trace. */
type RowRest = Pick<TraceRow, "reads" | "firstByteNs" | "endNs" | "status" | "hasFailed">;

/** @param values those of `traceColumns` */
export function traceRowOf(values: readonly unknown[], rest: RowRest): TraceRow {
  return {
    connectNs: values[0] as number | null,
    blockedNs: values[1] as number | null,
    dnsNs: values[2] as number | null,
    tcpNs: values[3] as number | null,
    tlsNs: values[4] as number | null,
    writtenNs: values[5] as number | null,
    localAddress: values[6] as string | null,
    remoteAddress: values[7] as string | null,
    isConnectionReused: values[8] === 1,
    requestBytes: values[9] as number,
    firstContentNs: values[10] as number | null,
    ...rest,
  };
}

/** @param moment text of the wall time of a moment, ns after the request was sent */
export function traceText(row: TraceRow, moment: (afterSentNs: number) => string): string {
  const parts = [
    ['"trace_type":"assay"'],
    row.blockedNs === null ? [] : connectionParts(row, row.blockedNs, moment),
    row.blockedNs === null ? [] : requestParts(row, moment),
    answerParts(row, moment),
    row.hasFailed ? [`"error_timestamp_ns":${moment(row.endNs)}`] : [],
    addressParts("local", row.localAddress),
    addressParts("remote", row.remoteAddress),
  ];
  return `{${parts.flat().join(",")}}`;
}

/** Everything before the request was sent. */
function connectionParts(row: TraceRow, blockedNs: number, moment: (ns: number) => string): string[] {
  const { connectNs, dnsNs, tcpNs, tlsNs, isConnectionReused } = row;
  const startNs = -(connectNs ?? 0);
  const waited = [
    `"connection_pool_wait_start_ns":${moment(startNs - blockedNs)}`,
    `"connection_pool_wait_end_ns":${moment(startNs)}`,
    `"blocked_ns":${blockedNs}`,
  ];
  if (connectNs === null) return isConnectionReused ? [...waited, `"connection_reused_ns":${moment(startNs)}`] : waited;
  const resolvedNs = startNs + (dnsNs ?? 0);
  const name =
    dnsNs === null
      ? []
      : [`"dns_lookup_start_ns":${moment(startNs)}`, `"dns_lookup_end_ns":${moment(resolvedNs)}`, `"dns_lookup_ns":${dnsNs}`];
  const connectedNs = resolvedNs + (tcpNs ?? 0);
  const tls =
    tlsNs === null
      ? []
      : [
          `"tls_handshake_start_ns":${moment(connectedNs)}`,
          `"tls_handshake_end_ns":${moment(connectedNs + tlsNs)}`,
          `"tls_handshake_ns":${tlsNs}`,
        ];
  return [
    ...waited,
    ...name,
    `"tcp_connect_start_ns":${moment(resolvedNs)}`,
    // As AIPerf has it, TLS included.
    `"tcp_connect_end_ns":${moment(connectedNs + (tlsNs ?? 0))}`,
    `"connecting_ns":${connectNs - (dnsNs ?? 0)}`,
    ...tls,
  ];
}

function requestParts({ writtenNs, requestBytes }: TraceRow, moment: (ns: number) => string): string[] {
  const begin = `"request_send_start_ns":${moment(0)}`;
  if (writtenNs === null) return [begin];
  const end = moment(writtenNs);
  return [begin, `"request_send_end_ns":${end}`, `"request_chunks":[[${end},${requestBytes}]]`, `"sending_ns":${writtenNs}`];
}

function answerParts(row: TraceRow, moment: (ns: number) => string): string[] {
  const { status, firstByteNs, firstContentNs, endNs, writtenNs } = row;
  if (firstByteNs === null) return [];
  const { readEnds, readNs } = decodeReads(row.reads ?? new Uint8Array(0));
  const parts = [`"response_status_code":${status}`, `"response_headers_received_ns":${moment(firstByteNs)}`];
  const firstNs = readNs[0];
  const lastNs = readNs[readNs.length - 1];
  if (firstNs !== undefined && lastNs !== undefined) {
    const chunks = Array.from(readNs, (ns, index) => `[${moment(ns)},${sizeOf(readEnds, index)}]`);
    parts.push(`"response_receive_start_ns":${moment(firstNs)}`, `"response_chunks":[${chunks.join(",")}]`);
    if (writtenNs !== null) parts.push(`"waiting_ns":${Math.max(0, firstNs - writtenNs)}`);
    parts.push(`"receiving_ns":${lastNs - firstNs}`);
  }
  if (firstContentNs !== null) parts.push(`"first_content_ns":${moment(firstContentNs)}`);
  return [...parts, `"response_receive_end_ns":${moment(endNs)}`, `"duration_ns":${endNs}`];
}

function sizeOf(ends: Uint32Array, index: number): number {
  return (ends[index] ?? 0) - (index === 0 ? 0 : (ends[index - 1] ?? 0));
}

/** `[::1]:80` is an address and a port, too. */
function addressParts(which: "local" | "remote", address: string | null): string[] {
  if (address === null) return [];
  const at = address.lastIndexOf(":");
  const ip = address.slice(0, at).replace(/^\[|\]$/g, "");
  return [`"${which}_ip":${JSON.stringify(ip)}`, `"${which}_port":${address.slice(at + 1)}`];
}
