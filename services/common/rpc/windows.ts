/**
 * HTTP/2 receive windows of a grpc-js server. Node's default of 64 KiB is filled by one batch of records, and every refill waits
 * for a turn of a busy event loop. grpc-js' `grpc-node.flow_control_window` acts on clients only; its server has no such option.
 */
import http2, { type ServerHttp2Session } from "node:http2";
import { type Server, ServerCredentials } from "@grpc/grpc-js";

/** Takes accepted sockets; from `Server.createConnectionInjector`. */
export type ConnectionInjector = ReturnType<Server["createConnectionInjector"]>;

/**
 * An injector whose sessions have receive windows of `windowBytes`, per stream and per connection. Credentials are insecure since
 * TLS has ended before: grpc-js reads the certificate from the socket itself. `onSession` is told of each.
 */
export function createWideInjector(
  server: Server,
  windowBytes: number,
  onSession: (session: ServerHttp2Session) => void,
): ConnectionInjector {
  const createServer = http2.createServer;
  // grpc-js makes its HTTP/2 server inside this one synchronous call and offers no other way to its settings.
  http2.createServer = ((options: http2.ServerOptions) => {
    const settings = { ...options.settings, initialWindowSize: windowBytes };
    const wide = createServer({ ...options, settings });
    wide.on("session", (session) => {
      session.setLocalWindowSize(windowBytes);
      onSession(session);
    });
    return wide;
  }) as typeof http2.createServer;
  try {
    return server.createConnectionInjector(ServerCredentials.createInsecure());
  } finally {
    http2.createServer = createServer;
  }
}
