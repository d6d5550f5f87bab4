/**
 * How the conversations of a dataset branch: which of them begin others, when, and which of their turns wait for those. Packed as
 * the dataset service hands it to timing, a few bytes a branch, so that the branches of a large dataset fit into a message. Pure.
 */
import { AssayError } from "./errors.ts";
import { VarintReader, VarintWriter } from "./varint.ts";

/**
 * Sessions that a session begins beside itself.
 * - fork: with what the parent has said, the answer to `afterTurn` included; played by the parent's worker, which has it.
 * - spawn: with nothing said before.
 */
export interface Branch {
  readonly mode: "fork" | "spawn";
  /** Begun when this turn has come back with an answer; −1: together with the first one. */
  readonly afterTurn: number;
  /** Conversations, at least one. */
  readonly children: readonly number[];
  /** Turn of the parent that waits until the children are over, whatever came of them; undefined: none does. */
  readonly joinAt: number | undefined;
}

/** Pauses drawn anew for each session: log-normal around the turn's own pause, its median. */
export interface PauseSpread {
  /** Standard deviation of the logarithm, above 0. */
  readonly sigma: number;
  readonly minMs: number | undefined;
  readonly maxMs: number | undefined;
}

/** A conversation that branches, or is silent. */
export interface BranchingConversation {
  readonly conversation: number;
  /** In the order of their turns. */
  readonly branches: readonly Branch[];
  /** Its turns send nothing: they only wait, and begin others. */
  readonly isSilent: boolean;
  /** Absent: its pauses are as they are. */
  readonly spread?: PauseSpread | undefined;
}

/** The conversations that others begin. */
export function childrenOf(conversations: readonly BranchingConversation[]): ReadonlySet<number> {
  return new Set(conversations.flatMap(({ branches }) => branches.flatMap(({ children }) => children)));
}

/** Empty for none. `pauseRatio`: factor on what is said of pauses. */
export function packBranches(conversations: readonly BranchingConversation[], pauseRatio = 1): Uint8Array {
  const writer = new VarintWriter();
  for (const { conversation, branches, isSilent, spread } of conversations) {
    writer.write(conversation);
    writer.write((isSilent ? 1 : 0) + (spread === undefined ? 0 : 2));
    if (spread !== undefined) {
      writer.write(Math.round(spread.sigma * 1e6));
      for (const boundMs of [spread.minMs, spread.maxMs]) {
        writer.write(boundMs === undefined ? 0 : 1 + Math.round(boundMs * pauseRatio * 1e3));
      }
    }
    writer.write(branches.length);
    for (const { mode, afterTurn, children, joinAt = 0 } of branches) {
      writer.write(afterTurn + 1);
      writer.write(2 * joinAt + (mode === "fork" ? 1 : 0));
      writer.write(children.length);
      for (const child of children) writer.write(child);
    }
  }
  return writer.bytes();
}

/** What `packBranches` has packed. Throws `data_loss` for bytes that it did not write, and for a conversation from `conversations` on. */
export function unpackBranches(packed: Uint8Array, conversations: number): BranchingConversation[] {
  const reader = new VarintReader(packed);
  const read: BranchingConversation[] = [];
  const conversationOf = (): number => {
    const conversation = reader.read();
    if (conversation < conversations) return conversation;
    throw new AssayError("data_loss", `a branch of conversation ${conversation}, the dataset has ${conversations}`);
  };
  while (!reader.isAtEnd) {
    const conversation = conversationOf();
    const flags = reader.read();
    const spread = flags >= 2 ? readSpread(reader) : undefined;
    const branches = Array.from({ length: reader.read() }, (): Branch => {
      const afterTurn = reader.read() - 1;
      const code = reader.read();
      return {
        afterTurn,
        mode: code % 2 === 1 ? "fork" : "spawn",
        joinAt: code < 2 ? undefined : Math.floor(code / 2),
        children: Array.from({ length: reader.read() }, conversationOf),
      };
    });
    read.push({ conversation, branches, isSilent: flags % 2 === 1, spread });
  }
  return read;
}

function readSpread(reader: VarintReader): PauseSpread {
  const sigma = reader.read() / 1e6;
  const boundMs = (): number | undefined => {
    const code = reader.read();
    return code === 0 ? undefined : (code - 1) / 1e3;
  };
  return { sigma, minMs: boundMs(), maxMs: boundMs() };
}
