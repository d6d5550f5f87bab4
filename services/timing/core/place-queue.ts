/** What is due and finds no place under a ceiling, first come, first served. Pure. */
export class PlaceQueue {
  /** Whatever was due by then and is not drawn found no place. */
  #endNs = Number.NEGATIVE_INFINITY;

  /** Places may have become free. Whatever was due behind somebody who waited has waited too. */
  open(nextDueNs: number, now: number): void {
    if (nextDueNs <= this.#endNs) this.#endNs = now;
  }

  /** Nobody has a place for what is due next: whatever is due by `now` waits. */
  close(nextDueNs: number, now: number): void {
    if (nextDueNs <= now) this.#endNs = now;
  }

  /** Whether what was due then and is drawn now has waited for its place. */
  held(dueNs: number): boolean {
    return dueNs <= this.#endNs;
  }
}
