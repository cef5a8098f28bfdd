// Draw: the prediction follows the pen. One request at a time; when it is answered, the newest drawing is sent.

/** @import { Evidence, Picture, PredictAnswer, Prediction } from "./types.d.ts" */

import { backend } from "./backend.js";
import { Bars } from "./bars.js";
import { byId, createElement, messageOf } from "./dom.js";
import { showEvidence, showStages } from "./explanation.js";
import { percent, translate } from "./i18n.js";
import { Ink } from "./ink.js";
import { ModelChoice } from "./model_choice.js";
import { ServerError } from "./server.js";
import { encodeStrokes } from "./stroke_code.js";

const EXPLAIN_INTERVAL = 250; // milliseconds between explanations while the pen moves, at least;
const EXPLAIN_SHARE = 20; // they may take one part in so many of the time, as they delay the predictions.
const EXPLAIN_DELAY = 40; // When the pen rests for so long, the explanation comes at once
const COMPARE_DELAY = 200; // milliseconds the pen rests before the other models are asked,
const SPEAK_DELAY = 700; // and before the prediction is read aloud

export class Draw {
  /** @type {Evidence | null} */
  evidence = null;
  /** @type {Picture | null} */
  picture = null;
  version = 0; // of the drawing
  changedAt = 0; // when the pen last moved
  predicting = false;
  predictAgain = false;
  explaining = false;
  explainedAt = Number.NEGATIVE_INFINITY;
  lastDuration = 0; // of an explanation
  /** @type {number | undefined} */
  explainTimer;
  /** @type {number | undefined} */
  compareTimer;
  /** @type {number | undefined} */
  speakTimer;

  /** @param {(message: string) => void} showError */
  constructor(showError) {
    this.showError = showError;
    this.bars = new Bars(() => showEvidence(this.evidence, this.bars));
    this.choice = new ModelChoice(() => {
      this.evidence = null;
      this.predict();
    });
    const canvas = byId("ink", HTMLCanvasElement);
    this.ink = new Ink(canvas, byId("sheet"), byId("pen"), (since) => {
      this.#enableButtons();
      this.predict(since);
    });
    byId("undo").onclick = () => this.ink.undo();
    byId("clear").onclick = () => this.ink.clear();
    this.#acceptPictures();
  }

  /** The feature map of the chosen model. */
  get features() {
    return this.choice.models.find(({ model }) => model === this.choice.chosen)?.features;
  }

  /** @param {string} [choose] the model to choose */
  async loadModels(choose) {
    const { models, default: first } = await backend.models();
    this.choice.setModels(models, [choose, this.choice.chosen, first]);
    this.predict();
  }

  /** The language or the colours have changed. */
  refresh() {
    this.ink.redraw();
    this.choice.show();
    showEvidence(this.evidence, this.bars);
    this.predict();
  }

  /**
   * Ask the chosen model about the drawing as it is.
   * @param {number} [changedAt]
   * @returns {Promise<void>}
   */
  async predict(changedAt = performance.now()) {
    this.changedAt = changedAt;
    this.version++;
    clearTimeout(this.compareTimer);
    if (this.predicting) {
      this.predictAgain = true;
      return;
    }
    if (this.ink.empty || !this.choice.chosen) {
      this.bars.setBusy(false);
      this.#show(null);
      if (!this.ink.empty || this.ink.canUndo) this.showInAddress();
      return;
    }
    this.predicting = true;
    this.bars.setBusy(true);
    await this.#predictOnce();
    this.predicting = false;
    if (this.bars.prediction) this.#explainSoon();
    if (this.predictAgain) {
      this.predictAgain = false;
      return this.predict(this.changedAt);
    }
    this.bars.setBusy(false);
    clearTimeout(this.compareTimer);
    if (this.bars.prediction) this.compareTimer = setTimeout(() => this.#compare(), COMPARE_DELAY);
  }

  async #predictOnce() {
    const { changedAt: start, version: detail } = this;
    try {
      this.picture = this.ink.capture();
      const answer = await backend.predict(this.picture, this.choice.chosen);
      if (!this.ink.empty) {
        this.#show(answer);
        byId("why").classList.toggle("stale", Boolean(this.evidence));
        performance.measure("softreg:answer", { start, detail });
      }
      this.showError("");
    } catch (error) {
      this.#show(null, messageOf(error));
    }
  }

