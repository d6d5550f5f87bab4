/** How processes that stay up are started, so that they hold what they need and little more. */

/** Node's own bound lets a young generation grow to 134 MB where a burst of objects outlives a collection or two, and it is not given back. */
export const leanFlags: readonly string[] = ["--max-semi-space-size=8"];

/** glibc has up to eight heaps a core, with blocks of up to 32 MiB in them once one of that size was freed: holes in the end. Other C libraries do not look at these. */
export const leanVariables: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: "2", MALLOC_MMAP_THRESHOLD_: "262144" };
