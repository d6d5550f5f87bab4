/** Every exit code of `assay run` and `assay health`; scripts may rely on them. */
export const exitCodes = {
  /** The run ended and at least one measured request succeeded; the service is SERVING; help or version was shown. */
  ok: 0,
  /** The run failed, no measured request succeeded, the suite could not be started or was lost, or a service is not SERVING. */
  failed: 1,
  /** The command line or the run that it describes is wrong; nothing was sent. */
  usage: 2,
  /** Stopped by Ctrl-C or SIGTERM. */
  interrupted: 130,
} as const;

export type ExitCodeName = keyof typeof exitCodes;

/** In short, for help and manual. */
export const exitMeanings: Readonly<Record<ExitCodeName, string>> = {
  ok: "done, at least one measured request succeeded",
  failed: "failed, or every request did",
  usage: "wrong options or a wrong run; nothing was sent",
  interrupted: "stopped by Ctrl-C",
};
