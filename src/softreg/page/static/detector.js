// Whether an image belongs to any class at all, as src/softreg/model/out_of_distribution.py tells it.

/** @import { Detector, GaussianDetector } from "./types.d.ts" */

/**
 * Above zero an image is out of distribution.
 * @param {Detector} detector
 * @param {Float32Array | Float64Array} x its features
 * @param {Float32Array | Float64Array | undefined} z what they are computed from, if that is something else
 * @param {number[]} logits
 */
export function noveltyOf(detector, x, z, logits) {
  const ofFeatures = "direction" in detector ? oddsOf(detector.direction, x) : distancesOf(detector, z ?? x, logits);
  const [first, second] = [...logits].sort((a, b) => b - a);
  const energy = first + Math.log(logits.reduce((sum, value) => sum + Math.exp(value - first), 0));
  const { weight, bias } = detector;
  return [...ofFeatures, first, second, energy].reduce((sum, value, i) => sum + weight[i] * value, bias[0]);
}

/**
 * The log odds of an outlier by one more linear layer, and their square.
 * @param {Float32Array} direction
 * @param {Float32Array | Float64Array} x
 */
function oddsOf(direction, x) {
  let odds = 0;
  for (let j = 0; j < x.length; j++) odds += direction[j] * x[j];
  return [odds, odds * odds];
}

/**
 * The principal components and the distance from the predicted class, each followed by its square.
 * @param {GaussianDetector} detector
 * @param {Float32Array | Float64Array} x
 * @param {number[]} logits
 */
function distancesOf({ axes, centre, mean, precision_cholesky: cholesky }, x, logits) {
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
  const square = away.reduce((sum, value) => sum + value * value, 0);
  return [...y, ...y.map((value) => value * value), Math.sqrt(square), square];
}
