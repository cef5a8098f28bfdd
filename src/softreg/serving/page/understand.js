// Understand: one test image followed through a model whose features are pixels, each quantity with its shape.

import { get } from "./api.js";
import { decode, largest, make, paintInk, paintSigned, pixels, slice } from "./paint.js";
import { percent, say, signed } from "./words.js";

const $ = (id) => document.getElementById(id);

export class Understand {
  constructor(trouble) {
    Object.assign(this, { trouble, walk: null, opened: false });
    $("chooser").onsubmit = (event) => { event.preventDefault(); this.follow($("sample").valueAsNumber || 0); };
    $("random").onclick = () => { $("sample").value = Math.floor(Math.random() * 10000); this.follow($("sample").valueAsNumber); };
  }

  open() { if (!this.opened) { this.opened = true; this.follow($("sample").valueAsNumber); } }

  async follow(sample) {
    try {
      this.walk = await get(`/walkthrough?sample=${sample}`);
      this.trouble("");
    } catch (error) {
      return this.trouble(error.message);
    }
    this.refresh();
    const { label, prediction, cross_entropy: loss } = this.walk;
    $("followed").textContent = say("followed", { sample, label, prediction, loss: loss.toFixed(3) });
  }

  // The words or the colours have changed.
  refresh() {
    if (!this.walk) return;
    const parts = [this.#image(), this.#scores(), this.#softmax(), this.#loss(), this.#gradient()];
    const aside = (key) => make("aside", {}, ...["a", "b", "c"].map((part) => `${key}_${part}`).filter((each) => say(each) !== each).map((each) => make("p", { textContent: say(each) })));
    $("steps").replaceChildren(...parts.map(({ key, shapes, body, code }) => {
      const title = make("h2", {}, say(`${key}_title`), ...shapes.map((shape) => make("span", { className: "shape", textContent: shape })));
      const told = aside(`${key}_lab`);
      if (code) told.append(make("pre", { tabIndex: 0, attributes: { "aria-label": "PyTorch" } }, make("code", { textContent: code })));
      return make("li", {}, make("div", {}, title, make("p", { className: "text", textContent: say(`${key}_text`) }), ...body), told);
    }));
  }

  #image() {
    const image = decode(this.walk.image);
    const square = pixels(say("image_alt", { label: this.walk.label }));
    paintInk(square, image);
    const strip = make("canvas", { className: "strip", attributes: { role: "img", "aria-label": say("strip_alt") } });
    paintInk(strip, { ...image, shape: [1, 784] });
    const bottom = make("div", {}, strip, make("p", { className: "fine", textContent: say("strip_help") }));
    return { key: "u_image", shapes: ["X (1, 28, 28)", "x (784,)"], body: [make("div", { className: "pair" }, square, bottom)],
      code: "X.view(-1, 28 * 28)   # (B, 1, 28, 28) -> (B, 784)" };
  }

  #scores() {
    const { classes, logits, bias } = this.walk;
    const evidence = decode(this.walk.evidence), most = largest(evidence), image = decode(this.walk.image);
    const tiles = classes.map((name, i) => {
      const canvas = pixels(say("evidence_alt", { name, logit: signed(logits[i]) }));
      paintSigned(canvas, slice(evidence, i), most, image);
      return make("li", {}, canvas, make("b", { textContent: name }), ` ${signed(logits[i])}`);
    });
    const at = classes.indexOf(this.walk.prediction);
    const equation = `z[${classes[at]}] = w[${classes[at]}] · x + b[${classes[at]}] = ${signed(logits[at] - bias[at])} ${signed(bias[at])} = ${signed(logits[at])}`;
    return { key: "u_scores", shapes: ["W (10, 784)", "b (10,)", "z (10,)"], body: [make("ol", { className: "tiles ten" }, ...tiles), make("p", { className: "equation", textContent: equation })],
      code: "linear = nn.Linear(784, 10, bias=True)\nz = linear(x)          # x @ W.T + b" };
  }

  #softmax() {
    const { classes, logits, probabilities, label } = this.walk;
    const head = make("thead", {}, make("tr", {}, ...["", "z", "exp z", "p"].map((each) => make("th", { scope: "col", textContent: each }))));
    head.querySelector("th").append(make("span", { className: "unseen", textContent: say("class") }));
    const rows = classes.map((name, i) => make("tr", { className: name === label ? "true" : "" },
      make("th", { scope: "row", textContent: name === label ? `${name} ← y` : name }),
      ...[signed(logits[i]), short(Math.exp(logits[i])), probabilities[i].toFixed(4)].map((each) => make("td", { textContent: each }))));
    const total = short(logits.reduce((sum, z) => sum + Math.exp(z), 0));
    return { key: "u_softmax", shapes: ["p (10,)", "Σ p = 1"], body: [
      make("p", { className: "equation", textContent: `p[c] = exp z[c] / Σ exp z,   Σ exp z = ${total}` }),
      make("div", { className: "scroll" }, make("table", { className: "terms" }, head, make("tbody", {}, ...rows)))],
      code: "p = torch.softmax(z, dim=1)" };
  }

  #loss() {
    const { classes, probabilities, label, cross_entropy: loss } = this.walk, p = probabilities[classes.indexOf(label)];
    const body = [make("p", { className: "equation", textContent: `J = −log p[y] = −log p[${label}] = −log ${p.toFixed(4)} = ${loss.toFixed(4)}` }),
      make("p", { className: "fine", textContent: say(this.walk.prediction === label ? "loss_right" : "loss_wrong", { label, prediction: this.walk.prediction, p: percent(p) }) })];
    return { key: "u_loss", shapes: ["J ()"], body, code: "criterion = nn.CrossEntropyLoss()   # softmax inside\ncost = criterion(z, y)" };
  }

  #gradient() {
    const { classes, residual } = this.walk, gradient = decode(this.walk.gradient), most = largest(gradient);
    const tiles = classes.map((name, i) => {
      const canvas = pixels(say("gradient_alt", { name }));
      paintSigned(canvas, slice(gradient, i), most);
      return make("li", {}, canvas, make("b", { textContent: name }), ` ${signed(residual[i])}`);
    });
    return { key: "u_gradient", shapes: ["p − e_y (10,)", "∂J/∂W (10, 784)"], body: [make("ol", { className: "tiles ten" }, ...tiles),
      make("p", { className: "equation", textContent: "∂J/∂W = (p − e_y) xᵀ,   W ← W − lr · ∂J/∂W" })],
      code: "sgd = torch.optim.SGD(\n    linear.parameters(), lr=0.1)\nsgd.zero_grad()\ncost.backward()\nsgd.step()" };
  }
}

const short = (value) => (value >= 1e5 || value < 1e-2 ? value.toExponential(1) : value.toFixed(2));
