// Copies of a server's models, with which the page answers itself, so that thirty pages do not wait for one server.

/** @import { ModelList, Picture, PredictAnswer } from "./types.d.ts" */

import { inflatedText, unpacked } from "./embedded.js";
import { FEATURE_MAPS } from "./feature_maps.js";
import { PageModels } from "./page_models.js";
import { ServerError, server } from "./server.js";

const SMALL = ["pixels", "deskew"]; // features whose models are fetched as soon as they are asked

export class Copies {
  #copied = new PageModels();
  onFetched = () => {};
  isWanted = false; // whether the server would have the pages answer
  /** @type {Map<string, ModelList["models"][number]>} what the server offers, by key */
  #offered = new Map();
  /** @type {Map<string, Promise<void>>} */
  #fetched = new Map();
  /** @type {WeakSet<Picture>} */
  #referred = new WeakSet();
  /** @type {Map<string, Uint8Array>} */
  #references = new Map();

  /** @param {ModelList} list what the server offers now; a copy of what has been trained again is dropped */
  update({ answers, models }) {
    this.isWanted = answers === "page";
    for (const model of models) {
      const known = this.#offered.get(model.model);
      if (known && known.version !== model.version) this.#drop(model.model);
      this.#offered.set(model.model, model);
    }
  }

  /** @param {string} key */
  #drop(key) {
    this.#copied.remove(key);
    this.#fetched.delete(key);
  }

  /**
   * Fetch a model, unless the page cannot compute it, or it is here or on its way.
   * @param {string} key
   * @returns {Promise<void>}
   */
  fetch(key) {
    const offered = this.#offered.get(key);
    if (!offered || !(offered.features in FEATURE_MAPS)) return Promise.resolve();
    const fetched = this.#fetched.get(key) ?? this.#fetch(key, offered);
    this.#fetched.set(key, fetched);
    return fetched;
  }

  /**
   * @param {string} key
   * @param {ModelList["models"][number]} offered
   */
  async #fetch(key, offered) {
    try {
      const { reference, ...weights } = await server.weights(key);
      if (this.#offered.get(key) !== offered) return; // trained again meanwhile
      this.#references.set(key, await inflatedText(reference));
      this.#copied.add({ ...unpacked(weights), ...offered });
      this.onFetched();
    } catch (error) {
      // One that cannot be packed will not be later, either; what failed otherwise is tried again by the next use.
      if (!(error instanceof ServerError && error.status === 404)) this.#fetched.delete(key);
    }
  }

  /** @param {string} key of a model that is used from now on */
  async use(key) {
    if (this.isWanted) await this.fetch(key);
  }

  /**
   * Whether the page answers itself. Photos are for the server: it evens their light.
   * @param {Picture} picture
   * @param {string} key
   */
  #canAnswer(picture, key) {
    return picture.isDrawn && this.#copied.has(key) && !this.#referred.has(picture);
  }

  /**
   * What a copy says; null if the server is to be asked.
   * @param {Picture} picture
   * @param {string} key
   * @param {string[]} include
   * @param {number | null} digit
   * @returns {Promise<PredictAnswer | null>}
   */
  async predict(picture, key, include, digit) {
    if (this.isWanted && SMALL.includes(this.#offered.get(key)?.features ?? "")) this.fetch(key);
    if (!this.#canAnswer(picture, key)) return null;
    try {
      return await this.#copied.predict(picture, key, include, digit);
    } catch {
      this.#copied.remove(key); // too large for this device, perhaps
      return null;
    }
  }

  /**
   * Leave a drawing to the server from now on; whether it is not left to it already.
   * @param {Picture} picture
   * @param {string} key
   */
  refer(picture, key) {
    const isNew = this.#canAnswer(picture, key);
    if (isNew) this.#referred.add(picture);
    return isNew;
  }

  /** @param {string} key */
  weights(key) {
    const [model, reference] = [this.#copied.models.get(key), this.#references.get(key)];
    return model && reference ? { model, reference } : null;
  }
}
