import { createServer, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";

export interface PageServer {
  /** Of the page. */
  readonly url: string;
  /** Ends open connections too. */
  close(): Promise<void>;
}

/** A server on a free loopback port that answers every request with `listener`. `tls`: PEM texts; without them it speaks HTTP. */
export async function servePages(
  listener: RequestListener,
  tls?: { readonly cert: string; readonly key: string },
): Promise<PageServer> {
  const server = tls === undefined ? createServer(listener) : createSecureServer({ cert: tls.cert, key: tls.key }, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http${tls === undefined ? "" : "s"}://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
