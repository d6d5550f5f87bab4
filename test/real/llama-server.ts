/** llama.cpp's own server with a small model, as `llama/start.sh` runs it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const script = join(import.meta.dirname, "llama/start.sh");
const readyWithinMs = 60_000;
const pollMs = 100;

export const model = "smollm2-135m-instruct";

/** What the server has counted since its start. */
export interface Counted {
  readonly promptTokens: number;
  /** Of the prompts' tokens, those that were in its cache. */
  readonly cachedTokens: number;
  readonly outputTokens: number;
}

export interface LlamaServer {
  readonly port: number;
  readonly url: string;
  counted(): Promise<Counted>;
  stop(): Promise<void>;
}

/** Resolves when it answers. Rejects with what it wrote when it ends before, or does not answer in time. */
export async function startLlama(): Promise<LlamaServer> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(script, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, LLAMA_PORT: String(port) } });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  const exit = once(child, "exit");
  const deadlineMs = performance.now() + readyWithinMs;
  while (!(await answers(url))) {
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      child.kill("SIGKILL");
      throw new Error(`llama.cpp's server did not start; has test/real/prepare run?\n${output}`);
    }
    await delay(pollMs);
  }
  return {
    port,
    url,
    counted: () => countedBy(url),
    async stop() {
      child.kill("SIGTERM");
      await exit;
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
  return response?.ok === true;
}

async function countedBy(url: string): Promise<Counted> {
  const page = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string): number => Number(new RegExp(`^llamacpp:${name} (\\S+)$`, "m").exec(page)?.[1]);
  const cachedTokens = value("prompt_tokens_cached_total");
  return {
    // Its counter of prompt tokens is of those that it had to work on.
    promptTokens: value("prompt_tokens_total") + cachedTokens,
    cachedTokens,
    outputTokens: value("tokens_predicted_total"),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
