/** A process that is 32 exporters, each on a port of its own, for `bench/telemetry.ts`. Its address is their URLs, with blanks between. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dcgmPage, exporterCount } from "./dcgm-pages.ts";
import { serveParent } from "./side.ts";

let pages = 0;
const servers = Array.from({ length: exporterCount }, (_, exporter) => {
  const own = [dcgmPage(exporter, 0), dcgmPage(exporter, 1)];
  let call = 0;
  return createServer((_request, response) => {
    pages++;
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(own[call++ % 2]);
  });
});
await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))));
const urls = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`);
serveParent(
  urls.join(" "),
  () => pages,
  () => {},
);
