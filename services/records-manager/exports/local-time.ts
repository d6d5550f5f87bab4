/** Wall time as AIPerf writes it: that of this host's clock and zone, in microseconds, without an offset. */

/** `2026-11-24T18:16:48.537578`; `wallNs` counts from the Unix epoch. */
export function localTime(wallNs: number): string {
  const micros = Math.round(wallNs / 1e3);
  const time = new Date(Math.floor(micros / 1e3));
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const second = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  const fraction = ((micros % 1e6) + 1e6) % 1e6;
  return `${day}T${second}.${String(fraction).padStart(6, "0")}`;
}
