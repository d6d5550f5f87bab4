/** `FetchTurns`: gives turns to workers in the order in which they ask, no faster than they read. */
import type { FetchTurnsRequest, TurnRef } from "../../gen/assay/dataset/v1/dataset_service_pb.js";
import { AssayError, messageOf } from "../common/errors.ts";
import type { MessageStream } from "../common/rpc/handler.ts";
import { TurnResponse } from "./core/turn-response.ts";
import { type Dataset, lookUpTurn } from "./core/turns.ts";
import { wireTurn } from "./wire-turn.ts";

/** Since the start of the process. */
export interface TurnCounts {
  served: number;
  missing: number;
  /** Open now. */
  streams: number;
}

export type TurnStream = MessageStream<FetchTurnsRequest, Uint8Array>;

/** Bytes of turns in one message, about. */
const messageBytes = 256 * 1024;
/** Room for the turn that goes beyond it. */
const spareBytes = 32 * 1024;
/** Turns of a stream that are made at the same time: what waits to be sent is bounded by them. */
const madeAtOnce = 3;

/** Takes over a stream that has said hello. */
export function serveTurns(stream: TurnStream, dataset: Dataset, counts: TurnCounts): void {
  counts.streams++;
  const closed = new AbortController();
  stream.onClose(() => {
    counts.streams--;
    closed.abort();
  });
  if (dataset.later === undefined) serveAtOnce(stream, dataset, counts);
  else serveLater(stream, dataset.later, { counts, closed: closed.signal });
}

/** What is asked while the worker does not read waits with the worker. */
function serveAtOnce(stream: TurnStream, dataset: Dataset, counts: TurnCounts): void {
  let refs: readonly TurnRef[] = [];
  let next = 0;
  let hasEnded = false;
  const serve = (): void => {
    let hasRoom = true;
    while (hasRoom && next < refs.length) {
      const response = new TurnResponse(messageBytes + spareBytes);
      for (; response.sizeBytes < messageBytes && next < refs.length; next++)
        addTurn(response, dataset, refs[next] as TurnRef, counts);
      hasRoom = stream.send(response.bytes());
    }
    if (next < refs.length || !hasRoom) stream.pause();
    else if (hasEnded) stream.end();
    else stream.resume();
  };
  stream.onDrain(serve);
  stream.onEnd(() => {
    hasEnded = true;
    if (next >= refs.length) stream.end();
  });
  stream.onMessage(({ message }) => {
    if (message.case !== "turns")
      throw new AssayError("invalid_argument", `a second ${message.case ?? "empty message"} may not come`);
    // A message that was read before the pause took hold.
    refs = next < refs.length ? [...refs.slice(next), ...message.value.refs] : message.value.refs;
    next = 0;
    serve();
  });
}

function addTurn(response: TurnResponse, dataset: Dataset, ref: TurnRef, counts: TurnCounts): void {
  const conversation = Number(ref.conversation);
  try {
    const packed = dataset.packed?.(conversation, ref.turn);
    if (packed !== undefined) {
      response.addPacked(conversation, ref.turn, packed);
      counts.served++;
      return;
    }
    const fetched = fetchTurn(dataset, conversation, ref.turn);
    response.add(fetched);
    if (fetched.turn === undefined) counts.missing++;
    else counts.served++;
  } catch (error) {
    // What is damaged stays so, however often it is asked for.
    if (!(error instanceof AssayError) || error.code !== "data_loss") throw error;
    response.add({ ref, missing: error.message });
    counts.missing++;
  }
}

function fetchTurn(dataset: Dataset, conversation: number, index: number) {
  const ref = { conversation: BigInt(conversation), turn: index };
  const found = lookUpTurn(dataset, conversation, index);
  return "missing" in found ? { ref, missing: found.missing } : { ref, turn: wireTurn(found.turn, ref) };
}

/** As `serveAtOnce`, but turns are made while those before them are sent, each in a message of its own. */
function serveLater(
  stream: TurnStream,
  later: NonNullable<Dataset["later"]>,
  { counts, closed }: { readonly counts: TurnCounts; readonly closed: AbortSignal },
): void {
  let refs: readonly TurnRef[] = [];
  let next = 0;
  let hasRoom = true;
  let hasEnded = false;
  /** In the order asked; undefined: still being made. */
  const started: { response: Uint8Array | undefined }[] = [];
  const start = (ref: TurnRef): void => {
    const place: { response: Uint8Array | undefined } = { response: undefined };
    started.push(place);
    void made(later, ref, counts).then((response) => {
      place.response = response;
      if (!closed.aborted) serve();
    });
  };
  const serve = (): void => {
    for (let first = started[0]; hasRoom && first?.response !== undefined; first = started[0]) {
      hasRoom = stream.send(first.response);
      started.shift();
    }
    while (started.length < madeAtOnce && next < refs.length) start(refs[next++] as TurnRef);
    if (next < refs.length || started.length > 0 || !hasRoom) stream.pause();
    else if (hasEnded) stream.end();
    else stream.resume();
  };
  stream.onDrain(() => {
    hasRoom = true;
    serve();
  });
  stream.onEnd(() => {
    hasEnded = true;
    serve();
  });
  stream.onMessage(({ message }) => {
    if (message.case !== "turns")
      throw new AssayError("invalid_argument", `a second ${message.case ?? "empty message"} may not come`);
    refs = [...refs.slice(next), ...message.value.refs];
    next = 0;
    serve();
  });
}

/** Never rejects: what cannot be made is a missing turn. */
async function made(later: NonNullable<Dataset["later"]>, ref: TurnRef, counts: TurnCounts): Promise<Uint8Array> {
  const conversation = Number(ref.conversation);
  try {
    const turn = await later(conversation, ref.turn);
    const response = new TurnResponse(turn.bytes.length + spareBytes);
    response.addPacked(conversation, ref.turn, turn);
    counts.served++;
    return response.bytes();
  } catch (error) {
    const response = new TurnResponse(spareBytes);
    response.add({ ref, missing: messageOf(error) });
    counts.missing++;
    return response.bytes();
  }
}
