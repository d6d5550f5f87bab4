/** Where the requests of a run go: base URLs as people write them, and paths below them. */

/**
 * A base URL, `http://` assumed where there is no scheme. A server on a Unix socket is `unix:/run/server.sock`, or, with a base path
 * behind it, `http+unix://%2Frun%2Fserver.sock/base`, which both become. A server of gRPC is `grpc://HOST:PORT`, in TLS `grpcs://HOST:PORT`,
 * Triton's port where there is none. Undefined for anything else.
 */
export function parseBaseUrl(text: string): URL | undefined {
  const socket = /^unix:(?:\/\/)?(\/.+)$/.exec(text)?.[1];
  const whole =
    socket !== undefined ? `${unixScheme}//${encodeURIComponent(socket)}` : text.includes("://") ? text : `http://${text}`;
  const url = URL.parse(whole);
  if (url === null) return undefined;
  if (url.protocol === unixScheme) return socketPathOf(url)?.startsWith("/") === true ? url : undefined;
  if (isGrpcUrl(url)) {
    if (url.hostname === "") return undefined;
    if (url.port === "") url.port = tritonPort;
    return url;
  }
  return url.protocol === "http:" || url.protocol === "https:" ? url : undefined;
}

const tritonPort = "8001";

/** Whether requests to this base URL go as calls of gRPC. */
export function isGrpcUrl({ protocol }: Pick<URL, "protocol">): boolean {
  return protocol === "grpc:" || protocol === "grpcs:";
}

/** Whether what is behind this base URL is reached in TLS. */
export function isTlsUrl({ protocol }: Pick<URL, "protocol">): boolean {
  return protocol === "https:" || protocol === "grpcs:";
}

/** The port, the scheme's own where none is said. */
export function portOf(url: URL): number {
  if (url.port !== "") return Number(url.port);
  return isTlsUrl(url) ? 443 : 80;
}

const unixScheme = "http+unix:";

/** The path of the Unix socket that a base URL names; undefined: it names a host. */
export function socketPathOf(url: URL): string | undefined {
  if (url.protocol !== unixScheme) return undefined;
  try {
    return decodeURIComponent(url.hostname);
  } catch {
    // A per cent sign that begins no escape: no path.
    return undefined;
  }
}

/** Scheme and host, of every base URL. */
export function originOf(url: URL): string {
  return url.protocol === unixScheme || isGrpcUrl(url) ? `${url.protocol}//${url.host}` : url.origin;
}

/**
 * The path of an endpoint, `/v1/chat/completions`, below a base URL that may have one of its own; what both share is written once, all
 * of it where the base is the whole URL already. The query of the base stands before that of the path.
 * An endpoint without a path has its requests sent to the base URL as it is.
 */
export function pathBelow(base: URL, own: string): string {
  if (own === "") return base.pathname + base.search;
  const mark = own.indexOf("?");
  const [path, query] = mark < 0 ? [own, ""] : [own.slice(0, mark), own.slice(mark + 1)];
  const queries = [base.search.slice(1), query].filter((part) => part !== "");
  return queries.length === 0 ? joined(base.pathname, path) : `${joined(base.pathname, path)}?${queries.join("&")}`;
}

function joined(basePath: string, own: string): string {
  const above = basePath.replace(/\/+$/, "");
  if (above === "" || own.startsWith(`${above}/`)) return own;
  if (above.endsWith(own)) return above;
  const tail = above.slice(above.lastIndexOf("/"));
  return own.startsWith(`${tail}/`) ? above + own.slice(tail.length) : above + own;
}

const modelPlace = "{model}";

/** A path that may have `{model}` in it, for requests of one model. */
export function pathOfModel(path: string, model: string): string {
  return path.includes(modelPlace) ? path.replaceAll(modelPlace, () => encodeURIComponent(model)) : path;
}

/** What stands behind the API's root in the paths of the OpenAI family. */
const openaiTails = ["/chat/completions", "/completions", "/embeddings", "/responses", "/images/generations"];

/**
 * Where a target of the OpenAI family, or Ollama, lists its models, from the path that its requests go to: `/v1/models` beside
 * `/v1/chat/completions`, `/api/tags` beside `/api/chat`. Undefined where the path has no such form.
 */
export function modelsPathBeside(path: string): string | undefined {
  const [plain = ""] = path.split("?", 1);
  const query = path.slice(plain.length);
  const tail = openaiTails.find((candidate) => plain.endsWith(candidate));
  if (tail !== undefined) return `${plain.slice(0, -tail.length)}/models${query}`;
  const ollama = /^(.*\/api)\/(?:chat|generate)$/.exec(plain)?.[1];
  if (ollama !== undefined) return `${ollama}/tags${query}`;
  const root = /^.*\/v1(?=\/)/.exec(plain)?.[0];
  return root === undefined ? undefined : `${root}/models${query}`;
}

/** What queries call a key or a token: `api-key`, `access_token`, `sig`. */
const secretInQuery = /([?&][^=&#\s]*(?:key|token|secret|sig|pass|auth|credential)[^=&#\s]*=)[^&#\s"'\]]*/gi;

/** A URL as people write it, for storing and showing: what its query has of keys and tokens is replaced, all else stays. */
export function maskedUrl(text: string): string {
  return text.replaceAll(secretInQuery, "$1***");
}

/** As messages show it: without a query, which may hold a key. */
export function shownUrl(base: URL, path: string): string {
  return originOf(base) + (path.split("?", 1)[0] ?? "");
}
