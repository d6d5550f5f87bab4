/** A process with few file descriptors: sends many requests at once and writes how each ended, as JSON. */
import { send, transportTo } from "./exchanges.ts";

const transport = transportTo(process.argv[2] ?? "");
const seen = await Promise.all(Array.from({ length: Number(process.argv[3]) }, () => send(transport)));
await transport.close();
process.stdout.write(JSON.stringify(seen.map(({ error, status }) => error?.code ?? status)));
