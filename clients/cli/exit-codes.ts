/** Every exit code of every command; scripts may rely on them. `docs/exit-codes.md` is the same table for people. */
export const exitCodes = {
  /** The run ended and at least one measured request succeeded; the service is SERVING; help or version was shown. */
  ok: 0,
  /** The run failed, every measured request failed, the suite could not be started or was lost, or a service is not SERVING. */
  failed: 1,
  /** The command line or the run that it describes is wrong; nothing was sent. */
  usage: 2,
  /** The run ended, and its figures do not hold what was asked of them: `--slo`, `--require-valid`. */
  unmet: 3,
  /** The run ended, and more of its requests failed than `--failed-request-threshold` allows, or than a tenth where nobody said. */
  tooManyFailed: 4,
  /** Stopped by Ctrl-C or SIGTERM. */
  interrupted: 130,
} as const;

export type ExitCodeName = keyof typeof exitCodes;

/** In short, for help and manual. */
export const exitMeanings: Readonly<Record<ExitCodeName, string>> = {
  ok: "done, at least one measured request succeeded",
  failed: "failed, or every request did",
  usage: "wrong options or a wrong run; nothing was sent",
  unmet: "done, but an objective was missed (--slo) or the client is not valid (--require-valid)",
  tooManyFailed: "done, but too many requests failed (--failed-request-threshold, else more than 10 %)",
  interrupted: "stopped by Ctrl-C",
};
