/** What a controller says of a field, said of the option, variable, setting or line of a file that the value came from. Pure. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Flag } from "./flags/flag.ts";
import { type RunOptions, runFlags } from "./flags.ts";
import { maskedSetting } from "./parse.ts";
import { type GivenRun, isRunOption, pathsOf, shown } from "./run-options.ts";
import { isMeasured, phaseOrigin, phasesOf } from "./run-phases.ts";

/** A field of the RunSpec that a controller complains about. */
export interface Complaint {
  /** Path with indices, `phases[0].concurrency.limit`. */
  readonly field: string;
  readonly description: string;
}

/** What is known of the file of `--config`. */
export interface SpecFile {
  readonly name: string;
  /** `line:column` of its fields by path with indices. */
  readonly places: ReadonlyMap<string, string>;
  /** As it has them. */
  readonly phases: readonly JsonObject[];
}

/** Where a value of the spec may come from. */
export interface SpecSources {
  readonly given: GivenRun;
  readonly file?: SpecFile | undefined;
  /** Paths of `--set`, by index of `options.settings`. */
  readonly settingPaths: readonly string[];
}

/**
 * The complaint about where the value came from: `--set …`, `--concurrency 8`, `ASSAY_CONCURRENCY=8`, `run.yaml:7:5`. About the flag
 * for the field where nobody gave it, and about the field where there is no flag.
 */
export function complaintLine({ field, description }: Complaint, { given, file, settingPaths }: SpecSources): string {
  const isWithin = (path: string): boolean => path === field || field.startsWith(`${path}.`) || field.startsWith(`${path}[`);
  const setting = settingPaths.findLastIndex(isWithin);
  if (setting >= 0) return `--set ${maskedSetting(given.options.settings?.[setting] ?? "")}: ${description} (${field})`;
  const names = optionsFor(field, given, file?.phases ?? []);
  const name = names.find((key) => given.options[key] !== undefined);
  if (name !== undefined) return `${shown(name, given)}: ${description} (${field})`;
  const inFile = fieldOfFile(field, given, file?.phases ?? []);
  const place = file?.places.get(inFile) ?? file?.places.get(inFile.replace(/\.[^.]+$/, ""));
  if (file !== undefined && place !== undefined) return `${file.name}:${place}: ${inFile}: ${description}`;
  const [own] = names;
  if (own !== undefined) return `${shown(own, given)}: ${description} (${field})`;
  return field === "" ? description : `${field}: ${description}`;
}

/** Options that may have filled a field, those first that say most about where it is. */
function optionsFor(field: string, { options }: GivenRun, phases: readonly JsonObject[]): (keyof RunOptions)[] {
  const path = field.replaceAll(/\[\d+\]/g, "");
  const nearness = (key: keyof RunOptions): number =>
    Math.max(0, ...pathsOf(key).map((own) => (path === own || path.startsWith(`${own}.`) ? own.length : 0)));
  const quantity = rampQuantity(field, options, phases);
  const isOfRamp = (key: keyof RunOptions): boolean => {
    const { ramp }: Flag = runFlags[key];
    return quantity === undefined || ramp === undefined || ramp === quantity;
  };
  const near = Object.keys(runFlags)
    .filter(isRunOption)
    .filter((key) => nearness(key) > 0 && isOfRamp(key))
    .sort((one, other) => nearness(other) - nearness(one));
  const index = phaseIndex(field);
  if (index === undefined) return near;
  const origin = phaseOrigin(index, options, phases);
  const measured = near.filter((key) => !isOfWarmUp(key));
  // A warm-up has the load of the measured phase, but for what its own options say of it.
  if (origin === "warmup") return [...near.filter(isOfWarmUp), ...measured];
  const isTouched = origin === "options" || isMeasured(phases[origin] ?? {});
  return isTouched ? measured : [];
}

/** The quantity of the ramp that a field is of, which is an item of a list; undefined: it is of none. */
function rampQuantity(field: string, options: RunOptions, phases: readonly JsonObject[]): JsonValue | undefined {
  const [, phase, ramp] = /^phases\[(\d+)\]\.ramps\[(\d+)\]/.exec(field) ?? [];
  if (phase === undefined || ramp === undefined) return undefined;
  return rampsOf(phasesOf(options, phases)[Number(phase)])[Number(ramp)]?.quantity;
}

function rampsOf(phase: JsonObject | undefined): readonly JsonObject[] {
  return (phase?.ramps ?? []) as readonly JsonObject[];
}

function isOfWarmUp(name: keyof RunOptions): boolean {
  const flag: Flag = runFlags[name];
  return flag.group === "Warm-up";
}

/**
 * A field of the spec as the file calls it: where options put a warm-up before the phases of the file, they have other indices there,
 * and what the options do not say of the warm-up is the load of the first measured phase. Ramps of options take the places of its own.
 */
function fieldOfFile(field: string, { options }: GivenRun, phases: readonly JsonObject[]): string {
  const index = phaseIndex(field);
  if (index === undefined || phases.length === 0) return field;
  const origin = phaseOrigin(index, options, phases);
  const at = origin === "warmup" ? phases.findIndex(isMeasured) : origin;
  const quantity = rampQuantity(field, options, phases);
  const ramp = at === "options" ? -1 : rampsOf(phases[at]).findIndex((own) => own.quantity === quantity);
  const inPhase = quantity === undefined || ramp < 0 ? field : field.replace(/\.ramps\[\d+\]/, `.ramps[${ramp}]`);
  return inPhase.replace(/^phases\[\d+\]/, `phases[${at}]`);
}

function phaseIndex(field: string): number | undefined {
  const index = /^phases\[(\d+)\]/.exec(field)?.[1];
  return index === undefined ? undefined : Number(index);
}
