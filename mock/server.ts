/**
 * The built-in inference server: OpenAI-style APIs of text on bare sockets, fast enough never to be the limit of a
 * benchmark, whose chunks can carry the server's own send stamps.
 */
import type { Route } from "./http/connection.ts";
import { Listener } from "./http/listener.ts";
import { WallSeconds } from "./http/wall-seconds.ts";
import { type MockOptions, withDefaults } from "./options.ts";
import { Site, type SiteStats } from "./site.ts";
import { readTls } from "./tls.ts";

export interface MockStats extends SiteStats {
  readonly openConnections: number;
}

export interface Mock {
  /** `http://host:port`, or `https://…`, without a trailing slash. */
  readonly url: string;
  readonly port: number;
  /** Where the DCGM page is: on its own port if one was asked for. */
  readonly dcgmUrl: string;
  /** `host:port` of the gRPC service; null: none was asked for. */
  readonly grpcAddress: string | null;
  /** Where the page of what is served over gRPC is: on its own port if one was asked for. */
  readonly tritonMetricsUrl: string;
  stats(): MockStats;
  /** Closes the ports and cuts every connection; open answers count as aborted. Resolves once all are closed. */
  stop(): Promise<void>;
}

interface OpenPort {
  /** Connections that are open. */
  readonly size: number;
  /** Closes the port and cuts the connections; resolves when all are closed. */
  stop(): Promise<void>;
}

const limitOfHeadBytes = 64 * 1024;

/**
 * Starts a server. Throws `invalid_argument` for options that are not allowed and for files of TLS that are none, or the system's error of
 * listening.
 */
export async function createMock(given: Partial<MockOptions> = {}): Promise<Mock> {
  const options = withDefaults(given);
  const tls = await readTls(options);
  const wall = new WallSeconds();
  const listeners: OpenPort[] = [];
  const openConnections = () => listeners.reduce((sum, { size }) => sum + size, 0);
  const site = new Site(options, wall, openConnections);
  const listen = (port: number, route: Route): Promise<number> => {
    const listener = new Listener({
      route,
      faultBody: (status, message) => site.faultBody(status, message),
      limits: { headBytes: limitOfHeadBytes, bodyBytes: options.maxBodyBytes },
      date: () => wall.date(),
      tls,
    });
    listeners.push(listener);
    return listener.listen(port, options.host);
  };
  const listenToGrpc = async (port: number): Promise<number> => {
    // Loaded where it is asked for: most servers speak HTTP alone, and start the sooner.
    const { createGrpcListener } = await import("./grpc/create-listener.ts");
    const listener = createGrpcListener(options, site, tls);
    listeners.push(listener);
    return listener.listen(port, options.host);
  };
  const stop = async (): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener.stop()));
    site.stop();
  };
  const urlOf = (port: number) => `${tls === undefined ? "http" : "https"}://${hostPort(options.host, port)}`;
  try {
    const port = await listen(options.port, site.route);
    const url = urlOf(port);
    /** On a port of its own, or below another path of the main one. */
    const pageOf = async (own: number | null, route: Route, path: string): Promise<string> =>
      own === null ? `${url}${path}` : `${urlOf(await listen(own, route))}/metrics`;
    const dcgmUrl = await pageOf(options.dcgmPort, site.routeDcgm, "/dcgm/metrics");
    const tritonMetricsUrl = await pageOf(options.tritonMetricsPort, site.routeTriton, "/triton/metrics");
    const grpcAddress = options.grpcPort === null ? null : hostPort(options.host, await listenToGrpc(options.grpcPort));
    const stats = () => ({ ...site.stats(), openConnections: openConnections() });
    return { url, port, dcgmUrl, grpcAddress, tritonMetricsUrl, stats, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function hostPort(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
