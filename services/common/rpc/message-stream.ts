/** `MessageStream` over a duplex, for both ends of a call: grpc-js's own, or one within this process. */
import { AssayError } from "../errors.ts";
import { readable } from "./bridge.ts";
import type { MessageStream } from "./handler.ts";
import { asAssayError } from "./status.ts";

/** What is used of a duplex. */
export interface MessageDuplex {
  on(event: "data" | "drain" | "end", listener: (message: unknown) => void): unknown;
  write(message: unknown): boolean;
  end(): unknown;
  pause(): unknown;
  resume(): unknown;
  once(event: "end", listener: () => void): unknown;
  readonly writableLength: number;
  readonly readableEnded: boolean;
}

/** What differs between the ends of a call. */
export interface StreamSide<Out> {
  /** Called by `send`; the duplex itself passes on what this makes. */
  serialize(message: Out): unknown;
  /** Ends the call with an error; its outcome comes back through `settle`. */
  fail(error: AssayError): void;
}

/** The owner of the call tells by `settle` when it is over. */
export class DuplexMessageStream<In, Out> implements MessageStream<In, Out> {
  readonly #duplex: MessageDuplex;
  readonly #side: StreamSide<Out>;
  #message: ((message: In) => void) | undefined;
  #end: (() => void) | undefined;
  #close: ((error: AssayError | undefined) => void) | undefined;
  #drain: (() => void) | undefined;
  #isPaused = false;
  #hasEndedSending = false;
  #settled: { readonly error: AssayError | undefined } | undefined;

  constructor(duplex: MessageDuplex, side: StreamSide<Out>) {
    this.#duplex = duplex;
    this.#side = side;
    duplex.on("drain", () => this.#call(this.#drain));
    duplex.on("end", () => this.#call(this.#end ?? (() => this.end())));
  }

  onMessage(listener: (message: In) => void): void {
    const isFirst = this.#message === undefined;
    this.#message = listener;
    if (!isFirst || this.#settled !== undefined) return;
    // The deserialiser of this call makes nothing else.
    this.#duplex.on("data", (message) => this.#receive(message as In));
    // Attaching a listener starts the flow, whatever was asked before.
    if (this.#isPaused) this.#duplex.pause();
  }

  onEnd(listener: () => void): void {
    this.#end = listener;
  }

  onClose(listener: (error: AssayError | undefined) => void): void {
    this.#close = listener;
    const settled = this.#settled;
    if (settled !== undefined) queueMicrotask(() => listener(settled.error));
  }

  onDrain(listener: () => void): void {
    this.#drain = listener;
  }

  send(message: Out): boolean {
    if (this.#hasEndedSending || this.#settled !== undefined) return false;
    return this.#duplex.write(this.#side.serialize(message));
  }

  get queued(): number {
    return this.#duplex.writableLength;
  }

  end(): void {
    if (this.#hasEndedSending || this.#settled !== undefined) return;
    this.#hasEndedSending = true;
    this.#duplex.end();
  }

  fail(error: AssayError): void {
    if (this.#settled !== undefined) return;
    this.#hasEndedSending = true;
    this.#side.fail(error);
  }

  cancel(): void {
    this.fail(new AssayError("cancelled", "cancelled by this side"));
  }

  pause(): void {
    this.#isPaused = true;
    this.#duplex.pause();
  }

  resume(): void {
    this.#isPaused = false;
    // Resuming without a listener would throw messages away.
    if (this.#message !== undefined) this.#duplex.resume();
  }

  /** The call is over. Messages that come later are dropped. */
  settle(error: AssayError | undefined): void {
    if (this.#settled !== undefined) return;
    this.#settled = { error };
    this.#close?.(error);
  }

  /**
   * The call is over, and messages that came before may still be on their way to the reader: they are heard first. Not so if the
   * call broke while the reader had paused, or if there is no reader.
   */
  settleAfterMessages(error: AssayError | undefined): void {
    const isRead = this.#message !== undefined && !(this.#isPaused && error !== undefined);
    if (isRead && !this.#duplex.readableEnded) this.#duplex.once("end", () => this.settle(error));
    else this.settle(error);
  }

  #receive(message: In): void {
    if (this.#settled !== undefined) return;
    try {
      // What the deserialiser made, or that it could make nothing.
      this.#message?.(readable(message) as In);
    } catch (error) {
      this.fail(asAssayError(error));
    }
  }

  #call(listener: (() => void) | undefined): void {
    if (this.#settled !== undefined || listener === undefined) return;
    try {
      listener();
    } catch (error) {
      this.fail(asAssayError(error));
    }
  }
}
