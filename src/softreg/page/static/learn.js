// Learn: a training that shows itself step by step.

/** @import { Snapshot, Training, TrainingEvent } from "./types.d.ts" */

import { Chart, MAX_EARLIER } from "./chart.js";
import { byId, createCanvas, createElement, messageOf } from "./dom.js";
import { language, percent, translate } from "./i18n.js";
import { drawInk, drawSigned, largest, slice } from "./pixels.js";
import { RecipeForm } from "./recipe_form.js";

const GUESSING = Math.log(10); // the cost of giving each of ten classes the same probability
const BUSY = ["preparing", "running", "paused", "saving"];

/**
 * A chart's label: its title, and the latest value once there is one.
 * @param {string} key
 * @param {(value: number) => string} format
 */
function chartLabel(key, format) {
  return (/** @type {import("./chart.js").Point[]} */ points) => {
    const title = translate(key);
    const last = points.at(-1);
    if (last === undefined) return title;
    return translate("chart_label", { title, step: last.step, value: format(last.value) });
  };
}

export class Learn {
  /** @type {TrainingEvent | null} */
  event = null;
  number = -1; // of the training that is shown
  form = new RecipeForm();
  watching = false;
  run = ""; // what the training shown is called
  /** @type {string[]} */
  earlier = [];
  /** @type {Promise<void> | null} */
  refreshing = null;

  /**
   * @param {(message: string) => void} showError
   * @param {Training} training
   * @param {{ onSaved: () => void, onUse: (model: string) => void }} callbacks
   */
  constructor(showError, training, { onSaved, onUse }) {
    this.showError = showError;
    this.training = training;
    this.onSaved = onSaved;
    byId("recipe").onsubmit = (event) => {
      event.preventDefault();
      this.#ask(training.start(this.form.recipe()));
    };
    byId("pause").onclick = () => this.#ask(training.control(this.event?.status === "paused" ? "continue" : "pause"));
    byId("stop").onclick = () => this.#ask(training.control("stop"));
    byId("step").hidden = !training.adjustable;
    byId("step").onclick = () => this.#ask(training.step(this.form.recipe()));
    if (training.adjustable) this.form.onAdjust = (lr) => training.adjust(lr);
    byId("use").onclick = () => this.event?.model && onUse(this.event.model);
    const narrow = matchMedia("(max-width: 44rem)").matches;
    byId("settings", HTMLDetailsElement).open = !narrow; // a phone shows the curves first
    this.cost = new Chart(byId("cost-chart"), {
      logarithmic: training.adjustable,
      label: chartLabel("cost_title", (value) => value.toFixed(3)),
      format: (value) => Number(value.toPrecision(3)),
      bounds: (values) => [Math.min(0.2, ...values), Math.max(0.6, ...values) * 1.05],
      reference: () => ({ value: GUESSING, text: translate("guessing") }),
    });
    this.accuracy = new Chart(byId("accuracy-chart"), {
      logarithmic: training.adjustable,
      label: chartLabel("accuracy_title", percent),
      format: (value) => `${Math.round(1000 * value) / 10} %`,
      bounds: (values) => [Math.max(0, Math.floor(20 * (Math.min(0.92, ...values) - 0.01)) / 20), 1],
    });
  }

  async open() {
    await this.refreshing;
    if (!this.form.fields.length) await this.refresh();
    if (this.watching) return;
    this.watching = true;
    this.training.watch((event) => this.#receive(event));
  }

  /** The language or the colours have changed. */
  refresh() {
    this.refreshing = this.#build();
    return this.refreshing;
  }

  async #build() {
    const { imageCount } = this.training;
    if (imageCount)
      byId("learn-lead").textContent = translate("learn_lead_page", { n: imageCount.toLocaleString(language) });
    try {
      this.form.setFields(await this.training.fields());
    } catch (error) {
      this.showError(messageOf(error));
      return;
    }
    this.cost.show();
    this.accuracy.show();
    if (this.event) this.#show(this.event);
    else this.#showSnapshot(null);
  }

