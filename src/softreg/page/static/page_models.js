// The models that the page computes itself, in a thread of their own: the one that travels with it, those that were
// trained here, and copies of a server's.

/** @import { AnswerRequest, Model, Picture, PredictAnswer, Weights } from "./types.d.ts" */

import { translate } from "./i18n.js";
import { startWorker } from "./worker.js";

/** @type {WeakMap<Picture, number>} a picture may be asked about twice */
const numbers = new WeakMap();
let pictures = 0;

/** @param {Picture} picture */
function numberOf(picture) {
  if (!numbers.has(picture)) numbers.set(picture, ++pictures);
  return /** @type {number} */ (numbers.get(picture));
}

export class PageModels {
  /** @type {Map<string, Weights & Model>} */
  models = new Map();
  /** @type {Worker | null} */
  #worker = null;
  /** @type {Map<number, { resolve: (answer: any) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();
  #asked = 0;

  /** @param {Weights & Model} model */
  add(model) {
    this.models.set(model.model, model);
    this.#worker?.postMessage({ type: "model", model });
    return model.model;
  }

  /** @param {string} key */
  remove(key) {
    this.models.delete(key);
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
    const grey = await picture.grey();
    const answer = await this.#ask({ type: "picture", picture: numberOf(picture), grey, key, include, digit });
    for (const stage of answer.stages) stage.title = translate(stage.title);
    const { predictions, digits = [] } = { ...answer, ...answer.predictions[0] };
    for (const reading of [...predictions, ...digits]) reading.reason &&= translate(reading.reason);
    return answer;
  }

  /**
   * All ink of a picture as one image, for a symbol of several strokes; null without ink.
   * @param {Picture} picture
   * @returns {Promise<Uint8Array | null>}
   */
  async imageOf(picture) {
    return this.#ask({ type: "image", grey: await picture.grey() });
  }

  /** @param {AnswerRequest} request */
  #ask(request) {
    const id = ++this.#asked;
    this.#worker ??= this.#start();
    this.#worker.postMessage({ ...request, id });
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #start() {
    const worker = startWorker("answer_worker");
    worker.onmessage = ({ data: { id, answer } }) => {
      this.#waiting.get(id)?.resolve(answer);
      this.#waiting.delete(id);
    };
    worker.onerror = ({ message }) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(message));
      this.#waiting.clear();
      worker.terminate();
      this.#worker = null; // the next question starts another
    };
    for (const model of this.models.values()) worker.postMessage({ type: "model", model });
    return worker;
  }
}
