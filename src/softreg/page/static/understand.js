// Understand: one test image followed through a model whose features are pixels, each quantity with its shape.

/** @import { Walkthrough } from "./types.d.ts" */

import { backend } from "./backend.js";
import { byId, createCanvas, createElement, find, messageOf } from "./dom.js";
import { percent, signed, translate } from "./i18n.js";
import { drawInk, drawSigned, largest, slice } from "./pixels.js";
import { walkThrough } from "./walkthrough.js";

/** @typedef {{ key: string, shapes: string[], body: Node[], code: string }} Step */

export class Understand {
  /** @type {Walkthrough | null} */
  walkthrough = null;
  opened = false;

  /**
   * @param {(message: string) => void} showError
   * @param {import("./draw.js").Draw} draw
   */
  constructor(showError, draw) {
    this.showError = showError;
    this.draw = draw;
    this.input = byId("sample", HTMLInputElement);
    this.meant = byId("meant", HTMLSelectElement);
    byId("chooser").hidden = !backend.samples;
    this.input.max = String(backend.samples - 1);
    this.input.value = String(Math.min(this.input.valueAsNumber, backend.samples - 1));
    byId("chooser").onsubmit = (event) => {
      event.preventDefault();
      this.load(this.input.valueAsNumber || 0);
    };
    byId("random").onclick = () => {
      const sample = Math.floor(Math.random() * backend.samples);
      this.input.value = String(sample);
      this.load(sample);
    };
    byId("own").onsubmit = (event) => {
      event.preventDefault();
      this.#followDrawing();
    };
    this.meant.onchange = () => this.#followDrawing(this.meant.value);
  }

  open() {
    const { evidence } = this.draw;
    byId("own").hidden = !evidence || this.draw.features !== "pixels";
    this.#offerClasses(this.draw.bars.leading ?? "");
    if (!byId("own").hidden && (this.opened || !backend.samples)) return this.#followDrawing();
    if (!backend.samples) return this.#askForDrawing();
    if (this.opened) return;
    this.opened = true;
    this.load(this.input.valueAsNumber);
  }

  /** @param {number} sample */
  async load(sample) {
    try {
      this.#show(await backend.walkthrough(sample));
      this.showError("");
    } catch (error) {
      this.showError(messageOf(error));
      return;
    }
    if (!this.walkthrough) return;
    const { label, prediction, cross_entropy: loss } = this.walkthrough;
    byId("followed").textContent = translate("followed", { sample, label, prediction, loss: loss.toFixed(3) });
  }

  // What is on the sheet, through the model that reads it; `label` is the digit it is meant to be, by default what is
  // read.
  #followDrawing(label = this.draw.bars.leading ?? "") {
    const { evidence, bars } = this.draw;
    const { classes, prediction } = bars;
    if (!evidence || !prediction?.probabilities || !prediction.logits) return;
    this.#offerClasses(label);
    this.#show(walkThrough(evidence, classes, prediction.logits, prediction.probabilities, label));
  }

  /** @param {string} label */
  #offerClasses(label) {
    const { classes } = this.draw.bars;
    this.meant.replaceChildren(...classes.map((name) => createElement("option", { textContent: name })));
    this.meant.value = label;
  }

  #askForDrawing() {
    this.walkthrough = null;
    byId("steps").replaceChildren();
    byId("no-steps").hidden = false;
    byId("no-steps").textContent = translate("draw_first");
  }

  /** @param {Walkthrough} walkthrough */
  #show(walkthrough) {
    this.walkthrough = walkthrough;
    byId("no-steps").hidden = true;
    this.refresh();
  }

  /** The language or the colours have changed. */
  refresh() {
    if (!this.walkthrough) return;
    const steps = [imageStep, scoresStep, softmaxStep, lossStep, gradientStep];
    byId("steps").replaceChildren(...steps.map((step) => render(step(/** @type {Walkthrough} */ (this.walkthrough)))));
  }
}

/**
 * A step as it stands on the page: its title and text, and beside them the lab's words and code.
 * @param {Step} step
 */
function render({ key, shapes, body, code }) {
  const spans = shapes.map((shape) => createElement("span", { className: "shape", textContent: shape }));
  const title = createElement("h2", {}, translate(`${key}_title`), ...spans);
  const text = createElement("p", { className: "text", textContent: translate(`${key}_text`) });
  const lab = ["a", "b", "c"].map((part) => `${key}_lab_${part}`).filter((name) => translate(name) !== name);
  const notes = lab.map((name) => createElement("p", { textContent: translate(name) }));
  const block = { tabIndex: 0, attributes: { "aria-label": "PyTorch" } };
  const listing = createElement("pre", block, createElement("code", { textContent: code }));
  return createElement(
    "li",
    {},
    createElement("div", {}, title, text, ...body),
    createElement("aside", {}, ...notes, listing),
  );
}

/** @param {string} textContent */
const equation = (textContent) => createElement("p", { className: "equation", textContent });

/**
 * @param {Walkthrough} walkthrough
 * @returns {Step}
 */
