import { createHash } from "node:crypto";

/** The id that a session of a run has where others refer to it: the same for everybody who knows run, phase and session. A UUID of version 8. */
export function sessionUuid(runId: string, phase: number, session: number): string {
  const bytes = createHash("sha256").update(`${runId}/${phase}/${session}`).digest();
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const text = bytes.toString("hex", 0, 16);
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
}
