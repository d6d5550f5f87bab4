/** What nobody does any more since a process is gone, and may do again: it is given up when nobody has come in time. */
export class Returns {
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly returnMs: number;

  constructor(returnMs: number) {
    this.returnMs = returnMs;
  }

  /** Calls `giveUp` once, unless somebody does this by then. Of what is waited for already, nothing changes. */
  wait(what: string, isBack: () => boolean, giveUp: () => void): void {
    if (isBack() || this.timers.has(what)) return;
    const timer = setTimeout(() => {
      this.timers.delete(what);
      if (!isBack()) giveUp();
    }, this.returnMs);
    this.timers.set(what, timer);
  }

  /** Nothing is given up any more. */
  close(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
  }
}
