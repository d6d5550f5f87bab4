/** Moving messages between iterables and Node streams, no faster than the slower one. */
import type { Readable, Writable } from "node:stream";
import type { AssayError } from "../errors.ts";
import { readable } from "./bridge.ts";

/** Something that may be cut from outside while it runs. */
export interface Abortable {
  readonly abortError: AssayError | undefined;
  onAbort(listener: (error: AssayError) => void): unknown;
}

/**
 * Writes every message of an iterable, waiting whenever the stream is full; does not end the stream. Throws what the iterable
 * throws. When the call is aborted the iterator's `return` is called at once, so that a generator's `finally` runs as soon as what
 * it awaits lets go, and the abort error is thrown.
 */
export async function pump(messages: AsyncIterable<unknown> | Iterable<unknown>, into: Writable, call: Abortable): Promise<void> {
  const iterator = iteratorOf(messages);
  let wake: (() => void) | undefined;
  const onDrain = () => wake?.();
  into.on("drain", onDrain);
  call.onAbort(() => {
    wake?.();
    closeIterator(iterator);
  });
  try {
    while (true) {
      const next = await iterator.next();
      if (call.abortError !== undefined) throw call.abortError;
      if (next.done === true) return;
      if (into.write(next.value)) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (call.abortError !== undefined) throw call.abortError;
    }
  } finally {
    into.off("drain", onDrain);
  }
}

function iteratorOf(messages: AsyncIterable<unknown> | Iterable<unknown>): AsyncIterator<unknown> | Iterator<unknown> {
  return Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]();
}

/** Tells an iterator that nobody reads on. What it throws while closing has nobody left to hear it. */
export function closeIterator(iterator: AsyncIterator<unknown> | Iterator<unknown>): void {
  Promise.resolve(iterator.return?.()).catch(() => {});
}

/** Messages as they arrive; reading stops while the consumer is busy. Throws the abort error if the call is cut, `invalid_argument` for bytes that are no message. */
export async function* messagesOf(source: Readable, call: Abortable): AsyncGenerator<unknown> {
  try {
    // Whoever reads no further may still answer, on what is the same stream.
    for await (const message of source.iterator({ destroyOnReturn: false })) yield readable(message);
  } catch (error) {
    // A cut call destroys its stream, which says only that it was closed too early.
    throw call.abortError ?? error;
  }
  if (call.abortError !== undefined) throw call.abortError;
}
