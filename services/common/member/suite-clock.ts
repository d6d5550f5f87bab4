/**
 * Suite time: the CLOCK_MONOTONIC of the controller's host. A process on that host (same boot id, same time namespace) reads
 * it directly; any other adds an offset that is measured over Join.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { type MonotonicNs, monotonicNs } from "../clock.ts";
import { type ClockPing, type OffsetEstimate, OffsetFilter } from "./clock-offset.ts";

/** Equal identities: one clock. */
export interface ClockIdentity {
  readonly bootId: string;
  readonly timeNamespace: string;
}

/** That of this process; empty texts where the system does not say. */
export function readClockIdentity(): ClockIdentity {
  return {
    bootId: attempt(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
    timeNamespace: attempt(() => readlinkSync("/proc/self/ns/time")),
  };
}

/** Systems without /proc have no identity to compare: then even a local offset is measured. */
function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}

/** Translates between this process's clock and suite time. */
export interface SuiteClock {
  /** Suite time now, in ns. */
  now(): number;
  /** Suite time of a reading of this host's clock. */
  toSuite(localNs: MonotonicNs): number;
  /** Reading of this host's clock at a suite time. */
  toLocal(suiteNs: number): MonotonicNs;
  /** Offset with its uncertainty; exactly 0 on the controller's host; undefined while nothing was measured. */
  offset(): OffsetEstimate | undefined;
}

export class MeasuredSuiteClock implements SuiteClock {
  private readonly filter = new OffsetFilter();
  private isShared = false;

  /** The suite's clock is this process's own. */
  share(): void {
    this.isShared = true;
  }

  get needsPings(): boolean {
    return !this.isShared;
  }

  add(ping: ClockPing): void {
    this.filter.add(ping);
  }

  now(): number {
    return this.toSuite(monotonicNs());
  }

  toSuite(localNs: MonotonicNs): number {
    return this.isShared ? localNs : localNs + (this.offset()?.offsetNs ?? 0);
  }

  toLocal(suiteNs: number): MonotonicNs {
    return this.isShared ? suiteNs : suiteNs - (this.offset()?.offsetNs ?? 0);
  }

  offset(): OffsetEstimate | undefined {
    return this.isShared ? { offsetNs: 0, uncertaintyNs: 0, driftPpm: 0 } : this.filter.estimate(monotonicNs());
  }
}
