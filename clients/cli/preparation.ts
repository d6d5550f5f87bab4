/** How something that takes a while gets on before a run: preparing its dataset, measuring it. Pure but for what it writes. */
import { type PreparationProgress, PreparationStep } from "../../gen/assay/dataset/v1/dataset_pb.js";
import { clip, whole } from "../../report/text.ts";
import type { ProgressOptions } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

/** Elsewhere than on a terminal: between two lines. What takes less is not told of there. */
const lineIntervalMs = 5000;

/** One line drawn again and again on a terminal, elsewhere a line every 5 s; with the seconds since it was made. */
export class StepLine {
  readonly #options: ProgressOptions;
  readonly #sinceMs: number;
  #writtenMs: number;
  #isDrawn = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#sinceMs = options.now();
    this.#writtenMs = this.#sinceMs;
  }

  /** Says what is done at the moment. */
  update(text: string): void {
    const { write, isTty, width, now } = this.#options;
    const atMs = now();
    const line = `${text}, ${Math.floor((atMs - this.#sinceMs) / 1000)} s`;
    if (isTty) {
      write(`\r\x1b[2K${clip(line, width() - 1)}`);
      this.#isDrawn = true;
    } else if (atMs - this.#writtenMs >= lineIntervalMs) {
      write(`${line}\n`);
      this.#writtenMs = atMs;
    }
  }

  /** Takes the drawn line away, so that something else can be written. */
  clear(): void {
    if (this.#isDrawn) this.#options.write("\r\x1b[2K");
    this.#isDrawn = false;
  }
}

/** On standard error. */
export function stepLineOn(terminal: Terminal): StepLine {
  return new StepLine({
    write: (text) => terminal.err(text),
    isTty: terminal.isErrTty,
    width: () => terminal.errWidth,
    now: () => performance.now(),
  });
}

/** Draws how far a dataset is, until the signal aborts; then the line is whoever's drew it. A suite that does not say is waited for without. */
export async function showPreparation(
  steps: AsyncIterable<PreparationProgress>,
  line: StepLine,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const progress of steps) {
      if (signal.aborted) return;
      line.update(preparationText(progress));
    }
  } catch {
    line.clear();
  }
}

/** `preparing the dataset: 412,000 rows, 38 %`. */
export function preparationText({ step, rows, doneBytes, totalBytes }: PreparationProgress): string {
  const share = totalBytes === 0n ? "" : `, ${Math.min(100, Math.floor((100 * Number(doneBytes)) / Number(totalBytes)))} %`;
  switch (step) {
    case PreparationStep.DOWNLOAD: {
      const done = (Number(doneBytes) / 2 ** 20).toFixed(1);
      const all = totalBytes === 0n ? "" : ` of ${(Number(totalBytes) / 2 ** 20).toFixed(1)}`;
      return `downloading the dataset: ${done}${all} MiB${share}`;
    }
    case PreparationStep.CHECK:
      return `preparing the dataset: looking whether it was prepared before${share}`;
    case PreparationStep.TOKENIZER:
      return "preparing the dataset: loading the tokenizer";
    case PreparationStep.MEDIA:
      return `preparing the dataset: media of ${whole(rows)} turns`;
    case PreparationStep.READ:
    case PreparationStep.UNSPECIFIED:
      return `preparing the dataset: ${whole(rows)} rows${share}`;
  }
}