  /** @param {Promise<unknown>} request */
  async #ask(request) {
    try {
      await request;
      this.showError("");
    } catch (error) {
      this.showError(messageOf(error));
    }
  }

  /** @param {TrainingEvent} event */
  #receive(event) {
    if (event.training !== this.number && event.status !== "idle") {
      this.number = event.training;
      this.#nameRun(event);
      for (const chart of [this.cost, this.accuracy]) chart.begin(event.total);
      byId("ending").hidden = byId("use").hidden = true;
    }
    const before = this.event?.status;
    this.event = event;
    if (event.steps.length) {
      const points = event.steps.map((step, i) => ({ ...step, step: step.step ?? event.from + i + 1 }));
      const { from } = event;
      this.cost.add(
        from,
        points.map(({ step, cost }) => ({ step, value: cost })),
      );
      this.accuracy.add(
        from,
        points.map(({ step, accuracy }) => ({ step, value: accuracy })),
      );
    }
    this.#show(event);
    if (before === event.status) return;
    this.form.setBusy(BUSY.includes(event.status));
    if (event.status === "ended") this.onSaved();
  }

  /** @param {TrainingEvent} event of a training that begins: the one before it becomes a faint line with a name */
  #nameRun({ features, solver, lr }) {
    if (this.run && this.cost.points.length > 1) this.earlier = [...this.earlier.slice(1 - MAX_EARLIER), this.run];
    this.run = [features, solver, solver === "sgd" ? `lr ${lr}` : ""].filter(Boolean).join(" ");
    byId("earlier").textContent = this.earlier.length ? translate("earlier", { runs: this.earlier.join(", ") }) : "";
  }

  /** @param {TrainingEvent} event */
  #show(event) {
    const { status, total, view } = event;
    const step = this.cost.points.at(-1)?.step ?? 0;
    byId("train", HTMLButtonElement).disabled = BUSY.includes(status);
    byId("pause", HTMLButtonElement).disabled = !["running", "paused"].includes(status);
    byId("step", HTMLButtonElement).disabled = !["idle", "running", "paused", "ended", "failed"].includes(status);
    byId("stop", HTMLButtonElement).disabled = !["preparing", "running", "paused"].includes(status);
    byId("pause").textContent = translate(status === "paused" ? "resume" : "pause");
    byId("progress").textContent = status === "idle" ? "" : translate(`status_${status}`, { step, total });
    byId("cost-now").textContent = this.cost.points.at(-1)?.value.toFixed(3) ?? "";
    const accuracy = status === "ended" ? event.accuracy : this.accuracy.points.at(-1)?.value;
    byId("accuracy-now").textContent =
      this.cost.points.length && accuracy !== undefined ? `${(100 * accuracy).toFixed(2)} %` : "";
    const n = (view?.n ?? 10000).toLocaleString(language);
    byId("accuracy-help").textContent = translate("accuracy_help", { n });
    if (status === "ended" || status === "failed") this.#showEnding(event);
    this.#showSnapshot(view);
  }

  /** @param {TrainingEvent} event */
  #showEnding({ status, ending = "", message, model = "", accuracy, seconds }) {
    const diverged = ["worse_than_guessing", "diverged"].includes(ending);
    let more = diverged ? translate("diverged_why") : "";
    if (accuracy !== undefined && seconds !== undefined && !diverged)
      more = translate("ending_numbers", { accuracy: (100 * accuracy).toFixed(2), seconds: seconds.toFixed(1), model });
    const textContent = message?.[language] ?? translate(`ending_${ending}`);
    const sentence = createElement("b", { textContent });
    byId("ending").hidden = false;
    byId("ending").classList.toggle("bad", status === "failed" || diverged);
    byId("ending").replaceChildren(sentence, createElement("br"), more);
    byId("use").hidden = !model;
  }

  /** @param {Snapshot | null} snapshot */
  #showSnapshot(snapshot) {
    const tiles = byId("templates");
    if (tiles.children.length !== 10)
      tiles.replaceChildren(...[..."0123456789"].map((name) => tile(translate("template_of", { name }), name)));
    if (!snapshot) {
      const none = createElement("li", { className: "fine", textContent: translate("hardest_none") });
      byId("hardest").replaceChildren(none);
      return;
    }
    const { templates } = snapshot;
    const most = largest(templates);
    for (const [i, canvas] of tiles.querySelectorAll("canvas").entries()) drawSigned(canvas, slice(templates, i), most);
    byId("hardest").replaceChildren(
      ...snapshot.hardest.map(({ image, label, prediction, probability }) => {
        const params = { label, prediction, probability: percent(probability) };
        const item = tile(translate("hard_label", params), `${label} → ${prediction}`);
        item.title = params.probability;
        for (const canvas of item.querySelectorAll("canvas")) drawInk(canvas, image);
        return item;
      }),
    );
  }
}

/**
 * An empty image with a caption.
 * @param {string} label
 * @param {string} caption
 */
const tile = (label, caption) => createElement("li", {}, createCanvas(label), caption);
