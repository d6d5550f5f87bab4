/** What a run's file is called, and what tells it apart from a file of somebody else: whoever reads it need not know all of it. */

export const RUN_FILE = "run.db";
/** Versions of its tables that there have been: the newest is as many. */
export const RUN_FILE_VERSIONS = 2;
export const RUN_APPLICATION_ID = 0x41737231; // "Asr1"
