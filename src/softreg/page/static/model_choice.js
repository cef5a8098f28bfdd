// The models to choose from, each with what it says about the same drawing.

/** @import { Model, Prediction } from "./types.d.ts" */

import { arrowStep, byId, createElement, find } from "./dom.js";
import { percent, translate } from "./i18n.js";

export class ModelChoice {
  /** @type {Model[]} */
  models = [];
  /** @type {string} */
  chosen = "";

  /** @param {() => void} onChoose */
  constructor(onChoose) {
    this.box = byId("models");
    this.onChoose = onChoose;
    this.box.onkeydown = (event) => {
      const step = arrowStep(event);
      if (!step) return;
      event.preventDefault();
      const at = this.models.findIndex(({ model }) => model === this.chosen);
      this.#choose(this.models[(at + step + this.models.length) % this.models.length].model);
      find(this.box, "[aria-checked=true]").focus();
    };
  }

  /**
   * Show these models; the first of `preferred` that is there is chosen.
   * @param {Model[]} models
   * @param {(string | undefined)[]} preferred
   */
  setModels(models, preferred) {
    this.models = models;
    this.chosen = preferred.find((key) => models.some(({ model }) => model === key)) ?? models[0].model;
    this.show();
  }

  show() {
    this.box.replaceChildren(...this.models.map((model) => this.#button(model)));
    this.#mark();
  }

  /**
   * @param {string} key
   * @param {Prediction | null} prediction
   */
  showPrediction(key, prediction) {
    const button = this.#buttons().find((candidate) => candidate.dataset.model === key);
    if (!button) return;
    const says = prediction ? [prediction.label ?? "?", createElement("small", {}, certainty(prediction))] : [];
    find(button, ".says").replaceChildren(...says);
  }

  /** @param {string} key */
  #choose(key) {
    this.chosen = key;
    this.#mark();
    this.onChoose();
  }

  #buttons() {
    return [...this.box.querySelectorAll("button")];
  }

  #mark() {
    for (const button of this.#buttons()) {
      const checked = button.dataset.model === this.chosen;
      button.setAttribute("aria-checked", String(checked));
      button.tabIndex = checked ? 0 : -1;
    }
  }

  /** @param {Model} model */
  #button({ model, features, solver, accuracy, learnt }) {
    const made = learnt ? translate("model_learnt", learnt) : solver ? `${features} · ${solver}` : features;
    const what = accuracy === null ? made : translate("model_what", { features: made, accuracy: percent(accuracy) });
    const onclick = () => this.#choose(model);
    return createElement(
      "button",
      { type: "button", dataset: { model }, attributes: { role: "radio" }, onclick },
      createElement("span", { className: "who", textContent: model }),
      createElement("span", { className: "what", textContent: what }),
      createElement("span", { className: "says" }),
    );
  }
}

/** @param {Prediction} prediction */
function certainty({ label, probability }) {
  return label === null || probability === null ? translate("abstains") : percent(probability);
}
