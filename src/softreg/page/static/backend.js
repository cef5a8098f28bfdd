// Who answers: with a server behind the page, the server; without, the page itself. The rest of the page does not know
// which.

/** @import { ModelList, Picture, PredictAnswer } from "./types.d.ts" */

import { embedded, floatsOf } from "./embedded.js";
import { PageModels } from "./page_models.js";
import { ServerTraining, server } from "./server.js";

export const pageModels = new PageModels();
if (embedded)
  for (const { weight, bias, ...model } of embedded.models)
    pageModels.add({ ...model, weight: floatsOf(weight), bias: floatsOf(bias) });

export const hasServer = !embedded;

export const backend = {
  /** Training on the images of MNIST; null where there are none. */
  training: hasServer ? new ServerTraining() : null,

  /** How many test images can be followed. */
  samples: hasServer ? 10_000 : 0,

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
   * What a model makes of a picture; `include` may ask for its stages and the evidence.
   * @param {Picture} picture
   * @param {string} model
   * @param {("stages" | "evidence")[]} [include]
   * @returns {Promise<PredictAnswer>}
   */
  predict(picture, model, include = []) {
    return (pageModels.has(model) ? pageModels : server).predict(picture, model, include);
  },

  /**
   * A test image followed through a model whose features are pixels.
   * @param {number} sample
   */
  walkthrough: (sample) => server.walkthrough(sample),
};
