// Learn: a form made of the recipe's own fields, and a training that shows itself step by step.

import { get, post } from "./api.js";
import { Chart } from "./chart.js";
import { decode, largest, make, paintInk, paintSigned, pixels, slice } from "./paint.js";
import { knows, language, percent, say } from "./words.js";

const $ = (id) => document.getElementById(id);
const LOGARITHMIC = { lr: [1e-3, 1e3], l2: [1e-6, 1] }; // sliders whose steps are factors
const GUESSING = Math.log(10);

export class Learn {
  constructor(trouble, use, saved) {
    Object.assign(this, { trouble, saved, fields: [], values: {}, event: null, training: -1 });
    $("recipe").onsubmit = (event) => { event.preventDefault(); this.#try(() => post("/training", this.#wanted())); };
    $("pause").onclick = () => this.#try(() => post(`/training/${this.event?.status === "paused" ? "continue" : "pause"}`));
    $("stop").onclick = () => this.#try(() => post("/training/stop"));
    $("use").onclick = () => use(this.event.model);
    $("settings").open = !matchMedia("(max-width: 44rem)").matches; // on a phone the curves come first
    const summary = (title, format) => (values) => (values.length ? say("chart_label", { title: say(title), step: values.length, value: format(values.at(-1)) }) : say(title));
    this.cost = new Chart($("cost-chart"), {
      label: summary("cost_title", (value) => value.toFixed(3)), format: (value) => value.toPrecision(3) * 1,
      bounds: (all) => [Math.min(0.2, ...all), Math.max(0.6, ...all) * 1.05],
      line: () => ({ value: GUESSING, words: say("guessing") }),
    });
    this.accuracy = new Chart($("accuracy-chart"), {
      label: summary("accuracy_title", percent), format: (value) => `${Math.round(1000 * value) / 10} %`,
      bounds: (all) => [Math.max(0, Math.floor(20 * (Math.min(0.92, ...all) - 0.01)) / 20), 1],
    });
  }

  async open() {
    await this.refreshing;
    if (!this.fields.length) await this.refresh();
    this.#listen();
  }

  // The words or the colours have changed.
  refresh() { return (this.refreshing = this.#makeAll()); }

  async #makeAll() {
    try {
      this.fields = (await get("/recipe")).fields;
    } catch (error) {
      return this.trouble(error.message);
    }
    for (const { name, default: value } of this.fields) this.values[name] ??= value;
    this.#makeForm();
    this.cost.show();
    this.accuracy.show();
    if (this.event) this.#show(this.event); else this.#showView(null);
  }

  #listen() {
    if (this.source) return;
    this.source = new EventSource("/training/events");
    this.source.onmessage = ({ data }) => this.#take(JSON.parse(data));
  }

  async #try(action) {
    try {
      await action();
      this.trouble("");
    } catch (error) {
      this.trouble(error.message);
    }
  }

