/** How processes that stay up are started, so that they hold what they need and little more, and leave the cores to those who measure. */

/**
 * Node's own bound lets a young generation grow to 134 MB where a burst of objects outlives a collection or two, and it is not given back. One thread
 * compiles and collects beside the main one: with the usual four, a process that has become hot takes every core from the workers.
 */
export const leanFlags: readonly string[] = ["--max-semi-space-size=8", "--v8-pool-size=1"];

/** glibc has up to eight heaps a core, with blocks of up to 32 MiB in them once one of that size was freed: holes in the end. Other C libraries do not look at these. */
export const leanVariables: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: "2", MALLOC_MMAP_THRESHOLD_: "262144" };
