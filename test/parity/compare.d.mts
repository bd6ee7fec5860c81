export function lossDifference(losses: readonly number[], reference: readonly number[]): number;
export function maxNorm(values: Float32Array): number;
export function gradientUnit(own: number, greatest: number): number;
