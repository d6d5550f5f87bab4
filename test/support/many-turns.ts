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
  /** From the first question to the last answer. */
  readonly sec: number;
}

const blockTurns = 256;

/** Fetches over several connections at once. Rejects where a stream breaks. */
export async function fetchAndCheck(what: Fetching): Promise<FetchOutcome> {
  const expected = digestsOf(what);
  const outcome = { wrong: 0, checked: 0 };
  const { address, datasetId, rows, turns, streams } = what;
  const startMs = performance.now();
  await overStreams({ address, streams }, (channel, number) => {
    const random = randomStream(1, "fetch", number);
    let left = Math.floor(turns / streams);
    const next = (): number | undefined => (left-- > 0 ? random.below(rows) : undefined);
    return fetchOver(channel, { datasetId, next }, (fetched, conversation) => {
      outcome.checked++;
      if (!isRight(fetched, conversation, expected)) outcome.wrong++;
    });
  });
  return { ...outcome, sec: (performance.now() - startMs) / 1000 };
}

/** Fetches every conversation's first turn, each stream its share, and counts those that there are. */
export async function fetchTurns({ address, datasetId, rows, streams }: Omit<Fetching, "chars" | "turns">): Promise<number> {
  let got = 0;
  await overStreams({ address, streams }, (channel, number) => {
    let conversation = number - streams;
    const next = (): number | undefined => {
      conversation += streams;
      return conversation < rows ? conversation : undefined;
    };
    return fetchOver(channel, { datasetId, next }, ({ turn }) => {
      if (turn !== undefined) got++;
    });
  });
  return got;
}

async function overStreams(
  { address, streams }: Pick<Fetching, "address" | "streams">,
  fetch: (channel: Channel, number: number) => Promise<void>,
): Promise<void> {
  const channels = Array.from({ length: streams }, () => createChannel({ address }));
  try {
    await Promise.all(channels.map(fetch));
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

interface Questions {
  readonly datasetId: string;
  /** The next conversation to ask for; undefined: there is none. */
  next(): number | undefined;
}

/** Asks in blocks, two of which are on their way, and tells what comes in the order asked. */
function fetchOver(
  channel: Channel,
  { datasetId, next }: Questions,
  onTurn: (fetched: FetchedTurn, conversation: number) => void,
): Promise<void> {
  const stream = createClient(DatasetService, channel).fetchTurns();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let asked: number[] = [];
  const ask = (): void => {
    const block: number[] = [];
    for (let each = next(); each !== undefined; each = block.length < blockTurns ? next() : undefined) block.push(each);
    asked.push(...block);
    if (block.length === 0) return;
    const refs = block.map((conversation) => ({ conversation: BigInt(conversation), turn: 0 }));
    stream.send({ message: { case: "turns", value: { refs } } });
  };
  stream.onMessage(({ turns }) => {
    for (const [index, fetched] of turns.entries()) onTurn(fetched, asked[index] ?? -1);
    asked = asked.slice(turns.length);
    if (asked.length < blockTurns) ask();
    if (asked.length === 0) stream.end();
  });
  stream.onClose((error) => (error === undefined ? resolve() : reject(error)));
  stream.send({ message: { case: "hello", value: { protocolVersion: 1, datasetId, workerId: "w", runId: "r" } } });
  ask();
  ask();
  return promise;
}

function isRight({ turn }: FetchedTurn, conversation: number, expected: readonly string[]): boolean {
  const isAsked = turn?.conversation === BigInt(conversation) && turn.turn === 0 && turn.messages.length === 1;
  return isAsked && digestOf(turn.messages[0]?.content ?? "") === expected[conversation];
}
