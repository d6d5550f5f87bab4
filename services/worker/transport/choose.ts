/** Which transport reaches which target. */
import { TransportKind } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { AssayError } from "../../common/errors.ts";
import { createHttp1Transport } from "./http1.ts";
import type { ConnectionWatcher, TargetOptions, Transport } from "./transport.ts";

/** Of one target. */
export type Choice = "http1" | "undici" | "http2" | "grpc";

/**
 * @throws `invalid_argument` for http1 towards a target that needs TLS or through a proxy, for a proxy towards a Unix socket, and for any
 * transport of HTTP towards a target of gRPC
 */
export function choiceOf({ origin, socketPath, proxy }: TargetOptions, asked: TransportKind): Choice {
  if (proxy !== undefined && socketPath !== undefined) {
    throw new AssayError("invalid_argument", `target.proxy_url: a proxy leads to no Unix socket, and ${socketPath} is one`);
  }
  if (origin.startsWith("grpc")) {
    if (asked === TransportKind.AUTO || asked === TransportKind.UNSPECIFIED) return "grpc";
    throw new AssayError("invalid_argument", `target.transport: ${origin} is reached by gRPC alone; use auto`);
  }
  switch (asked) {
    case TransportKind.HTTP1:
      if (proxy !== undefined) {
        throw new AssayError(
          "invalid_argument",
          `target.transport: http1 goes through no proxy, and ${proxy.shown} is asked for`,
        );
      }
      if (!origin.startsWith("https:")) return "http1";
      throw new AssayError("invalid_argument", `target.transport: http1 speaks no TLS, and ${origin} needs it`);
    case TransportKind.UNDICI:
      return "undici";
    case TransportKind.HTTP2:
      return "http2";
    case TransportKind.AUTO:
    case TransportKind.UNSPECIFIED:
      return origin.startsWith("https:") || proxy !== undefined ? "undici" : "http1";
  }
}

/** One transport for all targets of a run. What it does not need is not loaded. */
export async function createTransport(
  targets: readonly TargetOptions[],
  asked: TransportKind,
  watcher?: ConnectionWatcher,
): Promise<Transport> {
  const choices = targets.map((target) => choiceOf(target, asked));
  if (choices.includes("grpc")) {
    if (choices.every((choice) => choice === "grpc")) return (await import("./grpc.ts")).createGrpcTransport(targets, watcher);
    throw new AssayError("invalid_argument", "target.urls: either all of them are of gRPC or none is");
  }
  if (choices.includes("http2")) return (await import("./http2.ts")).createHttp2Transport(targets, watcher);
  if (!choices.includes("undici")) return createHttp1Transport(targets, watcher);
  const { createUndiciTransport } = await import("./undici.ts");
  const undici = createUndiciTransport(targets, watcher);
  return choices.includes("http1") ? byTarget(choices, { http1: createHttp1Transport(targets, watcher), undici }) : undici;
}

/** Each target by its own. */
function byTarget(choices: readonly Choice[], transports: { readonly http1: Transport; readonly undici: Transport }): Transport {
  const of = (target: number): Transport => transports[choices[target] === "undici" ? "undici" : "http1"];
  const all = Object.values(transports);
  return {
    send: (request, handler) => of(request.target).send(request, handler),
    open: (target, count, signal) => of(target).open(target, count, signal),
    endSession(session) {
      for (const transport of all) transport.endSession(session);
    },
    spareConnections: () => all.reduce((sum, transport) => sum + transport.spareConnections(), 0),
    stats: () =>
      all
        .map((transport) => transport.stats())
        .reduce((sum, { connections, opened, replaced }) => ({
          connections: sum.connections + connections,
          opened: sum.opened + opened,
          replaced: sum.replaced + replaced,
        })),
    close: async () => {
      await Promise.all(all.map((transport) => transport.close()));
    },
  };
}
