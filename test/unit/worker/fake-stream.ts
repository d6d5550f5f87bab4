/** One end of a message stream, played by the test. */
import type { AssayError } from "../../../services/common/errors.ts";
import type { MessageStream } from "../../../services/common/rpc/handler.ts";

export class FakeStream<In, Out> implements MessageStream<In, Out> {
  readonly sent: Out[] = [];
  hasEnded = false;
  failure: AssayError | undefined;
  isPaused = false;
  readonly queued = 0;
  private message: ((message: In) => void) | undefined;
  private closed: ((error: AssayError | undefined) => void) | undefined;

  /** Something comes from the other side. */
  receive(message: In): void {
    this.message?.(message);
  }

  /** The stream is over. */
  break(error?: AssayError): void {
    this.closed?.(error);
  }

  onMessage(listener: (message: In) => void): void {
    this.message = listener;
  }

  onEnd(): void {}

  onClose(listener: (error: AssayError | undefined) => void): void {
    this.closed = listener;
  }

  onDrain(): void {}

  send(message: Out): boolean {
    this.sent.push(message);
    return true;
  }

  end(): void {
    this.hasEnded = true;
  }

  fail(error: AssayError): void {
    this.failure = error;
  }

  cancel(): void {}

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }
}
