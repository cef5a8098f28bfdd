// What is drawn here becomes a model: own symbols from nothing, or digits learnt besides those a model knows.

/**
 * @import { AdjustRequest, AdjustResult, FitRequest, FitResult } from "./types.d.ts"
 * @import { LabelledImages, Model, Weights } from "./types.d.ts"
 */

import { backend, pageModels } from "./backend.js";
import { FEATURE_MAPS } from "./feature_maps.js";
import { translate } from "./i18n.js";
import { SIZE } from "./image_format.js";
import { classify } from "./linear_model.js";
import { startWorker } from "./worker.js";

export const SYMBOLS = "symbols"; // the key of the model of own symbols,
export const MINE = "my-digits"; // and of the one that has learnt own digits
export const DIGITS = [..."0123456789"];
export const VARIANTS = 8; // of each drawing
const L2 = 0.01; // from 0.003 to 0.1 as many of MNIST's training images are read right, within a percent
const SEED = 777;
const FEW = 100; // reference images where features take long
const ACCEPTED = 2; // how far below the detector's threshold the novelty of a drawing lies that was said to be a digit

/**
 * Whether a model can learn digits: the page computes it, and it knows the ten.
 * @param {Model | undefined} model
 * @param {string[]} classes
 */
export const canLearn = (model, classes) =>
  Boolean(model && !model.whole && model.features in FEATURE_MAPS && String(classes) === String(DIGITS));

/**
 * @template {FitRequest | AdjustRequest} R
 * @param {R} request
 * @returns {Promise<R extends AdjustRequest ? AdjustResult : FitResult>}
 */
function askWorker(request) {
  const worker = startWorker("trainer_worker");
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(request);
  }).finally(() => worker.terminate());
}

/**
 * A model of own symbols.
 * @param {import("./collection.js").Collection} collection
 * @param {boolean} withVariants
 */
export async function learnSymbols(collection, withVariants) {
  const [train, test] = [collection.part(false), collection.part(true)];
  const variants = withVariants ? VARIANTS : 0;
  const fitted = await askWorker({ type: "fit", train, features: "pixels", l2: L2, variants, seed: SEED });
  const weights = { features: "pixels", classes: train.classes, weight: fitted.weight, bias: fitted.bias };
  const [right, held] = [countRight(weights, test), test.labels.length];
  pageModels.add({ ...weights, model: SYMBOLS, solver: "lbfgs", accuracy: held ? right / held : null, whole: true });
  return { ...told(fitted, train), right, held };
}

/**
 * A model of the ten digits that has learnt these drawings as well.
 * @param {import("./collection.js").Collection} collection
 * @param {string} from the key of the model that it was
 * @param {boolean} withVariants
 */
export async function learnDigits(collection, from, withVariants) {
  const { model, reference } = await backend.weights(from);
  if (String(model.classes) !== String(DIGITS)) throw new TypeError(translate("digits_others", { from }));
  const train = collection.part(false);
  const test = isCheap(model) ? await backend.testImages() : null;
  const variants = withVariants ? VARIANTS : 0;
  const kept = isCheap(model) ? reference : evenly(reference, FEW);
  const fitted = await askWorker({ type: "adjustModel", train, test, model, reference: kept, variants, seed: SEED });
  const { weight, bias, own, onTest } = fitted;
  const learnt = { ...model, weight, bias };
  learnt.detector = accepting(learnt, train);
  const numbers = { ...told(fitted, train), from };
  pageModels.add({ ...learnt, model: MINE, solver: "", accuracy: null, learnt: numbers });
  const n = train.labels.length;
  return { ...numbers, right: Math.round(n * own.now), before: Math.round(n * own.before), onTest };
}

/**
 * Whether its features are pixels, or moved pixels: thousands of images take a moment.
 * @param {Weights} model
 */
const isCheap = ({ weight, bias }) => weight.length === bias.length * SIZE;

/**
 * A few of the images, evenly spaced.
 * @param {Uint8Array} images
 * @param {number} count
 */
function evenly(images, count) {
  const few = new Uint8Array(count * SIZE);
  for (let n = 0; n < count; n++) {
    const at = Math.floor((n * images.length) / SIZE / count) * SIZE;
    few.set(images.subarray(at, at + SIZE), n * SIZE);
  }
  return few;
}

/**
 * What is said about a training.
 * @param {FitResult} fitted
 * @param {LabelledImages} train
 */
const told = ({ n, seconds }, { labels }) => ({
  n: labels.length,
  variants: n - labels.length,
  seconds: seconds.toFixed(2),
});

/**
 * The detector with a threshold that calls none of these drawings strange: they were said to be digits.
 * @param {Weights} model
 * @param {LabelledImages} drawings
 */
function accepting(model, { images }) {
  if (!model.detector) return undefined;
  let most = 0;
  for (let at = 0; at < images.length; at += SIZE)
    most = Math.max(most, ACCEPTED + classify(model, images.subarray(at, at + SIZE)).novelty);
  return { ...model.detector, bias: model.detector.bias.map((value) => value - most) };
}

/**
 * @param {Weights} model
 * @param {LabelledImages} data
 */
function countRight(model, { images, labels }) {
  return [...labels].filter((label, n) => {
    const { logits } = classify(model, images.subarray(n * SIZE, (n + 1) * SIZE));
    return logits.indexOf(Math.max(...logits)) === label;
  }).length;
}
