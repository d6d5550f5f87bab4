/** Raw records as a worker makes them, for the benches of what comes after it. */
import { maxReadBytes, writeRead } from "../../services/common/chunk-stamps.ts";
import type { RawRecord } from "../../services/common/raw-record.ts";

const words = ["Hello", " world", " and", " more", ",", " steam", " engine", "s", " of", " the", " north", "."];

/** The JSON of one content event. */
export type Shape = (id: string, index: number, text: string) => string;

/** As servers write them. */
export const shapes = {
  vllm: (id, _, text) =>
    `{"id":"${id}","object":"chat.completion.chunk","created":1760000000,"model":"meta-llama/Llama-3.1-8B-Instruct","choices":[{"index":0,"delta":{"content":"${text}"},"logprobs":null,"finish_reason":null}]}`,
  stamped: (id, index, text) =>
    `{"id":"${id}","object":"chat.completion.chunk","created":1760000000,"sent_ns":${91_827_364_000 + index * 1000},"model":"m","choices":[{"index":0,"delta":{"content":"${text}"},"finish_reason":null}]}`,
  openai: (id, index, text) =>
    `{"id":"${id}","object":"chat.completion.chunk","created":1760000000,"model":"gpt-4o","service_tier":"default","system_fingerprint":"fp_07871e2ad8","choices":[{"index":0,"delta":{"content":"${text}"},"logprobs":null,"finish_reason":null}],"obfuscation":"${"q7Zk1".repeat(1 + (index % 3))}"}`,
} as const satisfies Readonly<Record<string, Shape>>;

function streamOf(shape: Shape, id: string, chunks: number): Uint8Array[] {
  const head = `{"id":"${id}","object":"chat.completion.chunk","created":1760000000,"model":"m","choices":[`;
  const events = [
    `${head}{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}`,
    ...Array.from({ length: chunks }, (_, index) => shape(id, index, words[index % words.length] ?? "")),
    `${head}{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}]}`,
    `${head}],"usage":{"prompt_tokens":550,"total_tokens":${550 + chunks},"completion_tokens":${chunks}}}`,
    "[DONE]",
  ];
  return events.map((event) => Buffer.from(`data: ${event}\n\n`));
}

/** The record of a stream of so many content chunks, each in a read of its own, besides role, finish and usage. */
export function streamedRecord(shape: Shape, creditId: number, chunks: number): RawRecord {
  const reads = streamOf(shape, `chatcmpl-${(creditId * 7919).toString(16).padStart(32, "0")}`, chunks);
  const stamps = new Uint8Array(reads.length * maxReadBytes);
  let offset = 0;
  reads.forEach((read, index) => {
    offset = writeRead(stamps, offset, read.length, index * 9_731_000, (index + 1) * 9_731_000);
  });
  const payload = Buffer.concat(reads);
  return {
    creditId,
    phase: 1,
    conversation: creditId,
    turn: 0,
    sessionId: creditId,
    sessionNum: creditId,
    parentSession: undefined,
    rootSession: undefined,
    agentDepth: 0,
    requestId: `request-${creditId}`,
    correlationId: `session-${creditId}`,
    workerId: "worker-1",
    targetIndex: 0,
    model: "m",
    dueNs: 5_000_000_000,
    issuedNs: 4_900_000_000,
    receivedNs: 4_910_000_000,
    sentNs: 5_000_100_000,
    wallOffsetNs: 1.7e18,
    firstByteNs: 9_000_000,
    endNs: 9_731_000 * reads.length,
    connectNs: undefined,
    blockedNs: undefined,
    dnsNs: undefined,
    tcpNs: undefined,
    tlsNs: undefined,
    writtenNs: undefined,
    localAddress: "",
    remoteAddress: "",
    rowGroup: "",
    isConnectionReused: true,
    isStreaming: true,
    isCancelled: false,
    cancelledNs: undefined,
    requestBytes: 3000,
    responseBytes: payload.length + 200,
    requestedOutputTokens: chunks,
    status: 200,
    contentType: "text/event-stream; charset=utf-8",
    error: undefined,
    inputTokens: 550,
    inputText: undefined,
    images: undefined,
    audioSeconds: undefined,
    expectation: undefined,
    stamps: stamps.slice(0, offset),
    payload,
  };
}

/** The record of one JSON answer of about 400 bytes. */
export function plainRecord(creditId: number): RawRecord {
  const usage = { prompt_tokens: 64, completion_tokens: 8, total_tokens: 72 };
  const message = { role: "assistant", content: "a small answer of eight words or so" };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: "stop" }];
  const id = `chatcmpl-${(creditId * 7919).toString(16).padStart(32, "0")}`;
  const payload = Buffer.from(
    JSON.stringify({ id, object: "chat.completion", created: 1_760_000_000, model: "m", choices, usage }),
  );
  const stamps = new Uint8Array(maxReadBytes);
  const end = writeRead(stamps, 0, payload.length, 0, 850_000);
  return {
    ...streamedRecord(shapes.vllm, creditId, 0),
    isStreaming: false,
    contentType: "application/json",
    firstByteNs: 840_000,
    endNs: 860_000,
    responseBytes: payload.length,
    requestedOutputTokens: 8,
    stamps: stamps.slice(0, end),
    payload,
  };
}
