// Softmax regression: features, one linear layer, probabilities, and what each pixel contributes.

/** @import { Weights } from "./types.d.ts" */

import { FEATURE_MAPS } from "./features.js";

/**
 * z = W x + b
 * @param {Weights} model
 * @param {Uint8Array} image
 */
export function logitsOf({ features, classes, weight, bias }, image) {
  const x = FEATURE_MAPS[features].transform(image);
  return classes.map((_, c) => {
    let sum = 0;
    for (let j = 0; j < x.length; j++) if (x[j]) sum += weight[c * x.length + j] * x[j];
    return sum + bias[c];
  });
}

/** @param {number[]} logits */
export function softmax(logits) {
  const most = Math.max(...logits);
  const powers = logits.map((z) => Math.exp(z - most));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/**
 * @param {Weights} model
 * @param {Uint8Array} image
 */
export function classify(model, image) {
  const logits = logitsOf(model, image);
  return { logits, probabilities: softmax(logits) };
}

/**
 * Each pixel's contribution to each class (C, 28, 28): with the bias, a class's contributions sum to its logit.
 * @param {Weights} model
 * @param {Uint8Array} image
 */
export function contributions({ features, classes, weight }, image) {
  const values = new Float32Array(classes.length * image.length);
  for (let c = 0; c < classes.length; c++) {
    const part = weight.subarray(c * image.length, (c + 1) * image.length);
    values.set(FEATURE_MAPS[features].attribute(image, part), c * image.length);
  }
  return values;
}
