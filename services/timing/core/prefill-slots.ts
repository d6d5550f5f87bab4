/**
 * Limits how many requests wait for their first token at once. A slot is taken when the credit is issued and freed by the first
 * of: first token, return, loss; and once.
 */
export class PrefillSlots {
  /** May change under way; what is taken stays taken. */
  limit: number;
  readonly #taken = new Set<number>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get hasFree(): boolean {
    return this.#taken.size < this.limit;
  }

  taken(creditId: number): void {
    this.#taken.add(creditId);
  }

  freed(creditId: number): void {
    this.#taken.delete(creditId);
  }
}
