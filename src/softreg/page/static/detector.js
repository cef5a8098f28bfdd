// Whether an image belongs to any class at all, as src/softreg/model/out_of_distribution.py tells it.

/** @import { Detector } from "./types.d.ts" */

/**
 * Above zero an image is out of distribution.
 * @param {Detector} detector
 * @param {Float32Array | Float64Array} x what the detector sees of it
 * @param {number[]} logits
 */
export function noveltyOf({ axes, centre, mean, precision_cholesky: cholesky, weight, bias }, x, logits) {
  const size = centre.length;
  const y = Float64Array.from(centre, (value) => -value); // the principal components
  for (let j = 0; j < x.length; j++) {
    const xj = x[j];
    const row = j * size;
    for (let k = 0; k < size; k++) y[k] += xj * axes[row + k];
  }
  const c = logits.indexOf(Math.max(...logits));
  const off = y.map((value, k) => value - mean[c * size + k]);
  const away = new Float64Array(size); // L^T off, of the lower triangle L
  for (let i = 0, at = (c * size * (size + 1)) / 2; i < size; i++)
    for (let k = 0; k <= i; k++) away[k] += off[i] * cholesky[at++];
  const square = away.reduce((sum, value) => sum + value * value, 0); // of the distance from the predicted class
  const [first, second] = [...logits].sort((a, b) => b - a);
  const energy = first + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - first), 0));
  let score = bias[0];
  for (let k = 0; k < size; k++) score += weight[k] * y[k] + weight[size + k] * y[k] * y[k];
  const rest = [Math.sqrt(square), square, first, second, energy];
  return score + rest.reduce((sum, value, i) => sum + value * weight[2 * size + i], 0);
}
