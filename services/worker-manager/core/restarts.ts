/** Who is started in a dead worker's place, and when a line of workers is given up. Pure. */

/** A line of workers: one that was asked for, and those that took its place. */
export interface WorkerLine {
  readonly line: number;
  restarts: number;
}

export const maxRestarts = 3;

/** Whether a worker that ended unasked has a successor. Counts the restart. */
export function takesRestart(line: WorkerLine): boolean {
  if (line.restarts >= maxRestarts) return false;
  line.restarts++;
  return true;
}