function imageStep({ image, label }) {
  const square = createCanvas(translate("image_alt", { label }));
  drawInk(square, image);
  const attributes = { role: "img", "aria-label": translate("strip_alt") };
  const strip = createElement("canvas", { className: "strip", attributes });
  drawInk(strip, { ...image, shape: [1, 784] });
  const help = createElement("p", { className: "fine", textContent: translate("strip_help") });
  return {
    key: "u_image",
    shapes: ["X (1, 28, 28)", "x (784,)"],
    body: [createElement("div", { className: "pair" }, square, createElement("div", {}, strip, help))],
    code: "X.view(-1, 28 * 28)   # (B, 1, 28, 28) -> (B, 784)",
  };
}

/**
 * @param {Walkthrough} walkthrough
 * @returns {Step}
 */
function scoresStep({ classes, logits, bias, prediction, evidence, image }) {
  const most = largest(evidence);
  const tiles = classes.map((name, i) => {
    const canvas = createCanvas(translate("evidence_alt", { name, logit: signed(logits[i]) }));
    drawSigned(canvas, slice(evidence, i), most, image);
    return createElement("li", {}, canvas, createElement("b", { textContent: name }), ` ${signed(logits[i])}`);
  });
  const c = classes.indexOf(prediction);
  const sum = `${signed(logits[c] - bias[c])} ${signed(bias[c])} = ${signed(logits[c])}`;
  return {
    key: "u_scores",
    shapes: ["W (10, 784)", "b (10,)", "z (10,)"],
    body: [
      createElement("ol", { className: "tiles ten" }, ...tiles),
      equation(`z[${prediction}] = w[${prediction}] · x + b[${prediction}] = ${sum}`),
    ],
    code: "linear = nn.Linear(784, 10, bias=True)\nz = linear(x)          # x @ W.T + b",
  };
}

/**
 * @param {Walkthrough} walkthrough
 * @returns {Step}
 */
function softmaxStep({ classes, logits, probabilities, label }) {
  const headings = ["", "z", "exp z", "p"].map((name) => createElement("th", { scope: "col", textContent: name }));
  const head = createElement("thead", {}, createElement("tr", {}, ...headings));
  find(head, "th").append(createElement("span", { className: "unseen", textContent: translate("class") }));
  const rows = classes.map((name, i) => {
    const title = name === label ? `${name} ← y` : name;
    const cells = [signed(logits[i]), short(Math.exp(logits[i])), probabilities[i].toFixed(4)];
    return createElement(
      "tr",
      { className: name === label ? "true" : "" },
      createElement("th", { scope: "row", textContent: title }),
      ...cells.map((textContent) => createElement("td", { textContent })),
    );
  });
  const total = short(logits.reduce((sum, z) => sum + Math.exp(z), 0));
  const table = createElement("table", { className: "terms" }, head, createElement("tbody", {}, ...rows));
  return {
    key: "u_softmax",
    shapes: ["p (10,)", "Σ p = 1"],
    body: [
      equation(`p[c] = exp z[c] / Σ exp z,   Σ exp z = ${total}`),
      createElement("div", { className: "scroll" }, table),
    ],
    code: "p = torch.softmax(z, dim=1)",
  };
}

/**
 * @param {Walkthrough} walkthrough
 * @returns {Step}
 */
function lossStep({ classes, probabilities, label, prediction, cross_entropy: loss }) {
  const p = probabilities[classes.indexOf(label)];
  const verdict = prediction === label ? "loss_right" : "loss_wrong";
  const textContent = translate(verdict, { label, prediction, p: percent(p) });
  return {
    key: "u_loss",
    shapes: ["J ()"],
    body: [
      equation(`J = −log p[y] = −log p[${label}] = −log ${p.toFixed(4)} = ${loss.toFixed(4)}`),
      createElement("p", { className: "fine", textContent }),
    ],
    code: "criterion = nn.CrossEntropyLoss()   # softmax inside\ncost = criterion(z, y)",
  };
}

/**
 * @param {Walkthrough} walkthrough
 * @returns {Step}
 */
function gradientStep({ classes, residual, gradient }) {
  const most = largest(gradient);
  const tiles = classes.map((name, i) => {
    const canvas = createCanvas(translate("gradient_alt", { name }));
    drawSigned(canvas, slice(gradient, i), most);
    return createElement("li", {}, canvas, createElement("b", { textContent: name }), ` ${signed(residual[i])}`);
  });
  return {
    key: "u_gradient",
    shapes: ["p − e_y (10,)", "∂J/∂W (10, 784)"],
    body: [
      createElement("ol", { className: "tiles ten" }, ...tiles),
      equation("∂J/∂W = (p − e_y) xᵀ,   W ← W − lr · ∂J/∂W"),
    ],
    code: "sgd = torch.optim.SGD(\n    linear.parameters(), lr=0.1)\nsgd.zero_grad()\ncost.backward()\nsgd.step()",
  };
}

/** @param {number} value */
const short = (value) => (value >= 1e5 || value < 1e-2 ? value.toExponential(1) : value.toFixed(2));
