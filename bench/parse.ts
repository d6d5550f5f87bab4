/**
 * Records a CPU second (user and system, garbage collection's threads included) through the record processor's core: unpack the stamps, parse a streamed chat answer, compute all
 * metrics, pack the content stamps. The bar is 30 000 records of 16 chunks a second; `plain` parses the JSON of every event.
 * Run: node bench/parse.ts [seconds per row]
 */
import type { Endpoint } from "../endpoints/endpoint.ts";
import { parseAnswer } from "../endpoints/event-stream.ts";
import { createChatEndpoint } from "../endpoints/openai/chat.ts";
import { readChatEvent } from "../endpoints/openai/chat-event.ts";
import type { RawRecord } from "../services/common/raw-record.ts";
import { Measurer } from "../services/record-processor/core/measurer.ts";
import { addFigures, type Figure } from "./support/figures.ts";
import { shapes, streamedRecord } from "./support/raw-records.ts";

const barPerSec = 30_000;
const seconds = Number(process.argv[2] ?? 2);
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
const figures: Figure[] = [];
for (const [name, shape] of Object.entries(shapes)) {
  for (const chunks of [16, 200]) {
    // Many different records, as in a run: a single one would sit in the processor's caches.
    const records = Array.from({ length: 512 }, (_, index) => streamedRecord(shape, index + 1, chunks));
    const chat = createChatEndpoint();
    const plain: Endpoint = { ...chat, parse: (response) => parseAnswer(response, readChatEvent) };
    for (const [reading, endpoint] of [["templates", chat] as const, ["plain", plain] as const]) {
      const rate = recordsPerCpuSec(endpoint, records);
      const ratio = (rate * chunks) / (barPerSec * 16);
      const bar = chunks === 16 && reading === "templates" ? ({ of: "figure", atLeast: barPerSec } as const) : undefined;
      figures.push({ figure: `${name}, ${chunks} chunks, ${reading}: records a CPU second`, measured: rate, unit: "/s", bar });
      console.log(
        [name.padEnd(9), String(chunks).padEnd(7), reading.padEnd(9), rate.toFixed(0).padStart(10)].join(" ") +
          [(rate * chunks).toFixed(0).padStart(12), ratio.toFixed(2).padStart(8)].join(" "),
      );
    }
  }
}
addFigures("parse", figures);
