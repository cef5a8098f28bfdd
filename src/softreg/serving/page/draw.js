// Draw: the answer follows the pen. One question is under way at a time; when it is answered, the newest ink is asked about.

import { get, predict } from "./api.js";
import { Ink } from "./ink.js";
import { decode, largest, make, paintInk, paintPicture, paintSigned, pixels, slice } from "./paint.js";
import { percent, say, signed } from "./words.js";

const $ = (id) => document.getElementById(id);
const COMPARED = 8; // models that are asked about the same drawing
const EVERY = 250; // milliseconds between two explanations while the pen moves, at least;
const SHARE = 20; // they may take so small a part of the time: answers computed beside them are late.
const PAUSE = 40; // When the pen rests so long, the explanation comes at once
const REST = 200; // milliseconds the pen rests before the other models are asked,
const ALOUD = 700; // and before the answer is read aloud

export class Draw {
  constructor(trouble) {
    Object.assign(this, { trouble, models: [], model: null, answer: null, evidence: null, chosen: null, asking: false, again: false, version: 0, explained: -Infinity, took: 0 });
    this.ink = new Ink($("ink"), $("sheet"), $("pen"), (since) => this.ask(since));
    $("undo").onclick = () => this.ink.undo();
    $("clear").onclick = () => this.ink.clear();
    $("open").onchange = (event) => this.lay(event.target.files[0]).finally(() => (event.target.value = ""));
    this.#takePictures();
    this.#makeBars([..."0123456789"]);
  }

  async loadModels(choose) {
    const { models, default: first } = await get("/models");
    this.models = models;
    this.model = [choose, this.model, first].find((key) => models.some((each) => each.model === key));
    this.#makeModels();
    this.ask();
  }

  async lay(blob) {
    if (!blob) return;
    try {
      await this.ink.lay(blob);
    } catch {
      this.trouble(say("not_a_picture"));
    }
  }

