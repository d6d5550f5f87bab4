/** `--pacing=precise`: an alarm whose bell is on a thread of its own. */
import { monotonicNs } from "../common/clock.ts";
import type { Logger } from "../common/logger.ts";
import { countSpin } from "../common/member/usage.ts";
import { AlarmBell } from "./alarm-bell.ts";
import { PreciseAlarm } from "./core/precise-alarm.ts";
import type { PacingAlarm } from "./credit-client.ts";

/** Starts it; its end is the alarm's. Without its thread, should that die, nothing rings: whoever uses it has a timer as well. */
export function startPrecisePacing(wake: () => void, log: Logger): PacingAlarm {
  const alarm = new PreciseAlarm({
    clock: monotonicNs,
    defer: setImmediate,
    ringAt: (ns) => bell.ringAt(ns),
    onSpun: countSpin,
    wake,
  });
  const bell = new AlarmBell({
    onRing: () => alarm.rang(),
    onDeath: (why) => log.warn("the alarm's thread is gone; timers pace alone", { error: why }),
  });
  const close = (): void => {
    alarm.close();
    bell.close();
  };
  return { ready: bell.ready, at: (ns) => alarm.at(ns), close };
}
