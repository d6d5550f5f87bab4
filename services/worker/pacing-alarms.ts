/** What wakes a worker for a request that is due, beside its timer: the bell is a thread with `--pacing=precise`, a timer otherwise. */
import { monotonicNs } from "../common/clock.ts";
import type { Logger } from "../common/logger.ts";
import { countSpin } from "../common/member/usage.ts";
import { WakeTimer } from "../common/wake-timer.ts";
import { AlarmBell } from "./alarm-bell.ts";
import { PreciseAlarm, threadTerms, timerTerms } from "./core/precise-alarm.ts";
import type { PacingAlarm } from "./credit-client.ts";

/** Starts it; its end is the alarm's. Without its thread, should that die, nothing rings: whoever uses it has a timer as well. */
export function startPrecisePacing(wake: () => void, log: Logger): PacingAlarm {
  const alarm = new PreciseAlarm({
    terms: threadTerms,
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

/** Starts nothing but a timer. */
export function startTimerPacing(wake: () => void): PacingAlarm {
  const timer = new WakeTimer(() => alarm.rang());
  const alarm = new PreciseAlarm({
    terms: timerTerms,
    clock: monotonicNs,
    defer: setImmediate,
    ringAt: (ns) => timer.at(ns),
    onSpun: countSpin,
    wake,
  });
  const close = (): void => {
    alarm.close();
    timer.close();
  };
  return { ready: Promise.resolve(), at: (ns) => alarm.at(ns), close };
}
