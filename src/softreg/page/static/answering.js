// What a model says of the digits found in a picture, as the server's /predict answers; reasons and titles are keys of
// texts.

/** @import { Evidence, PictureReading, PredictAnswer, Scores, Weights } from "./types.d.ts" */

import { SIDE } from "./image_format.js";
import { classify, contributions } from "./linear_model.js";

const MIN_CONFIDENCE = 0.5; // a class less probable than this is more likely wrong than right

/**
 * @param {Weights} model
 * @param {PictureReading} reading
 * @param {string[]} include may ask for the evidence
 * @param {number | null} digit of which the evidence is; null: the least certain
 * @returns {PredictAnswer}
 */
export function answerOf(model, { digits: found, stages, reason }, include, digit) {
  const shown = stages.map(({ key, array }) => ({ title: key, array }));
  if (!found.length) {
    const nothing = { label: null, probability: null, probabilities: null, reason: reason ?? "blank" };
    return { predictions: [nothing], stages: shown };
  }
  const digits = found.map(({ box, scores, doubt }) => ({ box, ...readingOf(model, scores, doubt) }));
  const least = digits.reduce((a, { probability }, i) => (probability < digits[a].probability ? i : a), 0);
  const prediction = {
    label: digits.every(({ label }) => label !== null) ? digits.map(({ label }) => label).join("") : null,
    probability: digits.reduce((product, { probability }) => product * probability, 1),
    probabilities: digits[least].probabilities,
    logits: digits[least].logits,
    reason: digits.find(({ label }) => label === null)?.reason ?? null,
    digits,
  };
  const explained = found[digit ?? least];
  const evidence = include.includes("evidence") && explained ? evidenceOf(model, explained.image) : undefined;
  return { predictions: [prediction], stages: shown, evidence };
}

/**
 * What is read in one image, or why the model abstains.
 * @param {Weights} model
 * @param {Scores} scores
 * @param {number | undefined} doubt
 */
function readingOf(model, scores, doubt = -Infinity) {
  const { logits, probabilities, novelty } = scores;
  const probability = Math.max(...probabilities);
  const isDoubtful = -novelty <= doubt;
  const reason = novelty > 0 ? "novel" : probability <= MIN_CONFIDENCE ? "uncertain" : isDoubtful ? "doubtful" : null;
  const label = reason ? null : model.classes[probabilities.indexOf(probability)];
  return { label, probability, probabilities: byClass(model, probabilities), logits: byClass(model, logits), reason };
}

/**
 * @param {Weights} model
 * @param {ArrayLike<number>} values
 */
const byClass = ({ classes }, values) => Object.fromEntries(classes.map((name, c) => [name, values[c]]));

/**
 * What a model makes of an image, and why.
 * @param {Weights} model
 * @param {Uint8Array} image
 */
export function explainImage(model, image) {
  const { logits, probabilities } = classify(model, image);
  return {
    evidence: evidenceOf(model, image),
    logits: byClass(model, logits),
    probabilities: byClass(model, probabilities),
  };
}

/**
 * @param {Weights} model
 * @param {Uint8Array} image
 * @returns {Evidence}
 */
function evidenceOf(model, image) {
  const pixels = contributions(model, image);
  const shape = model.shape ?? [SIDE, SIDE];
  /** @param {(value: number) => number} part */
  const summed = (part) =>
    byClass(
      model,
      model.classes.map((_, c) => {
        let sum = 0;
        for (const value of pixels.subarray(c * image.length, (c + 1) * image.length)) sum += part(value);
        return sum;
      }),
    );
  return {
    image: { shape, values: image, scale: 1 },
    pixels: { shape: [model.classes.length, ...shape], values: pixels, scale: 1 },
    for: summed((value) => Math.max(0, value)),
    against: summed((value) => Math.min(0, value)),
    bias: byClass(model, model.bias),
  };
}
