/**
 * Which rows are the turns of which conversation: rows of one session are one conversation, in the order of the file, and
 * conversations come in the order in which they begin. Pure.
 */

export interface ConversationIndex {
  /** Conversations. */
  readonly size: number;
  /** Ordinal of each conversation's first turn among all turns, and of the turn that there is not, behind the last; absent: i. */
  readonly firstTurnOf?: Uint32Array<ArrayBuffer>;
  /** Row of each turn, conversations in order; absent: turns are in the order of the rows. */
  readonly rowOf?: Uint32Array<ArrayBuffer>;
}

/** How many turns a conversation has. */
export function turnsOf({ firstTurnOf }: ConversationIndex, conversation: number): number {
  if (firstTurnOf === undefined) return 1;
  return (firstTurnOf[conversation + 1] as number) - (firstTurnOf[conversation] as number);
}

/** The row of a turn that exists. */
export function rowOfTurn({ firstTurnOf, rowOf }: ConversationIndex, conversation: number, turn: number): number {
  const ordinal = (firstTurnOf?.[conversation] ?? conversation) + turn;
  return rowOf?.[ordinal] ?? ordinal;
}

/** Takes the rows one after the other, each with its conversation. */
export class ConversationIndexer {
  #conversationOf = new Uint32Array(256);
  #rows = 0;
  #size = 0;
  #isInOrder = true;

  /** Conversations begun. */
  get size(): number {
    return this.#size;
  }

  /** A row of a conversation that has begun, or of the next one: `conversation` is at most `size`. */
  add(conversation: number): void {
    if (this.#rows === this.#conversationOf.length) {
      const larger = new Uint32Array(2 * this.#rows);
      larger.set(this.#conversationOf);
      this.#conversationOf = larger;
    }
    if (conversation === this.#size) this.#size++;
    else if (conversation !== this.#size - 1) this.#isInOrder = false;
    this.#conversationOf[this.#rows++] = conversation;
  }

  /** Of the rows so far. */
  index(): ConversationIndex {
    const size = this.#size;
    if (size === this.#rows) return { size };
    const firstTurnOf = new Uint32Array(size + 1);
    for (let row = 0; row < this.#rows; row++) {
      const next = (this.#conversationOf[row] as number) + 1;
      firstTurnOf[next] = (firstTurnOf[next] as number) + 1;
    }
    for (let conversation = 0; conversation < size; conversation++) {
      firstTurnOf[conversation + 1] = (firstTurnOf[conversation + 1] as number) + (firstTurnOf[conversation] as number);
    }
    return this.#isInOrder ? { size, firstTurnOf } : { size, firstTurnOf, rowOf: this.#rowOf(firstTurnOf) };
  }

  #rowOf(firstTurnOf: Uint32Array): Uint32Array<ArrayBuffer> {
    const next = firstTurnOf.slice();
    const rowOf = new Uint32Array(this.#rows);
    for (let row = 0; row < this.#rows; row++) {
      const conversation = this.#conversationOf[row] as number;
      const ordinal = next[conversation] as number;
      next[conversation] = ordinal + 1;
      rowOf[ordinal] = row;
    }
    return rowOf;
  }
}
