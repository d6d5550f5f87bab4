/** The address of a metrics page, as short as AIPerf shows it: `host:port/path`. What is no URL stays as it is. */
export function endpointName(source: string): string {
  const url = URL.parse(source);
  return url === null ? source : url.host + url.pathname.replace(/\/metrics$/, "").replace(/^\/$/, "");
}
