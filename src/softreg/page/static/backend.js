// Who answers: without a server behind the page, the page itself; with one, the server, unless it would have the pages
// answer, or has too much to do. The rest of the page does not know which.

/** @import { LabelledImages, ModelList, Picture, PredictAnswer, Training, Weights } from "./types.d.ts" */

import { explainImage } from "./answering.js";
import { Copies } from "./copies.js";
import { embedded, embeddedImages, inflatedText, unpacked } from "./embedded.js";
import { SIZE } from "./image_format.js";
import { PageModels } from "./page_models.js";
import { imageCounts, PageTraining } from "./page_training.js";
import { ServerError, ServerTraining, server } from "./server.js";
import { walkThrough } from "./walkthrough.js";

export const pageModels = new PageModels();
for (const model of embedded?.models ?? []) pageModels.add(unpacked(model));
export const copies = new Copies();

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
    copies.update(list);
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
  async predict(picture, model, include = [], digit = null) {
    if (pageModels.has(model)) return pageModels.predict(picture, model, include, digit);
    const answer = await copies.predict(picture, model, include, digit);
    if (answer) return answer;
    try {
      return await server.predict(picture, model, include, digit);
    } catch (error) {
      if (error instanceof ServerError && error.status === 503) await copies.fetch(model); // it has too much to do
      const answer = await copies.predict(picture, model, include, digit);
      if (answer) return answer;
      throw error;
    }
  },

  /**
   * A model is chosen: where the pages answer themselves, this one fetches it first.
   * @param {string} model
   */
  use(model) {
    return copies.use(model);
  },

  /**
   * Leave a drawing that the page is not sure of to the server, which also cuts digits that touch; whether there is one
   * that has not read it yet.
   * @param {Picture} picture
   * @param {string} model
   */
  refer(picture, model) {
    return copies.refer(picture, model);
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
    const copy = copies.weights(key);
    if (copy) return copy;
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
