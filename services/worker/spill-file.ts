/** Records that do not fit the outbox's memory, on disk. Written at the end, read back once each, emptied when nothing in it is needed. */
import { closeSync, ftruncateSync, openSync, unlinkSync, writeSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { AssayError } from "../common/errors.ts";

interface Extent {
  readonly at: number;
  readonly sizes: readonly number[];
}

export class SpillFile {
  private readonly path: string;
  private readonly extents = new Map<number, Extent>();
  private fd: number | undefined;
  private reader: FileHandle | undefined;
  private end = 0;

  /** The file is made at the first write. */
  constructor(path: string) {
    this.path = path;
  }

  get sizeBytes(): number {
    return this.end;
  }

  /** Throws `resource_exhausted` naming the file when it cannot be written. */
  write(seq: number, messages: readonly Uint8Array[]): void {
    try {
      this.fd ??= openSync(this.path, "w", 0o600);
      this.extents.set(seq, { at: this.end, sizes: messages.map((message) => message.length) });
      for (const message of messages) this.end += writeSync(this.fd, message, 0, message.length, this.end);
    } catch (error) {
      throw new AssayError("resource_exhausted", `records cannot be spilled to ${this.path}`, { cause: error });
    }
  }

  async read(seq: number): Promise<Buffer[]> {
    const extent = this.extents.get(seq);
    if (extent === undefined) throw new AssayError("data_loss", `batch ${seq} is not in ${this.path}`);
    this.reader ??= await open(this.path, "r");
    const messages: Buffer[] = [];
    let at = extent.at;
    for (const size of extent.sizes) {
      const { buffer, bytesRead } = await this.reader.read(Buffer.allocUnsafeSlow(size), 0, size, at);
      if (bytesRead !== size) throw new AssayError("data_loss", `${this.path} ends early`);
      messages.push(buffer);
      at += size;
    }
    this.extents.delete(seq);
    return messages;
  }

  /** Nothing in it is needed any more. */
  empty(): void {
    if (this.fd !== undefined) ftruncateSync(this.fd, 0);
    this.extents.clear();
    this.end = 0;
  }

  /** Closes and removes it. */
  async remove(): Promise<void> {
    if (this.fd === undefined) return;
    closeSync(this.fd);
    this.fd = undefined;
    await this.reader?.close();
    unlinkSync(this.path);
  }
}
