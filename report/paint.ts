/** Colours of the terminal, or none. */
import picocolors from "picocolors";

export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
  green(text: string): string;
  cyan(text: string): string;
}

export function createPaint(hasColour: boolean): Paint {
  const { bold, dim, red, yellow, green, cyan } = picocolors.createColors(hasColour);
  return { bold, dim, red, yellow, green, cyan };
}
