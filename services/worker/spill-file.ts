/**
 * Records that do not fit the outbox's memory, on disk. Written at the end, read back once each, emptied when nothing in it is
 * needed. What cannot be written stays in memory: a measured record is never thrown away.
 */
import { closeSync, ftruncateSync, openSync, rmSync, writeSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { AssayError } from "../common/errors.ts";

interface Extent {
  readonly at: number;
  readonly sizes: readonly number[];
}

export class SpillFile {
  private readonly path: string;
  private readonly extents = new Map<number, Extent>();
  private readonly unwritten = new Map<number, Buffer[]>();
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

  /** Whether there are batches that could not be written: no further ones should be made. */
  get isBroken(): boolean {
    return this.unwritten.size > 0;
  }

  /** Returns what went wrong (`resource_exhausted`, naming the file) when it cannot be written; the batch is kept in memory then. */
  write(seq: number, messages: Buffer[]): AssayError | undefined {
    let end = this.end;
    try {
      this.fd ??= this.create();
      for (const message of messages) end = writeWhole(this.fd, message, end);
    } catch (error) {
      this.unwritten.set(seq, messages);
      return new AssayError("resource_exhausted", `records cannot be spilled to ${this.path}`, { cause: error });
    }
    this.extents.set(seq, { at: this.end, sizes: messages.map((message) => message.length) });
    this.end = end;
    return undefined;
  }

  /** Throws `data_loss` where the file has not what was written. */
  async read(seq: number): Promise<Buffer[]> {
    const unwritten = this.unwritten.get(seq);
    this.unwritten.delete(seq);
    if (unwritten !== undefined) return unwritten;
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
    this.unwritten.clear();
    this.end = 0;
  }

  /** Closes and removes it. */
  async remove(): Promise<void> {
    if (this.fd === undefined) return;
    closeSync(this.fd);
    this.fd = undefined;
    await this.reader?.close();
    this.reader = undefined;
    await rm(this.path, { force: true });
  }

  /** Whatever lies there, also another's link, is not written to. */
  private create(): number {
    rmSync(this.path, { force: true });
    return openSync(this.path, "wx", 0o600);
  }
}

/** A write may end early. Returns the position behind the message. */
function writeWhole(fd: number, message: Buffer, at: number): number {
  let written = 0;
  while (written < message.length) written += writeSync(fd, message, written, message.length - written, at + written);
  return at + written;
}
