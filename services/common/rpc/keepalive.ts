/** Pings of a server's connections, which notice peers that are gone without a word. */
import type { ServerHttp2Session } from "node:http2";

export interface Keepalive {
  /** A connection is pinged this long after the last answer. */
  readonly timeMs: number;
  /** It is closed, and its calls end, where nothing has come for this long after a ping: no answer, and nothing else. */
  readonly timeoutMs: number;
}

/** Times that it is looked whether something has come. */
const looks = 4;

/**
 * Looks after a connection until it is closed. A process that stood still for as long as the patience lasts counts that as one look of several: what
 * has come meanwhile lies unread in its socket, and grpc-js, which has one timer, takes a peer for gone whose answer it has not read.
 */
export function keepAlive(session: ServerHttp2Session, { timeMs, timeoutMs }: Keepalive): void {
  let timer: NodeJS.Timeout | undefined;
  const after = (ms: number, act: () => void): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (!session.destroyed) act();
    }, ms).unref();
  };
  const ping = (): void => {
    let heardBytes = session.socket.bytesRead;
    let silentLooks = 0;
    const look = (): void => {
      const { bytesRead } = session.socket;
      silentLooks = bytesRead === heardBytes ? silentLooks + 1 : 0;
      heardBytes = bytesRead;
      if (silentLooks < looks) after(timeoutMs / looks, look);
      else session.destroy();
    };
    after(timeoutMs / looks, look);
    session.ping((error) => {
      if (error === null) after(timeMs, ping);
    });
  };
  session.once("close", () => clearTimeout(timer));
  after(timeMs, ping);
}