  #wanted() {
    const read = this.fields.filter((each) => each.solvers.includes(this.values.solver));
    return Object.fromEntries(read.map(({ name }) => [name, this.values[name]]));
  }

  #makeForm() {
    $("fields").replaceChildren(...this.fields.filter((each) => each.solvers.includes(this.values.solver)).map((each) => this.#makeField(each)));
    this.#lockForm();
  }

  // Not made anew while somebody may be typing in it.
  #lockForm() {
    const busy = ["preparing", "running", "paused", "saving"].includes(this.event?.status);
    for (const control of $("fields").querySelectorAll("button, input, select")) control.disabled = busy;
  }

  #makeField(each) {
    const { name, choices, help } = each, id = `field-${name}`;
    const label = knows(`field_${name}`) ? say(`field_${name}`) : name;
    const note = make("small", { id: `${id}-help`, textContent: help });
    if (name === "solver") {
      const group = make("div", { className: "choices", attributes: { role: "radiogroup", "aria-labelledby": id } }, ...choices.map((choice) => {
        const chosen = this.values.solver === choice;
        const button = make("button", { type: "button", textContent: choice, tabIndex: chosen ? 0 : -1, attributes: { role: "radio", "aria-checked": chosen } });
        button.onclick = () => this.#chooseSolver(choice);
        button.onkeydown = (event) => {
          const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
          if (step) { event.preventDefault(); this.#chooseSolver(choices.at((choices.indexOf(choice) + step) % choices.length)); }
        };
        return button;
      }));
      return make("div", { className: "field" }, make("span", { className: "label", id, textContent: label }), group, note);
    }
    const control = choices.length ? this.#makeSelect(id, each) : name in LOGARITHMIC ? this.#makeSlider(id, each) : this.#makeNumber(id, each);
    const shown = make("output", { htmlFor: id, textContent: name in LOGARITHMIC ? this.values[name] : "" });
    control.addEventListener("input", () => { if (name in LOGARITHMIC) shown.textContent = this.values[name]; });
    control.setAttribute("aria-describedby", note.id);
    return make("div", { className: "field" }, make("label", { htmlFor: id }, label, shown), control, note);
  }

  #chooseSolver(choice) {
    this.values.solver = choice;
    if (choice !== "sgd" && !this.values.l2) this.values.l2 = 1e-4; // without a penalty there may be no optimum
    this.#makeForm();
    $("fields").querySelector("[role=radio][aria-checked=true]").focus();
  }

  #makeSelect(id, { name, choices }) {
    const select = make("select", { id }, ...choices.map((choice) => make("option", { value: choice, textContent: knows(`choice_${choice}`) ? say(`choice_${choice}`) : choice })));
    select.value = this.values[name];
    select.oninput = () => (this.values[name] = select.value);
    return select;
  }

  #makeNumber(id, { name, low, high, whole }) {
    const input = make("input", { id, type: "number", min: low, max: high, step: whole ? 1 : "any", required: true, value: this.values[name] });
    input.oninput = () => (this.values[name] = input.valueAsNumber);
    return input;
  }

  // Twelve notches a decade; the left end of l2 is "none".
  #makeSlider(id, { name }) {
    const [low, high] = LOGARITHMIC[name].map(Math.log10), none = name === "l2" ? 1 : 0;
    const notches = Math.round((high - low) * 6) + none;
    const value = (notch) => (none && !notch ? 0 : Number((10 ** (low + (notch - none) / 6)).toPrecision(2)));
    const at = this.values[name] ? Math.round((Math.log10(this.values[name]) - low) * 6) + none : 0;
    const input = make("input", { id, type: "range", min: 0, max: notches, step: 1, value: at });
    const told = () => input.setAttribute("aria-valuetext", this.values[name]);
    input.oninput = () => { this.values[name] = value(input.valueAsNumber); told(); };
    told();
    return input;
  }

  #take(event) {
    if (event.training !== this.training && event.status !== "idle") {
      this.training = event.training;
      for (const chart of [this.cost, this.accuracy]) chart.begin(event.total);
      $("ending").hidden = $("use").hidden = true;
    }
    const before = this.event?.status;
    this.event = event;
    if (event.steps.length) {
      this.cost.add(event.from, event.steps.map((each) => each.cost));
      this.accuracy.add(event.from, event.steps.map((each) => each.accuracy));
    }
    this.#show(event);
    if (before !== event.status) {
      this.#lockForm();
      if (event.status === "ended") this.saved();
    }
  }

  #show(event) {
    const { status, total, view, message } = event, step = this.cost.values.length;
    const busy = ["preparing", "running", "paused", "saving"].includes(status);
    $("train").disabled = busy;
    $("pause").disabled = !["running", "paused"].includes(status);
    $("stop").disabled = !["running", "paused"].includes(status);
    $("pause").textContent = say(status === "paused" ? "resume" : "pause");
    $("progress").textContent = status === "idle" ? "" : say(`status_${status}`, { step, total });
    $("cost-now").textContent = step ? this.cost.values.at(-1).toFixed(3) : "";
    const best = event.status === "ended" ? event.accuracy : this.accuracy.values.at(-1);
    $("accuracy-now").textContent = step ? `${(100 * best).toFixed(2)} %` : "";
    $("accuracy-help").textContent = say("accuracy_help", { n: (view?.n ?? 10000).toLocaleString(language) });
    if (["ended", "failed"].includes(status)) {
      const diverged = ["worse_than_guessing", "diverged"].includes(event.ending), bad = status === "failed" || diverged;
      $("ending").hidden = false;
      $("ending").classList.toggle("bad", bad);
      const more = diverged ? say("diverged_why") : bad ? "" : say("ending_numbers", { accuracy: (100 * event.accuracy).toFixed(2), seconds: event.seconds.toFixed(1), model: event.model });
      $("ending").replaceChildren(make("b", { textContent: message[language] }), make("br"), more);
      $("use").hidden = !event.model;
    }
    this.#showView(view);
  }

  #showView(view) {
    const templates = $("templates"), hardest = $("hardest");
    if (templates.children.length !== 10)
      templates.replaceChildren(...[..."0123456789"].map((name) => make("li", {}, pixels(say("template_of", { name })), name)));
    if (!view) return void hardest.replaceChildren(make("li", { className: "fine", textContent: say("hardest_none") }));
    const all = decode(view.templates), most = largest(all);
    [...templates.children].forEach((tile, i) => paintSigned(tile.firstChild, slice(all, i), most));
    hardest.replaceChildren(...view.hardest.map(({ image, label, prediction, probability }) => {
      const canvas = pixels(say("hard_label", { label, prediction, probability: percent(probability) }));
      paintInk(canvas, decode(image));
      return make("li", { title: percent(probability) }, canvas, `${label} → ${prediction}`);
    }));
  }
}
