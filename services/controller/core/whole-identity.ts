/** The account of a phase from those that its records-managers closed, each over the credits of its own shard. Pure. */
import { create } from "@bufbuild/protobuf";
import { type PhaseIdentity, PhaseIdentitySchema } from "../../../gen/assay/controller/v1/controller_pb.js";

/**
 * Undefined where any of them is: then nobody knows the whole.
 * @param abandoned turns never drawn, as timing's account has them
 */
export function wholeIdentity(parts: readonly (PhaseIdentity | undefined)[], abandoned: bigint): PhaseIdentity | undefined {
  const sum = (of: (part: PhaseIdentity) => bigint): bigint =>
    parts.reduce((total, part) => total + (part === undefined ? 0n : of(part)), 0n);
  if (parts.length === 0 || parts.includes(undefined)) return undefined;
  const ended = {
    unused: sum(({ unused }) => unused),
    dropped: sum(({ dropped }) => dropped),
    succeeded: sum(({ succeeded }) => succeeded),
    errored: sum(({ errored }) => errored),
    cancelled: sum(({ cancelled }) => cancelled),
    missingRecord: sum(({ missingRecord }) => missingRecord),
    missingLost: sum(({ missingLost }) => missingLost),
  };
  const drawn = sum((part) => part.drawn);
  const known = Object.values(ended).reduce((total, count) => total + count, 0n);
  // Closed from rows, only shard 0 is told what timing knew of the others' credits: what is left is left of all.
  const isOpen = parts.some((part) => (part?.unaccounted ?? 0n) > 0n) && drawn > known;
  return create(PhaseIdentitySchema, {
    ...ended,
    drawn,
    unaccounted: isOpen ? drawn - known : 0n,
    abandoned,
    queued: sum(({ queued }) => queued),
    late: sum(({ late }) => late),
    conflicts: sum(({ conflicts }) => conflicts),
  });
}
