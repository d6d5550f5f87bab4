/**
 * UUIDs of version 8 (RFC 9562): 62 random bits that are those of the series, and a count. Two series share an id with the probability that
 * two random numbers of 62 bits are equal, and an id costs no more than its text.
 */
export class UuidSeries {
  private readonly start: string;
  /** All but the last three digits, of this block of 4096 ids. */
  private front = "";
  private count = 0;

  /** @param randomHex 16 random hexadecimal digits, in lower case */
  constructor(randomHex: string) {
    const variant = (0x8 | (Number.parseInt(randomHex.charAt(12), 16) & 0x3)).toString(16);
    const [first, second, third] = [randomHex.slice(0, 8), randomHex.slice(8, 12), randomHex.slice(13, 16)];
    this.start = `${first}-${second}-8${third}-${variant}`;
    this.begin();
  }

  /** Up to 2^60 of them are told apart. */
  next(): string {
    const last = ++this.count % blockIds;
    if (last === 0) this.begin();
    return this.front + (lastDigits[last] as string);
  }

  private begin(): void {
    const block = Math.floor(this.count / blockIds).toString(16);
    const digits = block.padStart(12, "0");
    this.front = `${this.start}${digits.slice(0, 3)}-${digits.slice(3)}`;
  }
}

const blockIds = 0x1000;
const lastDigits: readonly string[] = Array.from({ length: blockIds }, (_, last) => last.toString(16).padStart(3, "0"));
