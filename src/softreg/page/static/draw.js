// Draw: the prediction follows the pen. One request at a time; when it is answered, the newest drawing is sent.

/** @import { Evidence, Picture, PredictAnswer } from "./types.d.ts" */

import { hashOf, readAddress } from "./address.js";
import { backend } from "./backend.js";
import { Bars } from "./bars.js";
import { byId, messageOf } from "./dom.js";
import { showEvidence, showStages } from "./explanation.js";
import { translate } from "./i18n.js";
import { Ink } from "./ink.js";
import { ModelChoice } from "./model_choice.js";
import { acceptPictures } from "./picture_input.js";
import { ServerError } from "./server.js";
import { encodeStrokes } from "./stroke_code.js";
import { Verdict } from "./verdict.js";

const EXPLAIN_INTERVAL = 250; // milliseconds between explanations while the pen moves, at least;
const EXPLAIN_SHARE = 20; // they may take one part in so many of the time, as they delay the predictions.
const EXPLAIN_DELAY = 40; // When the pen rests for so long, the explanation comes at once
const COMPARE_DELAY = 200; // milliseconds the pen rests, lifted, before the other models are asked

export class Draw {
  /** @type {Evidence | null} */
  evidence = null;
  /** @type {Picture | null} */
  picture = null;
  isStale = false; // whether the evidence is of an earlier drawing
  version = 0; // of the drawing
  ready = Promise.resolve(); // once the page need not wait for the server any longer, if it is to answer itself
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
  onReading = () => {}; // called when what is read or explained has changed

  /** @param {(message: string) => void} showError */
  constructor(showError) {
    this.showError = showError;
    this.bars = new Bars(() => this.#showEvidence());
    this.verdict = new Verdict(() => this.#showDigit());
    this.choice = new ModelChoice(() => {
      backend.use(this.choice.chosen);
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
    acceptPictures(byId("sheet"), (picture) => this.#loadImage(picture));
  }

  /** The feature map of the chosen model. */
  get features() {
    return this.choice.models.find(({ model }) => model === this.choice.chosen)?.features;
  }

  /** @param {string} [choose] the model to choose */
  async loadModels(choose) {
    const { models, default: first } = await backend.models();
    this.choice.setModels(models, [choose, this.choice.chosen, first]);
    this.ready = backend.use(this.choice.chosen);
    this.predict();
  }

  /** The language or the colours have changed. */
  refresh() {
    this.ink.redraw();
    this.choice.show();
    this.#showEvidence();
    this.predict();
  }

  #showEvidence() {
    showEvidence(this.evidence, this.bars, this.ink.empty);
    this.onReading();
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
    if (this.bars.prediction && !this.ink.isDemonstration) this.#compareSoon();
  }

  #compareSoon() {
    clearTimeout(this.compareTimer);
    const compare = () => (this.ink.isPenDown ? this.#compareSoon() : this.#compare());
    this.compareTimer = setTimeout(compare, COMPARE_DELAY);
  }

  async #predictOnce() {
    const { changedAt: start, version: detail } = this;
    try {
      this.picture = this.ink.capture();
      const answer = await backend.predict(this.picture, this.choice.chosen);
      if (!this.ink.empty) {
        this.#show(answer);
        this.#markStale(Boolean(this.evidence));
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
    const [model, digit] = [this.choice.chosen, this.verdict.chosen];
    const began = performance.now();
    try {
      const { evidence, stages } = await backend.predict(picture, model, ["stages", "evidence"], digit);
      if (model === this.choice.chosen && digit === this.verdict.chosen && this.bars.prediction) {
        this.evidence = evidence ?? null;
        showStages(stages ?? [], !this.ink.picture);
        this.#showEvidence();
        this.#markStale(version !== this.version);
        performance.measure("softreg:explanation", { start: began });
      }
    } catch (error) {
      if (!(error instanceof ServerError && error.status === 503)) this.showError(messageOf(error));
    }
    this.explaining = false;
    this.explainedAt = performance.now();
    this.lastDuration = this.explainedAt - began;
    const isOld = version !== this.version || digit !== this.verdict.chosen;
    if (isOld && this.bars.prediction) this.#explainSoon();
  }

  /** @param {boolean} isStale whether the evidence is of an earlier drawing */
  #markStale(isStale) {
    this.isStale = isStale;
    byId("why").classList.toggle("stale", isStale);
    this.onReading();
  }

  /** The drawing as it is, in the page's address: a reload keeps it, and a link shares it. */
  showInAddress() {
    const { picture, isDemonstration, strokes } = this.ink;
    const drawing = picture || isDemonstration ? "" : encodeStrokes(strokes);
    if (["", "draw"].includes(readAddress().part)) history.replaceState(null, "", hashOf({ part: "draw", drawing }));
  }

  // What the other models say, once the pen rests.
  async #compare() {
    this.showInAddress();
    const { picture, version } = this;
    if (!picture) return;
    if (this.verdict.prediction?.label === null && backend.refer(picture, this.choice.chosen))
      await this.#readAgain(picture, version);
    for (const { model } of this.choice.models) {
      try {
        const own = model === this.choice.chosen && this.verdict.prediction;
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
   * A drawing that was referred, read by the server.
   * @param {Picture} picture
   * @param {number} version
   */
  async #readAgain(picture, version) {
    try {
      const answer = await backend.predict(picture, this.choice.chosen);
      if (version !== this.version) return;
      this.#show(answer);
      this.#explain();
    } catch {} // the page's own answer stands
  }

  /**
   * @param {PredictAnswer | null} answer
   * @param {string} [message] what is wrong, if there is no answer
   */
  #show(answer, message = "") {
    const prediction = answer?.predictions[0] ?? null;
    this.verdict.show(prediction, message, !this.ink.isDemonstration);
    this.bars.show(this.verdict.reading);
    if (!prediction) this.#showNothing();
  }

  #showNothing() {
    this.evidence = null;
    showStages([], true);
    this.#showEvidence();
    for (const { model } of this.choice.models) this.choice.showPrediction(model, null);
  }

  // Another of several digits was tapped.
  #showDigit() {
    this.verdict.show(this.verdict.prediction, "", true);
    this.evidence = null;
    this.bars.show(this.verdict.reading);
    this.#showEvidence();
    this.#explain();
  }

  /** @param {Blob} blob */
  async #loadImage(blob) {
    try {
      await this.ink.loadImage(blob);
    } catch {
      this.showError(translate("not_a_picture"));
    }
  }
}
