/** The percentiles that every distribution is told with. */
export const PERCENTILES = [1, 5, 10, 25, 50, 75, 90, 95, 99] as const;
