/** An exporter of GPUs that answers by a script: pages, and whatever else comes out of a port that was one. */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** A page, or what is done to the connection instead. */
export type Answer = string | ((response: ServerResponse, exporter: OddExporter) => void);

/** What an exporter says to the n-th who asks after the first one since the load began; 0: to that and all before. */
export type Script = (asked: number) => Answer;

const endlessBytes = 1e9;
const pieceBytes = 65_536;

export class OddExporter {
  readonly #server: Server;
  #port = 0;
  #isClosed = false;
  #sinceLoad = 0;
  /** Of each endless answer so many bytes went out. */
  readonly endless: number[] = [];

  private constructor(script: Script, isUnderLoad: () => boolean) {
    this.#server = createServer((_, response) => {
      if (isUnderLoad()) this.#sinceLoad++;
      const answer = script(this.asked);
      if (typeof answer === "string") response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(answer);
      else answer(response, this);
    });
  }

  static async start(script: Script, isUnderLoad: () => boolean): Promise<OddExporter> {
    const exporter = new OddExporter(script, isUnderLoad);
    await exporter.#listen();
    return exporter;
  }

  /** As its script has it. */
  get asked(): number {
    return Math.max(0, this.#sinceLoad - 1);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/metrics`;
  }

  /** Nobody listens for so long, and open connections break. */
  async die(ms: number): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
    await delay(ms);
    if (!this.#isClosed) await this.#listen();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject).listen(this.#port, "127.0.0.1", () => {
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve();
      });
    });
  }
}

/** Never answers. */
export const hang: Answer = () => {};

/** Half of a page, and the connection is cut. */
export function half(page: string): Answer {
  return (response) => {
    response.writeHead(200, { "content-type": "text/plain", "content-length": page.length });
    response.write(page.slice(0, page.length / 2), () => response.destroy());
  };
}

export const html: Answer = (response) => {
  response.writeHead(200, { "content-type": "text/html" }).end("<!DOCTYPE html><html><body>Sign in</body></html>");
};

/** 1 GB of a page, as fast as it is taken. */
export const endless: Answer = (response, { endless: sent }) => {
  const place = sent.push(0) - 1;
  const line = 'DCGM_FI_DEV_GPU_UTIL{UUID="GPU-endless"} 1\n';
  const piece = line.repeat(Math.ceil(pieceBytes / line.length));
  const write = (): void => {
    while ((sent[place] ?? 0) < endlessBytes && !response.destroyed) {
      sent[place] = (sent[place] ?? 0) + piece.length;
      if (!response.write(piece)) {
        response.once("drain", write);
        return;
      }
    }
    response.end();
  };
  response.writeHead(200, { "content-type": "text/plain" });
  write();
};

export interface PrintedGpu {
  readonly uuid: string;
  readonly powerW: number;
  readonly energyJ: number;
}

/** As dcgm-exporter prints it. @param wallMs printed behind each value */
export function gpuPage(gpus: readonly PrintedGpu[], wallMs?: number): string {
  const time = wallMs === undefined ? "" : ` ${wallMs}`;
  const field = (name: string, type: string, value: (gpu: PrintedGpu) => number): string => {
    const lines = gpus.map((gpu, at) => `${name}{gpu="${at}",UUID="${gpu.uuid}",Hostname="odd"} ${value(gpu)}${time}\n`);
    return `# HELP ${name} Of a GPU.\n# TYPE ${name} ${type}\n${lines.join("")}`;
  };
  return (
    field("DCGM_FI_DEV_POWER_USAGE", "gauge", ({ powerW }) => powerW) +
    field("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "counter", ({ energyJ }) => 1000 * energyJ)
  );
}