  #takePictures() {
    const sheet = $("sheet");
    const over = (is) => (event) => { event.preventDefault(); sheet.classList.toggle("over", is); };
    sheet.addEventListener("dragover", over(true));
    sheet.addEventListener("dragleave", over(false));
    sheet.addEventListener("drop", (event) => { over(false)(event); this.lay(event.dataTransfer.files[0]); });
    document.addEventListener("paste", (event) => {
      const file = [...event.clipboardData.items].find((each) => each.type.startsWith("image/"))?.getAsFile();
      if (file) this.lay(file);
    });
  }

  // `since`: when the pen last moved, to know how long the answer took.
  async ask(since = performance.now()) {
    this.since = since;
    this.version++;
    clearTimeout(this.comparing);
    if (this.asking) return void (this.again = true);
    if (this.ink.empty || !this.model) { this.#settled(); return this.#show(null); }
    this.asking = true;
    $("bars").setAttribute("aria-busy", "true");
    const started = this.since, version = this.version;
    try {
      this.picture = this.ink.blob();
      const answer = await predict(this.picture, this.model, []);
      if (!this.ink.empty) {
        this.#show(answer);
        performance.measure("softreg:answer", { start: started, detail: version });
      }
      this.trouble("");
    } catch (error) {
      this.#show(null, error.message);
    }
    this.asking = false;
    if (this.answer) this.#explainSoon();
    if (this.again) {
      this.again = false;
      return this.ask(this.since);
    }
    this.#settled();
    clearTimeout(this.comparing);
    if (this.answer) this.comparing = setTimeout(() => this.#compare(), REST);
  }

  #settled() { $("bars").setAttribute("aria-busy", "false"); }

  // The evidence and the stages cost more than the answer: while the pen moves they follow now and then, and when it rests at once.
  #explainSoon() {
    clearTimeout(this.soon);
    const wait = performance.now() - this.explained > Math.max(EVERY, SHARE * this.took) ? 0 : PAUSE;
    this.soon = setTimeout(() => this.#explain(), wait);
  }

  async #explain() {
    if (this.explaining || this.ink.empty) return;
    this.explaining = true;
    const { picture, model, version } = this, began = performance.now();
    try {
      const { evidence, stages } = await predict(picture, model, ["stages", "evidence"]);
      if (model === this.model && this.answer) {
        this.#showStages(stages);
        this.evidence = evidence ? { ...evidence, image: decode(evidence.image), pixels: decode(evidence.pixels) } : null;
        this.#showEvidence();
      }
    } catch (error) {
      if (error.status !== 503) this.trouble(error.message);
    }
    this.explaining = false;
    this.explained = performance.now();
    this.took = this.explained - began;
    if (version !== this.version && this.answer) this.#explainSoon();
  }

  // What the other models say, once the pen rests.
  async #compare() {
    const { picture, version } = this;
    for (const { model } of this.models.slice(0, COMPARED)) {
      try {
        const { predictions: [said] } = model === this.model ? this.answer : await predict(picture, model, []);
        if (version !== this.version) return;
        this.#showSays(model, said);
      } catch (error) {
        return this.trouble(error.message);
      }
    }
  }

  #makeBars(classes) {
    $("bars").replaceChildren(...classes.map((name) => {
      const bar = make("span", { className: "bar" });
      const button = make("button", { type: "button", dataset: { name } },
        make("span", { className: "name", textContent: name }), make("span", { className: "track" }, bar),
        make("span", { className: "p" }), make("span", { className: "z" }));
      button.onclick = () => { this.chosen = this.chosen === name ? null : name; this.#showBars(); this.#showEvidence(); };
      return make("li", {}, button);
    }));
    this.classes = classes;
  }

  #show(answer, message = "") {
    this.answer = answer;
    const [said] = answer?.predictions ?? [];
    if (!said) this.evidence = this.chosen = null;
    const digit = $("digit");
    digit.textContent = said ? (said.label ?? "?") : "–";
    digit.classList.toggle("none", !said?.label);
    digit.classList.toggle("many", (said?.label ?? "").length > 2);
    const sure = said ? (said.label === null ? [make("b", { textContent: say("abstains") }), said.reason] : [make("b", { textContent: percent(said.probability) }), say(said.boxes?.length > 1 ? "several" : "sure")]) : [message || say("nothing_yet")];
    $("sure").replaceChildren(...sure);
    $("undo").disabled = $("clear").disabled = this.ink.empty;
    this.#showBars();
    if (!said) { this.#showStages([]); this.#showEvidence(); for (const each of this.models) this.#showSays(each.model, null); }
    clearTimeout(this.reading);
    if (said) this.reading = setTimeout(() => { $("spoken").textContent = said.label === null ? said.reason : `${said.label}: ${percent(said.probability)}`; }, ALOUD);
  }

  #showBars() {
    const [said] = this.answer?.predictions ?? [];
    if (said?.probabilities && String(Object.keys(said.probabilities)) !== String(this.classes)) this.#makeBars(Object.keys(said.probabilities));
    const shown = this.shown;
    for (const button of $("bars").querySelectorAll("button")) {
      const { name } = button.dataset, z = said?.logits?.[name], p = z === undefined ? z : said.probabilities[name];
      button.querySelector(".bar").style.transform = `scaleX(${p ?? 0})`;
      button.querySelector(".p").textContent = p === undefined ? "" : percent(p);
      button.querySelector(".z").textContent = z === undefined ? "" : signed(z);
      button.classList.toggle("first", name === this.leading);
      button.setAttribute("aria-pressed", name === shown);
      button.setAttribute("aria-label", p === undefined ? name : say("bar_label", { name, probability: percent(p), logit: signed(z) }));
      button.disabled = p === undefined;
    }
  }

  get leading() {
    const [said] = this.answer?.predictions ?? [];
    return said?.logits && Object.entries(said.probabilities).reduce((a, b) => (b[1] > a[1] ? b : a))[0];
  }

  get shown() { return this.chosen ?? this.leading; }

  #showStages(stages) {
    $("stages").replaceChildren(...stages.map(({ title, ...encoded }, i) => {
      const canvas = pixels(title), stage = decode(encoded);
      if (i === stages.length - 1 && stage.shape[0] === 28) paintInk(canvas, stage);
      else paintPicture(canvas, stage, !this.ink.picture);
      canvas.style.aspectRatio = `${stage.shape[1]} / ${stage.shape[0]}`;
      return make("li", {}, canvas, title);
    }));
  }

  #showEvidence() {
    const canvas = $("evidence"), name = this.shown, sum = $("why-sum");
    $("why-title").textContent = name ? say(name === this.leading ? "why_class" : "why_not", { name }) : say("why_title");
    if (!this.evidence || !name) {
      canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
      return void sum.replaceChildren(say("why_nothing"));
    }
    const { image, pixels: all } = this.evidence, each = slice(all, this.classes.indexOf(name));
    paintSigned(canvas, each, largest(all), image);
    const plus = this.evidence.for[name], minus = this.evidence.against[name], bias = this.evidence.bias[name];
    sum.replaceChildren(
      make("span", { className: "plus", textContent: signed(plus) }), " ", make("span", { className: "minus", textContent: signed(minus) }),
      ` ${signed(bias)} = ${signed(plus + minus + bias)}`);
    sum.title = say("why_sum");
  }

  #makeModels() {
    $("models").replaceChildren(...this.models.map(({ model, features, accuracy }) => {
      const button = make("button", { type: "button", dataset: { model }, attributes: { role: "radio" } },
        make("span", { className: "who", textContent: model }),
        make("span", { className: "what", textContent: say("model_what", { features, accuracy: percent(accuracy) }) }),
        make("span", { className: "says" }));
      button.onclick = () => this.choose(model);
      return button;
    }));
    $("models").onkeydown = (event) => {
      const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const at = this.models.findIndex((each) => each.model === this.model);
      this.choose(this.models.at((at + step) % this.models.length).model);
      $("models").querySelector("[aria-checked=true]").focus();
    };
    this.#markModel();
  }

  choose(model) { this.model = model; this.evidence = null; this.#markModel(); this.ask(); }

  #markModel() {
    for (const button of $("models").children) {
      const checked = button.dataset.model === this.model;
      button.setAttribute("aria-checked", checked);
      button.tabIndex = checked ? 0 : -1;
    }
  }

  #showSays(model, said) {
    const box = [...$("models").children].find((each) => each.dataset.model === model)?.querySelector(".says");
    box?.replaceChildren(...(said ? [said.label ?? "?", make("small", { textContent: said.label === null ? say("abstains") : percent(said.probability) })] : []));
  }

  // The words or the colours have changed.
  refresh() { this.ink.redraw(); if (this.models.length) this.#makeModels(); this.#showEvidence(); this.ask(); }
}
