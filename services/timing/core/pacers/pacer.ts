/**
 * Says when requests are due in an open loop: an absolute schedule that starts with the phase, so that lateness never
 * shifts what comes after. A pacer belongs to one phase and is read in order, once.
 */
export interface Pacer {
  /** Due time of the next arrival, ns after the start of the phase; never below the previous one; Infinity when the schedule is over. */
  nextDueNs(): number;
}
