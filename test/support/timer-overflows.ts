import { setImmediate as turn } from "node:timers/promises";

/** What Node says of timers that were to wait longer than a timer can, and fire at once instead, while `work` is done. */
export async function timerOverflowsOf(work: () => Promise<void>): Promise<string[]> {
  const overflows: string[] = [];
  const note = ({ name, message }: Error): void => {
    if (name === "TimeoutOverflowWarning") overflows.push(message);
  };
  process.on("warning", note);
  try {
    await work();
    await turn();
  } finally {
    process.off("warning", note);
  }
  return overflows;
}
