/**
 * Records a CPU second (user and system, garbage collection's threads included) through the record processor's core: unpack the stamps, parse a streamed chat answer, compute all
 * metrics, pack the content stamps. The bar is 30 000 records of 16 chunks a second; `plain` parses the JSON of every event.
 * Run: node bench/parse.ts [seconds per row]
 */
import type { Endpoint } from "../endpoints/endpoint.ts";
import { parseAnswer } from "../endpoints/event-stream.ts";
import { createChatEndpoint } from "../endpoints/openai/chat.ts";
import { readChatEvent } from "../endpoints/openai/chat-event.ts";
import { maxReadBytes, writeRead } from "../services/common/chunk-stamps.ts";
import type { RawRecord } from "../services/common/raw-record.ts";
import { Measurer } from "../services/record-processor/core/measurer.ts";

const barPerSec = 30_000;
const seconds = Number(process.argv[2] ?? 2);
const words = ["Hello", " world", " and", " more", ",", " steam", " engine", "s", " of", " the", " north", "."];

type Shape = (id: string, index: number, text: string) => string;

const shapes: Readonly<Record<string, Shape>> = {
  vllm: (id, _, text) =>
    `{"id":"${id}","object":"chat.completion.chunk","created":1760000000,"model":"meta-llama/Llama-3.1-8B-Instruct","choices":[{"index":0,"delta":{"content":"${text}"},"logprobs":null,"finish_reason":null}]}`,
  stamped: (id, index, text) =>
    `{"id":"${id}","object":"chat.completion.chunk","created":1760000000,"sent_ns":${91_827_364_000 + index * 1000},"model":"m","choices":[{"index":0,"delta":{"content":"${text}"},"finish_reason":null}]}`,
  openai: (id, index, text) =>
    `{"id":"${id}","object":"chat.completion.chunk","created":1760000000,"model":"gpt-4o","service_tier":"default","system_fingerprint":"fp_07871e2ad8","choices":[{"index":0,"delta":{"content":"${text}"},"logprobs":null,"finish_reason":null}],"obfuscation":"${"q7Zk1".repeat(1 + (index % 3))}"}`,
};

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

function recordOf(shape: Shape, creditId: number, chunks: number): RawRecord {
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
    stamps: stamps.slice(0, offset),
    payload,
  };
}

function recordsPerCpuSec(endpoint: Endpoint, records: readonly RawRecord[]): number {
  const measurer = new Measurer({ endpoint, countTokens: undefined });
  const run = (durationMs: number): number => {
    const start = performance.now();
    const cpuStart = process.cpuUsage();
    let measured = 0;
    for (let now = start; now - start < durationMs; now = performance.now()) {
      for (const record of records) if (measurer.measure(record).error === undefined) measured++;
    }
    const { user, system } = process.cpuUsage(cpuStart);
    return measured / ((user + system) / 1e6);
  };
  run((seconds * 1000) / 2);
  const rate = run(seconds * 1000);
  if (measurer.faults > 0) throw new Error(`${measurer.faults} records could not be measured`);
  return rate;
}

console.log("stream    chunks  reading    records/s    chunks/s    x bar (seconds of CPU)");
for (const [name, shape] of Object.entries(shapes)) {
  for (const chunks of [16, 200]) {
    // Many different records, as in a run: a single one would sit in the processor's caches.
    const records = Array.from({ length: 512 }, (_, index) => recordOf(shape, index + 1, chunks));
    const chat = createChatEndpoint();
    const plain: Endpoint = { ...chat, parse: (response) => parseAnswer(response, readChatEvent) };
    for (const [reading, endpoint] of [["templates", chat] as const, ["plain", plain] as const]) {
      const rate = recordsPerCpuSec(endpoint, records);
      const ratio = (rate * chunks) / (barPerSec * 16);
      console.log(
        [name.padEnd(9), String(chunks).padEnd(7), reading.padEnd(9), rate.toFixed(0).padStart(10)].join(" ") +
          [(rate * chunks).toFixed(0).padStart(12), ratio.toFixed(2).padStart(8)].join(" "),
      );
    }
  }
}
