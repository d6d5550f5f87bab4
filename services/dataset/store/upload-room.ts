/**
 * How much room clients' uploads have: how many come at once, what one of them may have, and what all of them hold on disk together, those that
 * come and those that are kept. Kept ones that nobody uses make room, the one that was not used for longest first.
 */
import { AssayError } from "../../common/errors.ts";
import type { DatasetStore } from "./dataset-store.ts";

export interface UploadLimits {
  /** Bytes of one file. */
  readonly maxBytes: number;
  /** At once. */
  readonly maxUploads: number;
  /** Bytes of all together; of several processes that share a folder each counts what comes to itself alone. */
  readonly quotaBytes: number;
}

/** The room of one upload while it comes. */
export interface UploadPlace {
  /** So many bytes of it will be written. Throws `resource_exhausted` where there is no room for them. */
  reserve(sizeBytes: number): void;
  /** It is kept, or nothing of it is left; called once. */
  leave(): void;
}

/** Reserved ahead where nothing has to make room for it: the folder is not looked through for every message. */
const aheadBytes = 1 << 20;

export class UploadRoom {
  readonly store: DatasetStore;
  readonly #limits: UploadLimits;
  #uploads = 0;
  #comingBytes = 0;

  constructor(store: DatasetStore, limits: UploadLimits) {
    this.store = store;
    this.#limits = limits;
  }

  /** One more upload comes. Throws `resource_exhausted` where as many come as may. */
  enter(): UploadPlace {
    const { maxUploads } = this.#limits;
    if (this.#uploads >= maxUploads) {
      throw exhausted(`${this.#uploads} uploads go on: at most ${maxUploads} may at once (--max-uploads)`);
    }
    this.#uploads++;
    let granted = 0;
    return {
      reserve: (sizeBytes) => {
        if (sizeBytes <= granted) return;
        const more = this.#granted(sizeBytes, this.#comingBytes - granted);
        this.#comingBytes += more - granted;
        granted = more;
      },
      leave: () => {
        this.#uploads--;
        this.#comingBytes -= granted;
      },
    };
  }

  /** @param others bytes of other uploads that come */
  #granted(sizeBytes: number, others: number): number {
    const { maxBytes, quotaBytes } = this.#limits;
    if (sizeBytes > maxBytes) {
      throw exhausted(`an upload may have ${maxBytes} bytes at most (--max-upload-bytes): this one has ${sizeBytes} or more`);
    }
    const mostKept = quotaBytes - others - sizeBytes;
    const kept = this.store.shrink("upload", mostKept);
    if (kept > mostKept) {
      const held = `${others} are coming and ${kept} are kept`;
      throw exhausted(
        `uploads may have ${quotaBytes} bytes together (--upload-quota-bytes): ${held}, and this one has ${sizeBytes}`,
      );
    }
    return sizeBytes + Math.min(aheadBytes, mostKept - kept, maxBytes - sizeBytes);
  }
}

function exhausted(message: string): AssayError {
  return new AssayError("resource_exhausted", message);
}