  #enableButtons() {
    byId("undo", HTMLButtonElement).disabled = !this.ink.canUndo;
    byId("clear", HTMLButtonElement).disabled = this.ink.empty;
  }

  // Evidence and stages take longer than the prediction: now and then while the pen moves, at once when it rests.
  #explainSoon() {
    clearTimeout(this.explainTimer);
    const interval = Math.max(EXPLAIN_INTERVAL, EXPLAIN_SHARE * this.lastDuration);
    const wait = performance.now() - this.explainedAt > interval ? 0 : EXPLAIN_DELAY;
    this.explainTimer = setTimeout(() => this.#explain(), wait);
  }

  async #explain() {
    const { picture, version } = this;
    if (this.explaining || this.ink.empty || !picture) return;
    this.explaining = true;
    const model = this.choice.chosen;
    const began = performance.now();
    try {
      const { evidence, stages } = await backend.predict(picture, model, ["stages", "evidence"]);
      if (model === this.choice.chosen && this.bars.prediction) {
        this.evidence = evidence ?? null;
        showStages(stages ?? [], !this.ink.picture);
        showEvidence(this.evidence, this.bars);
        byId("why").classList.toggle("stale", version !== this.version);
      }
    } catch (error) {
      if (!(error instanceof ServerError && error.status === 503)) this.showError(messageOf(error));
    }
    this.explaining = false;
    this.explainedAt = performance.now();
    this.lastDuration = this.explainedAt - began;
    if (version !== this.version && this.bars.prediction) this.#explainSoon();
  }

  /** The drawing as it is, in the page's address: a reload keeps it, and a link shares it. */
  showInAddress() {
    const code = this.ink.picture ? "" : encodeStrokes(this.ink.strokes);
    if (/^(#draw.*)?$/.test(location.hash)) history.replaceState(null, "", code ? `#draw/${code}` : "#draw");
  }

  // What the other models say, once the pen rests.
  async #compare() {
    this.showInAddress();
    const { picture, version } = this;
    if (!picture) return;
    for (const { model } of this.choice.models) {
      try {
        const own = model === this.choice.chosen && this.bars.prediction;
        const prediction = own || (await backend.predict(picture, model)).predictions[0];
        if (version !== this.version) return;
        this.choice.showPrediction(model, prediction);
      } catch (error) {
        this.showError(messageOf(error));
        return;
      }
    }
  }

  /**
   * @param {PredictAnswer | null} answer
   * @param {string} [message] what is wrong, if there is no answer
   */
  #show(answer, message = "") {
    const prediction = answer?.predictions[0] ?? null;
    const label = prediction?.label ?? (prediction ? "?" : "–");
    const digit = byId("digit");
    digit.textContent = label;
    digit.classList.toggle("none", !prediction?.label);
    digit.classList.toggle("many", label.length > 2);
    byId("sure").replaceChildren(...(prediction ? verdict(prediction) : [message || translate("nothing_yet")]));
    this.bars.show(prediction);
    clearTimeout(this.speakTimer);
    if (prediction) this.speakTimer = setTimeout(() => speak(prediction), SPEAK_DELAY);
    else this.#showNothing();
  }

  #showNothing() {
    this.evidence = null;
    showStages([], true);
    showEvidence(null, this.bars);
    for (const { model } of this.choice.models) this.choice.showPrediction(model, null);
  }

  #acceptPictures() {
    const sheet = byId("sheet");
    const input = byId("open", HTMLInputElement);
    /** @param {DragEvent} event */
    const mark = (event) => {
      event.preventDefault();
      sheet.classList.toggle("over", event.type === "dragover");
    };
    input.onchange = () =>
      this.#loadImage(input.files?.[0]).finally(() => {
        input.value = "";
      });
    sheet.addEventListener("dragover", mark);
    sheet.addEventListener("dragleave", mark);
    sheet.addEventListener("drop", (event) => {
      mark(event);
      this.#loadImage(event.dataTransfer?.files[0]);
    });
    document.addEventListener("paste", (event) => {
      const items = [...(event.clipboardData?.items ?? [])];
      this.#loadImage(items.find(({ type }) => type.startsWith("image/"))?.getAsFile());
    });
  }

  /** @param {Blob | null | undefined} blob */
  async #loadImage(blob) {
    if (!blob) return;
    try {
      await this.ink.loadImage(blob);
    } catch {
      this.showError(translate("not_a_picture"));
    }
  }
}

/**
 * How sure the model is, or why it abstains.
 * @param {Prediction} prediction
 */
function verdict({ label, probability, reason, boxes }) {
  if (label === null || probability === null)
    return [createElement("b", { textContent: translate("abstains") }), reason ?? ""];
  const meaning = translate((boxes?.length ?? 0) > 1 ? "several" : "sure");
  return [createElement("b", { textContent: percent(probability) }), meaning];
}

/** @param {Prediction} prediction */
function speak({ label, probability, reason }) {
  byId("spoken").textContent = label === null ? reason : `${label}: ${percent(probability ?? 0)}`;
}
