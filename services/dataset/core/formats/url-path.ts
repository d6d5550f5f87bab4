/** Whether a URL that a file names is that of an API. Pure. */

/**
 * @param url absolute, or a path alone
 * @param path of the run's requests: `/v1/chat/completions`
 */
export function isPathOf(url: string, path: string): boolean {
  const own = pathOf(url);
  return own === path || own.endsWith(path.startsWith("/") ? path : `/${path}`);
}

/** Without query; of what is no URL all of it. */
export function pathOf(url: string): string {
  const [, path = ""] = /^(?:[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]*)?([^?#]*)/.exec(url) ?? [];
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}
