import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

export interface PageServer {
  /** Of the page. */
  readonly url: string;
  /** Ends open connections too. */
  close(): Promise<void>;
}

/** A server on a free loopback port that answers every request with `listener`. */
export async function servePages(listener: RequestListener): Promise<PageServer> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
