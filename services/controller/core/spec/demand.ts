/** Notes a violation of the field unless it is good. */
export type Demand = (isGood: boolean, field: string, description: string) => void;
