// Whether an image belongs to any class at all, as src/softreg/model/out_of_distribution.py tells it.

/** @import { Detector } from "./types.d.ts" */

/**
 * Above zero an image is out of distribution.
 * @param {Detector} detector
 * @param {Float32Array | Float64Array} x features
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
  let square = 0; // of the Mahalanobis distance from the predicted class
  for (let k = 0; k < size; k++) {
    let sum = 0;
    for (let i = 0; i < size; i++) sum += off[i] * cholesky[(c * size + i) * size + k];
    square += sum * sum;
  }
  const [first, second] = [...logits].sort((a, b) => b - a);
  const energy = first + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - first), 0));
  let score = bias[0];
  for (let k = 0; k < size; k++) score += weight[k] * y[k] + weight[size + k] * y[k] * y[k];
  const rest = [Math.sqrt(square), square, first, second, energy];
  return score + rest.reduce((sum, value, i) => sum + value * weight[2 * size + i], 0);
}
