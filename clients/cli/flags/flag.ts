/** What an option is, and the kinds of value that many have. */
import type { FlagKind, FlagValue } from "../flag-kinds.ts";

export interface Flag {
  /** The spelling shown. */
  readonly flag: string;
  readonly aliases?: readonly string[];
  readonly kind: FlagKind;
  /** What stands for the value in `--help`; absent: a switch. */
  readonly value?: string;
  /**
   * Where the value goes in a RunSpec, by names of the proto without indices: it is written to the first, and complaints about any
   * of them, or about what is below, are about this flag. Absent: it concerns the command line alone. What is below `phases` and
   * `target.urls` is written by `phasesOf` and `urlsOf`, since several flags make one load and one list.
   */
  readonly paths?: readonly [string, ...string[]] | undefined;
  /** The value is of the ramp of this quantity, one of a list. */
  readonly ramp?: "concurrency" | "prefill_concurrency" | "rate";
  /** Not repeated in any message. */
  readonly isSecret?: true;
  /** What a shell offers for the value, beside the choices of the kind. */
  readonly completes?: "file" | "folder";
  readonly group: FlagGroup;
  /** One sentence with the unit and the default. */
  readonly doc: string;
}

/** Headings of `--help`, in their order. */
export const flagGroups = [
  "Target",
  "Load",
  "Warm-up",
  "Requests",
  "Synthetic media and rankings",
  "Tensors",
  "Traces",
  "Workers and telemetry",
  "Output",
  "Suite",
  "Configuration",
] as const;

export type FlagGroup = (typeof flagGroups)[number];

/** Flags by the name of the option that they give. */
export type FlagTable = Readonly<Record<string, Flag>>;

/** What a command line gave; absent = not given. */
export type OptionsOf<T extends FlagTable> = { readonly [K in keyof T]?: FlagValue<T[K]["kind"]> };

export const uint32 = 4_294_967_295;
/** No bound that anybody meets. */
export const many = Number.MAX_SAFE_INTEGER;

export const count = { is: "integer", min: 1, max: many } as const;
export const tokens = { is: "number", min: 1, max: 10_000_000 } as const;
export const fromZero = { is: "number", min: 0, max: Number.POSITIVE_INFINITY } as const;
/** `inf`: without end. */
export const graceSeconds = { is: "number", min: 0, max: Number.POSITIVE_INFINITY, mayBeInfinite: true } as const;
export const aboveZero = { is: "number", min: 0, max: Number.POSITIVE_INFINITY, isAbove: true } as const;
