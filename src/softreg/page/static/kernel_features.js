// The feature map kernel as src/softreg/features/kernel.py computes it, but for its rotation: x = GAIN (k - m), so that
// the weights of a model are its dual coefficients, divided by GAIN. Its logits are the same.

/** @import { Buffers } from "./types.d.ts" */

import { SIZE } from "./image_format.js";
import { views, within } from "./pooled_features.js";

const GAIN = 10; // so that |x| is about as large as in the other maps, as learning from drawings supposes
const TINY = 1e-30;

/**
 * z = U^T v (A,), what `views` sees on its principal axes.
 * @param {Float32Array | Float64Array} v
 * @param {Buffers} buffers
 */
function projected(v, { axes, axis_scale: scale }) {
  const z = new Float64Array(scale.length);
  for (let j = 0; j < v.length; j++) {
    const [value, row] = [v[j], j * z.length];
    if (value) for (let a = 0; a < z.length; a++) z[a] += value * axes[row + a];
  }
  return z.map((value, a) => value * scale[a]);
}

/**
 * The product of a row of a matrix with a vector whose length is a multiple of four, in four sums that need not wait
 * for each other.
 * @param {Float32Array} matrix
 * @param {number} start of the row
 * @param {Float64Array} vector
 */
function rowTimes(matrix, start, vector) {
  let [p, q, r, s] = [0, 0, 0, 0];
  for (let a = 0, at = start; a < vector.length; a += 4, at += 4) {
    p += matrix[at] * vector[a];
    q += matrix[at + 1] * vector[a + 1];
    r += matrix[at + 2] * vector[a + 2];
    s += matrix[at + 3] * vector[a + 3];
  }
  return p + q + r + s;
}

/**
 * |z - z_j|^2 - |z_j|^2 = |z|^2 - 2 z . z_j of each landmark z_j.
 * @param {Float64Array} z
 * @param {Buffers} buffers
 */
function changesOfDistance(z, { landmarks, landmark_scale: scale }) {
  const doubled = z.map((value, a) => 2 * value * scale[a]);
  const square = z.reduce((sum, value) => sum + value * value, 0);
  const changes = new Float64Array(landmarks.length / z.length);
  for (let j = 0; j < changes.length; j++) changes[j] = square - rowTimes(landmarks, j * z.length, doubled);
  return changes;
}

/**
 * @param {Float64Array} changes of the squared distances
 * @param {Buffers} buffers
 */
const featuresAt = (changes, { gamma, kernel_at_zero: atZero, kernel_mean: mean }) =>
  changes.map((change, j) => GAIN * (atZero[j] * Math.exp(-gamma[0] * change) - mean[j]));

/**
 * By how much each feature differs from that of z = 0, for each unit of squared distance.
 * @param {Float64Array} changes of the squared distances
 * @param {Buffers} buffers
 */
const slopesAt = (changes, { gamma: [gamma], kernel_at_zero: atZero }) =>
  changes.map((change, j) => {
    const slope = Math.abs(change) > TINY ? Math.expm1(-gamma * change) / change : -gamma;
    return GAIN * atZero[j] * slope;
  });

/**
 * a (A,), where a . z is the evidence of z without that of z = 0.
 * @param {Float32Array} weight
 * @param {Float64Array} z
 * @param {Float64Array} slopes
 * @param {Buffers} buffers
 */
function secant(weight, z, slopes, { landmarks, landmark_scale: scale }) {
  const towards = new Float64Array(z.length);
  let total = 0;
  for (let j = 0, at = 0; j < slopes.length; j++) {
    const part = weight[j] * slopes[j];
    total += part;
    for (let a = 0; a < z.length; a++) towards[a] += part * landmarks[at++];
  }
  return z.map((value, a) => total * value - 2 * scale[a] * towards[a]);
}

/**
 * U a, a weight for each feature of `views`.
 * @param {Float64Array} a
 * @param {Buffers} buffers
 */
function ofViews(a, { axes, axis_scale: scale }) {
  const scaled = a.map((value, i) => value * scale[i]);
  const weight = new Float32Array(axes.length / a.length);
  for (let j = 0; j < weight.length; j++) weight[j] = rowTimes(axes, j * a.length, scaled);
  return weight;
}

/**
 * @param {Uint8Array} image
 * @param {Buffers} buffers
 */
const project = (image, buffers) => projected(views.transform(image, within(buffers, "views.")), buffers);

/**
 * @param {Float64Array} z
 * @param {Buffers} buffers
 */
const expand = (z, buffers) => featuresAt(changesOfDistance(z, buffers), buffers);

/** @type {import("./features.js").FeatureMap} */
export const kernel = {
  project,
  expand,
  transform: (image, buffers) => expand(project(image, buffers), buffers),
  explainer(image, buffers) {
    const inner = within(buffers, "views.");
    const z = project(image, buffers);
    const changes = changesOfDistance(z, buffers);
    const [x, slopes] = [featuresAt(changes, buffers), slopesAt(changes, buffers)];
    const explain = views.explainer(image, inner);
    return (weight) => {
      const shares = explain(ofViews(secant(weight, z, slopes, buffers), buffers));
      const evidence = weight.reduce((sum, w, j) => sum + w * x[j], 0);
      // what is the same for all images, and rounding
      const rest = (evidence - shares.reduce((sum, share) => sum + share, 0)) / SIZE;
      return shares.map((share) => share + rest);
    };
  },
};
