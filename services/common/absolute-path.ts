/** Whether a path stands by itself, on any system: `/x` or `C:\x`. Pure, unlike `node:path`. */
export function isAbsolutePath(path: string): boolean {
  return /^(\/|[A-Za-z]:[\\/])/.test(path);
}
