import { expect } from "chai";
import { maxReadBytes, writeRead } from "../../../../services/common/chunk-stamps.ts";
import { type TraceRow, traceText } from "../../../../services/records-manager/exports/trace-data.ts";

/** Two reads, of 100 and 50 bytes, 10 and 30 ms after the request was sent. */
function twoReads(): Uint8Array {
  const bytes = new Uint8Array(2 * maxReadBytes);
  const second = writeRead(bytes, 0, 100, 0, 10e6);
  return bytes.subarray(0, writeRead(bytes, second, 50, 10e6, 30e6));
}

const opened: TraceRow = {
  connectNs: 7000,
  blockedNs: 500,
  dnsNs: 1000,
  tcpNs: 2000,
  tlsNs: 3000,
  writtenNs: 4000,
  localAddress: "10.0.0.1:40000",
  remoteAddress: "[fe80::1]:443",
  isConnectionReused: false,
  requestBytes: 77,
  firstContentNs: 30e6,
  reads: twoReads(),
  firstByteNs: 9e6,
  endNs: 31e6,
  status: 200,
  hasFailed: false,
};

/** Sent at 100 000 ns. */
function traceOf(changes: Partial<TraceRow> = {}): Record<string, unknown> {
  return JSON.parse(traceText({ ...opened, ...changes }, (ns) => String(100_000 + ns)));
}

describe("the trace of a request", () => {
  it("has every moment of a connection opened for it and of its answer", () => {
    expect(traceOf()).to.deep.equal({
      trace_type: "assay",
      connection_pool_wait_start_ns: 92_500,
      connection_pool_wait_end_ns: 93_000,
      blocked_ns: 500,
      dns_lookup_start_ns: 93_000,
      dns_lookup_end_ns: 94_000,
      dns_lookup_ns: 1000,
      tcp_connect_start_ns: 94_000,
      tcp_connect_end_ns: 99_000,
      connecting_ns: 6000,
      tls_handshake_start_ns: 96_000,
      tls_handshake_end_ns: 99_000,
      tls_handshake_ns: 3000,
      request_send_start_ns: 100_000,
      request_send_end_ns: 104_000,
      request_chunks: [[104_000, 77]],
      sending_ns: 4000,
      response_status_code: 200,
      response_headers_received_ns: 9_100_000,
      response_receive_start_ns: 10_100_000,
      response_chunks: [
        [10_100_000, 100],
        [30_100_000, 50],
      ],
      waiting_ns: 9_996_000,
      receiving_ns: 20_000_000,
      first_content_ns: 30_100_000,
      response_receive_end_ns: 31_100_000,
      duration_ns: 31_000_000,
      local_ip: "10.0.0.1",
      local_port: 40_000,
      remote_ip: "fe80::1",
      remote_port: 443,
    });
  });

  it("says of a connection that was used again only that, and when", () => {
    const trace = traceOf({ connectNs: null, dnsNs: null, tcpNs: null, tlsNs: null, isConnectionReused: true });
    expect(trace).to.include({ connection_reused_ns: 100_000, connection_pool_wait_start_ns: 99_500 });
    expect(trace).not.to.have.any.keys("tcp_connect_start_ns", "dns_lookup_ns", "tls_handshake_ns", "connecting_ns");
  });

  it("of a request that was never sent has no more than the moment of its error", () => {
    const unsent = { connectNs: null, blockedNs: null, writtenNs: null, reads: null, firstByteNs: null, firstContentNs: null };
    const trace = traceOf({ ...unsent, localAddress: null, remoteAddress: null, endNs: 5, status: 0, hasFailed: true });
    expect(trace).to.deep.equal({ trace_type: "assay", error_timestamp_ns: 100_005 });
  });

  it("ends where the request was cut: no end of writing, no answer", () => {
    const trace = traceOf({ writtenNs: null, reads: null, firstByteNs: null, firstContentNs: null, hasFailed: true });
    expect(trace).to.include({ request_send_start_ns: 100_000, error_timestamp_ns: 31_100_000 });
    expect(trace).not.to.have.any.keys("request_send_end_ns", "sending_ns", "response_status_code", "duration_ns");
  });
});
