import type { RunCommand, RunMachine } from "./run-machine.ts";

/** Tells the machine that nobody could do a step that it asked for. Pure. Not for its last one, after which nothing is decided. */
export function stepFailed<Account, Heartbeat>(
  machine: RunMachine<Account, Heartbeat>,
  step: Exclude<RunCommand<Account, Heartbeat>, { readonly kind: "finish" }>,
  message: string,
  nowNs: number,
): void {
  switch (step.kind) {
    case "prepare":
      machine.unready(step.barrier, step.barrier, message, nowNs);
      return;
    case "start_phase":
    case "stop_phase":
      machine.timingDied(message, nowNs);
      return;
    case "hand_over_account":
    case "close_from_rows":
      machine.recordsManagerDied(message, nowNs);
      return;
    case "process":
      machine.processingFailed(message, nowNs);
      return;
    default:
      step satisfies never;
  }
}
