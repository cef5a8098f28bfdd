// The server that sent the page. A refusal becomes a ServerError whose message is the server's own sentence.

/**
 * @import { ModelList, PackedWeights, Picture, PredictAnswer, RecipeField } from "./types.d.ts"
 * @import { TrainingEvent, Walkthrough } from "./types.d.ts"
 */

import { language, translate } from "./i18n.js";
import { decode } from "./pixels.js";

const RETRY_DELAY = 800; // milliseconds after which a server that did not answer is asked once more

export class ServerError extends Error {
  /**
   * @param {string} message
   * @param {number} status 0 if the server does not answer at all
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * @param {string} path
 * @param {RequestInit & { headers?: Record<string, string> }} [options]
 */
async function request(path, options = {}) {
  const headers = { "Accept-Language": language, ...options.headers };
  const ask = () => fetch(path, { ...options, headers });
  const response = await ask()
    .catch(() => new Promise((resolve) => setTimeout(resolve, RETRY_DELAY)).then(ask))
    .catch(() => {
      throw new ServerError(translate("server_gone"), 0);
    });
  const value = await response.json();
  if (!response.ok) throw new ServerError(value.error, response.status);
  return value;
}

/**
 * @param {string} path
 * @param {unknown} [value]
 */
const post = (path, value = {}) =>
  request(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) });

export const server = {
  /**
   * @param {string} code of a language
   * @returns {Promise<Record<string, string>>}
   */
  messages: (code) => request(`/words/${code}`),

  /** @returns {Promise<ModelList>} */
  models: () => request("/models"),

  /**
   * @param {Picture} picture
   * @param {string} model
   * @param {string[]} include may ask for its stages and the evidence
   * @param {number | null} digit of which the evidence is
   * @returns {Promise<PredictAnswer>}
   */
  async predict(picture, model, include, digit) {
    const query = new URLSearchParams({ model, include: include.join(","), digit: String(digit ?? "") });
    const body = picture.blob();
    const headers = { "Content-Type": body.type || "image/png" };
    const answer = await request(`/predict?${query}`, { method: "POST", headers, body });
    for (const stage of answer.stages ?? []) stage.array = decode(stage);
    if (answer.evidence) for (const name of ["image", "pixels"]) answer.evidence[name] = decode(answer.evidence[name]);
    return answer;
  },

  /**
   * @param {string} model
   * @returns {Promise<PackedWeights & { reference: string }>}
   */
  weights: (model) => request(`/weights?${new URLSearchParams({ model })}`),

  /**
   * @param {number} sample
   * @returns {Promise<Walkthrough>}
   */
  async walkthrough(sample) {
    const answer = await request(`/walkthrough?sample=${sample}`);
    for (const name of ["image", "evidence", "gradient"]) answer[name] = decode(answer[name]);
    return answer;
  },
};

/** Training on the server, as src/softreg/serving/training_job.py does it: an epoch or an iteration is a step. */
export class ServerTraining {
  imageCount = 0;
  adjustable = false; // on the way, or step by step

  async step() {}

  adjust() {}

  /** @returns {Promise<RecipeField[]>} */
  async fields() {
    return (await request("/recipe")).fields;
  }

  /** @param {Record<string, unknown>} recipe */
  start(recipe) {
    return post("/training", recipe);
  }

  /** @param {"pause" | "continue" | "stop"} action */
  control(action) {
    return post(`/training/${action}`);
  }

  /** @param {(event: TrainingEvent) => void} onEvent */
  watch(onEvent) {
    new EventSource("/training/events").onmessage = ({ data }) => {
      const event = JSON.parse(data);
      if (event.view) {
        event.view.templates = decode(event.view.templates);
        for (const hard of event.view.hardest) hard.image = decode(hard.image);
      }
      onEvent(event);
    };
  }
}
