/**
 * The built-in inference server: an OpenAI-style chat API on bare sockets, fast enough never to be the limit of a
 * benchmark, whose chunks can carry the server's own send stamps.
 */
import { createServer, type Server, type Socket } from "node:net";
import { monotonicNs } from "../services/common/clock.ts";
import { type AnswerStats, Answers } from "./answers.ts";
import { asciiJson, errorBody, isRefusal, modelsBody, type Refusal, readChatRequest, refusal } from "./chat.ts";
import { Connection, type Route } from "./connection.ts";
import { DcgmModel } from "./dcgm.ts";
import { type MockOptions, withDefaults } from "./options.ts";

export interface MockStats extends Readonly<AnswerStats> {
  /** Requests answered with a status of 400 or above. */
  readonly refused: number;
  readonly openConnections: number;
}

export interface Mock {
  /** `http://host:port`, without a trailing slash. */
  readonly url: string;
  readonly port: number;
  /** Where the DCGM page is: on its own port if one was asked for. */
  readonly dcgmUrl: string;
  stats(): MockStats;
  /** Closes the ports and cuts every connection; open answers count as aborted. Resolves once all are closed. */
  stop(): Promise<void>;
}

const limitOfHeadBytes = 64 * 1024;
const backlog = 4096;
const json = "application/json";
const prometheusText = "text/plain; version=0.0.4; charset=utf-8";

/** Starts a server. Throws `invalid_argument` for options that are not allowed, or the system's error of listening. */
export async function createMock(given: Partial<MockOptions> = {}): Promise<Mock> {
  const options = withDefaults(given);
  const site = new Site(options);
  const main = new Listener(options, site, (request, connection) => site.route(request, connection));
  const port = await main.listen(options.port);
  const url = urlOf(options.host, port);
  if (options.dcgmPort === null) {
    return { url, port, dcgmUrl: `${url}/dcgm/metrics`, stats: () => site.stats(main.size), stop: () => main.stop() };
  }
  const dcgm = new Listener(options, site, (request, connection) => site.routeDcgm(request, connection));
  let dcgmPort: number;
  try {
    dcgmPort = await dcgm.listen(options.dcgmPort);
  } catch (error) {
    await main.stop();
    throw error;
  }
  return {
    url,
    port,
    dcgmUrl: `${urlOf(options.host, dcgmPort)}/metrics`,
    stats: () => site.stats(main.size + dcgm.size),
    async stop() {
      await Promise.all([main.stop(), dcgm.stop()]);
    },
  };
}

/** What is served, whatever the port: routes, answers, GPUs, counts. */
class Site {
  readonly #options: MockOptions;
  readonly #answers: Answers;
  readonly #dcgm: DcgmModel;
  readonly #startSec: number;
  readonly wall = new WallSeconds();
  #refused = 0;
  #openConnections = () => 0;

  constructor(options: MockOptions) {
    this.#options = options;
    this.#startSec = this.wall.sec();
    this.#answers = new Answers({ options, now: monotonicNs, createdSec: () => this.wall.sec() });
    this.#dcgm = new DcgmModel(options.gpus, monotonicNs(), options.dcgmIntervalMs * 1e6);
  }

  readonly route: Route = (request, connection) => {
    switch (request.path) {
      case "/v1/chat/completions": {
        if (request.method !== "POST") return this.#refuseMethod(request.method, "POST", connection);
        const chat = readChatRequest(request.body.toString(), this.#options);
        if (isRefusal(chat)) return this.#refuse(chat, connection);
        // A chunked body is not for HTTP/1.0 (RFC 9112 §6.1).
        if (chat.isStreaming && request.minor === 0) return this.#refuse(refusal(400, "streaming needs HTTP/1.1"), connection);
        return this.#answers.begin(chat, connection);
      }
      case "/v1/models":
        return this.#get(request.method, connection, json, () => modelsBody(this.#options.models, this.#startSec));
      case "/health":
        return this.#get(request.method, connection, json, () => '{"status":"ok"}');
      case "/stats":
        return this.#get(request.method, connection, json, () => this.#statsBody());
      case "/dcgm/metrics":
        return this.#get(request.method, connection, prometheusText, () => this.#dcgmPage());
      default:
        return this.#refuse(refusal(404, `there is nothing at ${request.path}`, null, "not_found"), connection);
    }
  };

  readonly routeDcgm: Route = (request, connection) => {
    if (request.path === "/metrics") return this.#get(request.method, connection, prometheusText, () => this.#dcgmPage());
    return this.#refuse(refusal(404, `there is nothing at ${request.path}`, null, "not_found"), connection);
  };

  faultBody(status: number, message: string): string {
    this.#refused++;
    return errorBody(refusal(status, message));
  }

  stats(openConnections: number): MockStats {
    return { ...this.#answers.stats, refused: this.#refused, openConnections };
  }

  /** Where `/stats` learns how many connections are open. */
  countConnections(count: () => number): void {
    const others = this.#openConnections;
    this.#openConnections = () => others() + count();
  }

  stopAnswers(): void {
    this.#answers.schedule.stop();
  }

  #statsBody(): string {
    const { user, system } = process.cpuUsage();
    const stats = this.stats(this.#openConnections());
    return asciiJson({ ...stats, cpuUserUs: user, cpuSystemUs: system, rssBytes: process.memoryUsage.rss() });
  }

  #dcgmPage(): string {
    const nowNs = monotonicNs();
    const { requests, chunksWritten: chunks } = this.#answers.stats;
    return this.#dcgm.page(nowNs, { busyNs: this.#answers.settle(nowNs), requests, chunks });
  }

  #get(method: string, connection: Connection, type: string, body: () => string): void {
    if (method === "GET") connection.answer(200, type, body());
    else this.#refuseMethod(method, "GET", connection);
  }

  #refuseMethod(method: string, allowed: string, connection: Connection): void {
    this.#refuse(refusal(405, `${method} is not allowed here, ${allowed} is`), connection, `allow: ${allowed}\r\n`);
  }

  #refuse(why: Refusal, connection: Connection, headers = ""): void {
    this.#refused++;
    connection.answer(why.status, json, errorBody(why), headers);
  }
}

/** A port and its connections. */
class Listener {
  readonly #host: string;
  readonly #site: Site;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();

  constructor(options: MockOptions, site: Site, route: Route) {
    this.#host = options.host;
    this.#site = site;
    const deps = {
      route,
      faultBody: (status: number, message: string) => site.faultBody(status, message),
      limits: { headBytes: limitOfHeadBytes, bodyBytes: options.maxBodyBytes },
      date: () => site.wall.date(),
    };
    this.#server = createServer({ noDelay: true }, (socket: Socket) => {
      const connection = new Connection(socket, deps);
      this.#connections.add(connection);
      socket.once("close", () => this.#connections.delete(connection));
    });
    site.countConnections(() => this.size);
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Resolves with the port. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ port, host: this.#host, backlog }, () => {
        this.#server.off("error", reject);
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.destroy();
    await closed;
    this.#site.stopAnswers();
  }
}

/** Wall time to the second, for labels; the text of a second is made once. */
class WallSeconds {
  #sec = -1;
  #date = "";

  sec(): number {
    const sec = Math.floor(Date.now() / 1000);
    if (sec !== this.#sec) {
      this.#sec = sec;
      this.#date = new Date(sec * 1000).toUTCString();
    }
    return sec;
  }

  date(): string {
    this.sec();
    return this.#date;
  }
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
