/**
 * Server-sent events out of a whole response body, by the WHATWG HTML standard, §9.2.5 and §9.2.6: lines end with LF, CR or
 * CRLF in any mixture, a blank line completes an event, several data lines join with LF, one leading byte order mark is
 * ignored. On purpose it differs in three things: an event that the end of the body cuts off is given too, marked as
 * unterminated, an event of a type but without data is given as well (some servers say `event: error` with the message
 * in a comment), and a field `error` is the data of an event of that type.
 *
 * Offsets are byte offsets of the body. The scan runs over one Latin-1 string of it, in which characters and bytes have the same offsets.
 */

const lf = 10;
const cr = 13;
const byteOrderMark = "\u00ef\u00bb\u00bf";

/** Steps through the events of one body. The fields describe the event that `next` stepped to, until it is called again. */
export class SseReader {
  /** The body, one character a byte. */
  readonly text: string;
  /** First data line of the event, `text.slice(dataStart, dataEnd)`; equal offsets: empty or none. */
  dataStart = 0;
  dataEnd = 0;
  /** The data is that one line. */
  isSingleLine = true;
  /** Empty where the event names none. */
  eventType = "";
  /** Comment lines since the event before, joined with LF; read only where the event is more than one data line. */
  comment = "";
  /** Offset behind the line end that completes the event: the read that brought byte `end - 1` completed it. */
  end = 0;
  /** A blank line completed the event; otherwise the body ended inside it. */
  isTerminated = true;
  /** The event is one data line and a blank one, ended by LF, from the end of the event before it to `end`. */
  isPlain = false;

  readonly #body: Buffer;
  readonly #hasCarriageReturns: boolean;
  /** Offset pairs of the event's second and further data lines. */
  #moreLines: number[] = [];
  #hasData = false;
  #position: number;

  constructor(body: Uint8Array) {
    this.#body = Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    this.text = this.#body.toString("latin1");
    this.#hasCarriageReturns = this.text.includes("\r");
    this.#position = this.text.startsWith(byteOrderMark) ? byteOrderMark.length : 0;
  }

  /** Steps to the next event; false: there is none. */
  next(): boolean {
    this.#reset();
    return this.#nextPlain() || this.#nextGeneral();
  }

  /** As `next`, over a plain event that begins where the last one, a plain one too, ended: the caller knows that it ends at `end`. */
  pass(end: number): void {
    this.end = end;
    this.#position = end;
  }

  /** The event's data, decoded. */
  data(): string {
    let data = this.#body.toString("utf8", this.dataStart, this.dataEnd);
    for (let index = 0; index < this.#moreLines.length; index += 2) {
      data += `\n${this.#body.toString("utf8", this.#moreLines[index], this.#moreLines[index + 1])}`;
    }
    return data;
  }

  get #isEvent(): boolean {
    return this.#hasData || this.eventType !== "";
  }

  #reset(): void {
    this.dataStart = 0;
    this.dataEnd = 0;
    this.isSingleLine = true;
    this.eventType = "";
    this.comment = "";
    this.isTerminated = true;
    this.isPlain = false;
    this.#hasData = false;
    if (this.#moreLines.length > 0) this.#moreLines = [];
  }

  /** The shape of nearly every event: one data line, LF, LF. Anything else is left to `#nextGeneral`. */
  #nextPlain(): boolean {
    const start = this.#position;
    if (this.#hasCarriageReturns || !this.text.startsWith("data:", start)) return false;
    const lineEnd = this.text.indexOf("\n", start);
    if (lineEnd < 0 || this.text.charCodeAt(lineEnd + 1) !== lf) return false;
    this.dataStart = this.#afterSpace(start + 5, lineEnd);
    this.dataEnd = lineEnd;
    this.end = lineEnd + 2;
    this.isPlain = true;
    this.#position = this.end;
    return true;
  }

  #nextGeneral(): boolean {
    const { text } = this;
    while (this.#position < text.length) {
      const start = this.#position;
      const lineEnd = this.#lineEnd(start);
      this.end = Math.min(lineEnd + 1, text.length);
      // The LF of a CRLF belongs to the line that its CR has already ended.
      const isCrLf = text.charCodeAt(lineEnd) === cr && text.charCodeAt(lineEnd + 1) === lf;
      this.#position = lineEnd + (isCrLf ? 2 : 1);
      if (lineEnd > start) this.#takeLine(start, lineEnd);
      else if (this.#isEvent) return true;
      else this.comment = "";
    }
    this.isTerminated = false;
    return this.#isEvent;
  }

  #lineEnd(start: number): number {
    if (!this.#hasCarriageReturns) {
      const at = this.text.indexOf("\n", start);
      return at < 0 ? this.text.length : at;
    }
    for (let at = start; at < this.text.length; at++) {
      const code = this.text.charCodeAt(at);
      if (code === lf || code === cr) return at;
    }
    return this.text.length;
  }

  #takeLine(start: number, end: number): void {
    const colon = this.text.slice(start, end).indexOf(":");
    const nameEnd = colon < 0 ? end : start + colon;
    const valueStart = colon < 0 ? end : this.#afterSpace(nameEnd + 1, end);
    switch (this.text.slice(start, nameEnd)) {
      case "":
        this.comment += `${this.comment === "" ? "" : "\n"}${this.#body.toString("utf8", valueStart, end)}`;
        return;
      case "data":
        this.#takeData(valueStart, end);
        return;
      case "event":
        this.eventType = this.#body.toString("utf8", valueStart, end);
        return;
      case "error":
        // llama.cpp's server has written its errors so.
        this.eventType = "error";
        this.#takeData(valueStart, end);
        return;
      default:
        // `id` and `retry` concern reconnecting; unknown fields are ignored by the standard.
        return;
    }
  }

  #takeData(start: number, end: number): void {
    if (this.#hasData) {
      this.isSingleLine = false;
      this.#moreLines.push(start, end);
      return;
    }
    this.dataStart = start;
    this.dataEnd = end;
    this.#hasData = true;
  }

  /** Exactly one space behind the colon is not part of the value. */
  #afterSpace(start: number, end: number): number {
    return start < end && this.text.charCodeAt(start) === 32 ? start + 1 : start;
  }
}
