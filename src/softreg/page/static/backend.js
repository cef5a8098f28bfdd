// Who answers: with a server behind the page, the server; without, the page itself. The rest of the page does not know
// which.

/** @import { LabelledImages, ModelList, Picture, PredictAnswer, Training, Weights } from "./types.d.ts" */

import { embedded, embeddedImages, inflatedText, unpacked } from "./embedded.js";
import { SIZE } from "./image_format.js";
import { explainImage, PageModels } from "./page_models.js";
import { imageCounts, PageTraining } from "./page_training.js";
import { ServerTraining, server } from "./server.js";
import { walkThrough } from "./walkthrough.js";

export const pageModels = new PageModels();
for (const model of embedded?.models ?? []) pageModels.add(unpacked(model));

export const hasServer = !embedded;

export const backend = {
  /**
   * Training on the images of MNIST; null where there are none.
   * @type {Training | null}
   */
  training: hasServer ? new ServerTraining() : embedded?.images ? new PageTraining(keepTrained) : null,

  /** How many test images can be followed. */
  samples: hasServer ? 10_000 : imageCounts.test,

  /**
   * The texts of the page in a language.
   * @param {string} code
   */
  async messages(code) {
    return embedded ? embedded.messages[code] : server.messages(code);
  },

  /** @returns {Promise<ModelList>} */
  async models() {
    const own = pageModels.list();
    if (embedded) return { default: own[0].model, models: own };
    const list = await server.models();
    return { ...list, models: [...list.models, ...own] };
  },

  /**
   * What a model makes of a picture; `include` may ask for its stages and the evidence of a digit, the least certain
   * one by default.
   * @param {Picture} picture
   * @param {string} model
   * @param {("stages" | "evidence")[]} [include]
   * @param {number | null} [digit]
   * @returns {Promise<PredictAnswer>}
   */
  predict(picture, model, include = [], digit = null) {
    return (pageModels.has(model) ? pageModels : server).predict(picture, model, include, digit);
  },

  /**
   * The weights of a model, and the images on which it should go on answering as before while it learns drawings.
   * @param {string} key
   * @returns {Promise<{ model: Weights, reference: Uint8Array }>}
   */
  async weights(key) {
    const own = pageModels.models.get(key);
    const packed = embedded?.reference ?? "";
    if (own && embedded) return { model: own, reference: await inflatedText(packed) };
    const { reference, ...model } = await server.weights(key);
    return { model: unpacked(model), reference: await inflatedText(reference) };
  },

  /**
   * The test images that travel with the page; null without any.
   * @returns {Promise<LabelledImages | null>}
   */
  async testImages() {
    return embedded?.images ? embeddedImages("test") : null;
  },

  /**
   * A test image followed through a model whose features are pixels.
   * @param {number} sample
   */
  async walkthrough(sample) {
    if (hasServer) return server.walkthrough(sample);
    const { images, labels, classes } = await embeddedImages("test");
    const model = pageModels.list().find(({ features, shape }) => features === "pixels" && !shape);
    if (!model) throw new TypeError("no model on pixels");
    const { evidence, logits, probabilities } = explainImage(
      model,
      images.subarray(sample * SIZE, (sample + 1) * SIZE),
    );
    return walkThrough(evidence, model.classes, logits, probabilities, classes[labels[sample]]);
  },
};

/**
 * A model trained here becomes one to choose from.
 * @param {string} features
 * @param {Weights} weights
 * @param {number} accuracy
 */
function keepTrained(features, weights, accuracy) {
  let number = 1;
  while (pageModels.has(`sgd-${number}`)) number++;
  return pageModels.add({ ...weights, features, model: `sgd-${number}`, solver: "sgd", accuracy });
}
