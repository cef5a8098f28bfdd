// Softmax regression: features, one linear layer, probabilities, and what each pixel contributes.

/** @import { Scores, Weights } from "./types.d.ts" */

import { noveltyOf } from "./detector.js";
import { FEATURE_MAPS } from "./feature_maps.js";

/**
 * z = W x + b
 * @param {Weights} model
 * @param {Float32Array | Float64Array} x
 */
export const logitsOf = ({ classes, weight, bias }, x) =>
  classes.map((_, c) => {
    let sum = 0;
    for (let j = 0; j < x.length; j++) if (x[j]) sum += weight[c * x.length + j] * x[j];
    return sum + bias[c];
  });

/** @param {number[]} logits */
export function softmax(logits) {
  const most = Math.max(...logits);
  const powers = logits.map((z) => Math.exp(z - most));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/**
 * Logits, probabilities, and how unlike every class an image is: above zero it is none, without a detector never.
 * @param {Weights} model
 * @param {Uint8Array} image
 * @returns {Scores}
 */
export function classify(model, image) {
  const { project, expand, transform } = FEATURE_MAPS[model.features];
  const buffers = model.buffers ?? {};
  const z = project?.(image, buffers);
  const x = z && expand ? expand(z, buffers) : transform(image, buffers);
  const logits = logitsOf(model, x);
  const novelty = model.detector ? noveltyOf(model.detector, x, z, logits) : -20;
  return { logits, probabilities: softmax(logits), novelty };
}

/**
 * -log p(class) - log p(digit)
 * @param {Scores} scores
 */
export const surprise = ({ probabilities, novelty }) =>
  Math.log1p(Math.exp(Math.min(novelty, 500))) - Math.log(Math.max(...probabilities));

/**
 * The log odds that it is a digit, and of its likeliest class.
 * @param {Scores} scores
 */
export const logOdds = (scores) => -Math.log(Math.expm1(Math.min(Math.max(surprise(scores), 1e-6), 80)));

/**
 * Each pixel's contribution to each class (C, H, W): with the bias, a class's contributions sum to its logit.
 * @param {Weights} model
 * @param {Uint8Array} image
 */
export function contributions({ features, classes, weight, buffers }, image) {
  const explain = FEATURE_MAPS[features].explainer(image, buffers ?? {});
  const [values, dim] = [new Float32Array(classes.length * image.length), weight.length / classes.length];
  for (let c = 0; c < classes.length; c++)
    values.set(explain(weight.subarray(c * dim, (c + 1) * dim)), c * image.length);
  return values;
}
