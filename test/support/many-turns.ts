/** A file of many different prompts, and clients that fetch its turns and check every byte of them. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { FetchedTurn } from "../../gen/assay/dataset/v1/dataset_service_pb.js";
import { DatasetService } from "../../gen/assay/dataset/v1/dataset_service_pb.js";
import { randomStream } from "../../services/common/random.ts";
import { type Channel, createChannel } from "../../services/common/rpc/channel.ts";
import { createClient } from "../../services/common/rpc/client.ts";

/** The prompt of a row: `chars` characters, some of which take several bytes, unlike that of any other row. */
export function promptOf(row: number, chars: number): string {
  const word = `${createHash("sha256").update(`row ${row}`).digest("base64")} é漢🚀 `;
  return word
    .repeat(Math.ceil(chars / word.length))
    .slice(0, chars)
    .toWellFormed();
}

/** Writes a file of single turns. */
export async function writePrompts(path: string, rows: number, chars: number): Promise<void> {
  const file = await open(path, "w");
  for (let row = 0; row < rows; ) {
    const lines: string[] = [];
    for (const end = Math.min(rows, row + 1000); row < end; row++)
      lines.push(`${JSON.stringify({ text: promptOf(row, chars) })}\n`);
    await file.write(lines.join(""));
  }
  await file.close();
}

export interface Fetching {
  readonly address: string;
  readonly datasetId: string;
  readonly rows: number;
  readonly chars: number;
  /** In all, by all streams, each of which draws conversations of its own. */
  readonly turns: number;
  readonly streams: number;
}

export interface FetchOutcome {
  /** Answers that were not the turn asked for, byte by byte. */
  readonly wrong: number;
  readonly checked: number;
}

const blockTurns = 256;

/** Fetches over several connections at once. Rejects where a stream breaks. */
export async function fetchAndCheck(what: Fetching): Promise<FetchOutcome> {
  const expected = digestsOf(what);
  const channels = Array.from({ length: what.streams }, () => createChannel({ address: what.address }));
  try {
    const outcomes = await Promise.all(channels.map((channel, stream) => fetchOver(channel, stream, what, expected)));
    return outcomes.reduce((all, one) => ({ wrong: all.wrong + one.wrong, checked: all.checked + one.checked }));
  } finally {
    for (const channel of channels) channel.close();
  }
}

function digestsOf({ rows, chars }: Fetching): string[] {
  return Array.from({ length: rows }, (_, row) => digestOf(promptOf(row, chars)));
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}

async function fetchOver(
  channel: Channel,
  number: number,
  { datasetId, rows, turns, streams }: Fetching,
  expected: readonly string[],
): Promise<FetchOutcome> {
  const random = randomStream(1, "fetch", number);
  const total = Math.floor(turns / streams);
  const stream = createClient(DatasetService, channel).fetchTurns();
  const { promise, resolve, reject } = Promise.withResolvers<FetchOutcome>();
  const outcome = { wrong: 0, checked: 0 };
  let asked: number[] = [];
  let wanted = 0;
  const ask = (): void => {
    const block = Array.from({ length: Math.min(blockTurns, total - wanted) }, () => random.below(rows));
    wanted += block.length;
    asked.push(...block);
    if (block.length === 0) return;
    const refs = block.map((conversation) => ({ conversation: BigInt(conversation), turn: 0 }));
    stream.send({ message: { case: "turns", value: { refs } } });
  };
  stream.onMessage((message) => {
    message.turns.forEach((fetched, index) => {
      if (!isRight(fetched, asked[index] ?? -1, expected)) outcome.wrong++;
    });
    asked = asked.slice(message.turns.length);
    outcome.checked += message.turns.length;
    if (asked.length < blockTurns) ask();
    if (outcome.checked >= total) stream.end();
  });
  stream.onClose((error) => (error === undefined ? resolve(outcome) : reject(error)));
  stream.send({ message: { case: "hello", value: { protocolVersion: 1, datasetId, workerId: `w${number}`, runId: "r" } } });
  ask();
  ask();
  return promise;
}

function isRight({ turn }: FetchedTurn, conversation: number, expected: readonly string[]): boolean {
  const isAsked = turn?.conversation === BigInt(conversation) && turn.turn === 0 && turn.messages.length === 1;
  return isAsked && digestOf(turn.messages[0]?.content ?? "") === expected[conversation];
}
