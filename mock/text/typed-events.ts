/** Events that say their type twice, before their data and in it. Pure. */
import { marks } from "./event-template.ts";

/** A function that writes such an event. @param hasStamps each has the send stamp */
export function typedEvents(hasStamps: boolean): (type: string, fields: string) => string {
  const stamp = hasStamps ? `,"assay_sent_ns":"${marks.stamp}"` : "";
  return (type, fields) => `event: ${type}\ndata: {"type":"${type}"${stamp}${fields === "" ? "" : `,${fields}`}}\n\n`;
}
