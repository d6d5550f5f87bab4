/** A label's value as the Prometheus text format has it between its quotes. */
export function escaped(label: string): string {
  return label.replace(/\\/g, "\\\\").replace(/\n/g, "\\n").replace(/"/g, '\\"');
}
