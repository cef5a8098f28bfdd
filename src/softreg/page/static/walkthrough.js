// Every quantity from the pixels of an image to the gradient, for a model whose features are pixels.

/** @import { ByClass, Evidence, Walkthrough } from "./types.d.ts" */

/**
 * @param {Evidence} evidence
 * @param {string[]} classes
 * @param {ByClass} logits
 * @param {ByClass} probabilities
 * @param {string} label the true class
 * @returns {Walkthrough}
 */
export function walkThrough({ image, pixels, bias }, classes, logits, probabilities, label) {
  const residual = classes.map((name) => probabilities[name] - Number(name === label));
  const size = image.values.length;
  const gradient = new Float32Array(classes.length * size);
  for (const [c, error] of residual.entries())
    for (let j = 0; j < size; j++) gradient[c * size + j] = (error * image.values[j]) / 255;
  return {
    classes,
    label,
    prediction: classes.reduce((a, b) => (logits[b] > logits[a] ? b : a)),
    image,
    evidence: pixels,
    gradient: { shape: pixels.shape, values: gradient, scale: 1 },
    bias: classes.map((name) => bias[name]),
    logits: classes.map((name) => logits[name]),
    probabilities: classes.map((name) => probabilities[name]),
    residual,
    cross_entropy: -Math.log(probabilities[label]),
  };
}
