import type { AddressInfo, Server } from "node:net";

const backlog = 4096;

/** Has a server listen. Resolves with the port; rejects with the system's error. */
export function listenOn(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host, backlog }, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
