// The models that the page computes itself: the one that travels with it, and those that were trained here.

/** @import { Model, Picture, PictureReading, PredictAnswer, Weights } from "./types.d.ts" */

import { translate } from "./i18n.js";
import { SIDE } from "./image_format.js";
import { classify, contributions } from "./linear_model.js";
import { logOdds, readPicture, readWhole } from "./reading.js";
import { readResized } from "./whole_picture.js";

const MIN_CONFIDENCE = 0.5; // a class less probable than this is more likely wrong than right

export class PageModels {
  /** @type {Map<string, Weights & Model>} */
  models = new Map();
  /** @type {{ picture: Picture, model: Weights, reading: Promise<PictureReading> } | null} the last, asked for twice */
  last = null;

  /** @param {Weights & Model} model */
  add(model) {
    this.models.set(model.model, model);
    return model.model;
  }

  /** @param {string} key */
  has(key) {
    return this.models.has(key);
  }

  list() {
    return [...this.models.values()];
  }

  /**
   * As the server's /predict answers.
   * @param {Picture} picture
   * @param {string} key
   * @param {string[]} include
   * @param {number | null} digit of which the evidence is; null: the least certain
   * @returns {Promise<PredictAnswer>}
   */
  async predict(picture, key, include, digit) {
    const model = /** @type {Weights & Model} */ (this.models.get(key));
    const { digits: found, stages, reason, doubt } = await this.#read(picture, model);
    const shown = stages.map((stage) => ({ title: translate(stage.key), array: stage.array }));
    if (!found.length) {
      const nothing = { label: null, probability: null, probabilities: null, reason: translate(reason ?? "blank") };
      return { predictions: [nothing], stages: shown };
    }
    const digits = found.map(({ box, scores }) => ({ box, ...readingOf(model, scores, doubt) }));
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
   * @param {Picture} picture
   * @param {Weights & Model} model
   */
  #read(picture, model) {
    if (this.last?.picture !== picture || this.last.model !== model) {
      const reading = picture.grey().then((grey) => readerFor(model)(grey, model));
      this.last = { picture, model, reading };
    }
    return this.last.reading;
  }
}

/** @param {Weights & Model} model */
const readerFor = ({ shape, whole }) => (shape ? readResized : whole ? readAsWhole : readPicture);

/**
 * A symbol, however many strokes it has.
 * @param {import("./types.d.ts").Grey} grey
 * @param {Weights} model
 * @returns {PictureReading}
 */
function readAsWhole(grey, model) {
  const image = readWhole(grey);
  if (!image) return { digits: [], stages: [], reason: "blank" };
  const array = { shape: [SIDE, SIDE], values: image, scale: 1 };
  return {
    digits: [{ box: [0, 0, grey.width, grey.height], image, scores: classify(model, image) }],
    stages: [{ key: "stage_image", array }],
    reason: null,
  };
}

/**
 * What is read in one image, or why the model abstains.
 * @param {Weights} model
 * @param {import("./types.d.ts").Scores} scores
 * @param {number | undefined} doubt
 */
function readingOf(model, scores, doubt = -Infinity) {
  const { logits, probabilities, novelty } = scores;
  const probability = Math.max(...probabilities);
  const isDoubtful = logOdds(scores) <= doubt;
  const key = novelty > 0 ? "novel" : probability <= MIN_CONFIDENCE ? "uncertain" : isDoubtful ? "doubtful" : null;
  const reason = key && translate(key);
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
