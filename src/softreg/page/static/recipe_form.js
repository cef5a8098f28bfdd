// The form of a training: one control for each field of the recipe, made of the server's description of it.

/** @import { RecipeField } from "./types.d.ts" */

import { arrowStep, byId, createElement, find } from "./dom.js";
import { hasMessage, translate } from "./i18n.js";

const NOTCHES = 6; // of a slider for each decade
/** @type {Record<string, [number, number]>} sliders whose steps are factors */
const LOGARITHMIC = { lr: [1e-3, 1e3], l2: [1e-6, 1] };
const DEFAULT_L2 = 1e-4; // of solvers that look for an optimum: without a penalty there may be none

export class RecipeForm {
  /** @type {RecipeField[]} */
  fields = [];
  /** @type {Record<string, string | number>} */
  values = {};
  busy = false;
  /** @type {((lr: number) => void) | null} where the learning rate can be changed on the way */
  onAdjust = null;

  /** @param {RecipeField[]} fields */
  setFields(fields) {
    this.fields = fields;
    for (const { name, default: value } of fields) this.values[name] ??= value;
    this.#build();
  }

  /** What to train: the fields that the solver reads. */
  recipe() {
    return Object.fromEntries(this.#read().map(({ name }) => [name, this.values[name]]));
  }

  /** @param {boolean} busy while a training runs; the form is not made anew while somebody may be typing in it */
  setBusy(busy) {
    this.busy = busy;
    const controls = byId("fields").querySelectorAll("button, input, select");
    for (const control of /** @type {NodeListOf<HTMLInputElement>} */ (controls))
      control.disabled = busy && !(this.onAdjust && control.id === "field-lr");
  }

  #read() {
    return this.fields.filter(({ solvers }) => solvers.includes(String(this.values.solver ?? "sgd")));
  }

  #build() {
    byId("fields").replaceChildren(...this.#read().map((field) => this.#field(field)));
    this.setBusy(this.busy);
  }

  /** @param {RecipeField} field */
  #field(field) {
    const { name, help } = field;
    const id = `field-${name}`;
    const label = hasMessage(`field_${name}`) ? translate(`field_${name}`) : name;
    const note = createElement("small", { id: `${id}-help`, textContent: help });
    if (name === "solver") {
      const heading = createElement("span", { className: "label", id, textContent: label });
      return createElement("div", { className: "field" }, heading, this.#solverButtons(id, field), note);
    }
    const shown = createElement("output", { attributes: { for: id } });
    const control = this.#control(id, field, shown);
    control.setAttribute("aria-describedby", note.id);
    const heading = createElement("label", { htmlFor: id }, label, shown);
    return createElement("div", { className: "field" }, heading, control, note);
  }

  /**
   * @param {string} id
   * @param {RecipeField} field
   * @param {HTMLOutputElement} shown
   */
  #control(id, field, shown) {
    if (field.choices.length) return this.#select(id, field);
    return field.name in LOGARITHMIC ? this.#slider(id, field, shown) : this.#number(id, field);
  }

  /**
   * @param {string} id
   * @param {RecipeField} field
   */
  #solverButtons(id, { choices }) {
    const buttons = choices.map((choice) => {
      const chosen = this.values.solver === choice;
      const attributes = { role: "radio", "aria-checked": chosen };
      return createElement("button", {
        type: "button",
        textContent: choice,
        tabIndex: chosen ? 0 : -1,
        attributes,
        onclick: () => this.#chooseSolver(choice),
        onkeydown: (/** @type {KeyboardEvent} */ event) => {
          const step = arrowStep(event);
          if (!step) return;
          event.preventDefault();
          this.#chooseSolver(choices[(choices.indexOf(choice) + step + choices.length) % choices.length]);
        },
      });
    });
    const attributes = { role: "radiogroup", "aria-labelledby": id };
    return createElement("div", { className: "choices", attributes }, ...buttons);
  }

  /** @param {string} choice */
  #chooseSolver(choice) {
    this.values.solver = choice;
    if (choice !== "sgd" && !this.values.l2) this.values.l2 = DEFAULT_L2;
    this.#build();
    find(byId("fields"), "[role=radio][aria-checked=true]").focus();
  }

  /**
   * @param {string} id
   * @param {RecipeField} field
   */
  #select(id, { name, choices }) {
    const options = choices.map((value) => {
      const textContent = hasMessage(`choice_${value}`) ? translate(`choice_${value}`) : value;
      return createElement("option", { value, textContent });
    });
    const select = createElement("select", { id }, ...options);
    select.value = String(this.values[name]);
    select.oninput = () => {
      this.values[name] = select.value;
    };
    return select;
  }

  /**
   * @param {string} id
   * @param {RecipeField} field
   */
  #number(id, { name, low, high, whole }) {
    const step = whole ? 1 : "any";
    const value = this.values[name];
    const input = createElement("input", { id, type: "number", min: low, max: high, step, required: true, value });
    input.oninput = () => {
      this.values[name] = input.valueAsNumber;
    };
    return input;
  }

  /**
   * @param {string} id
   * @param {RecipeField} field
   * @param {HTMLOutputElement} shown
   */
  #slider(id, { name }, shown) {
    const [low, high] = LOGARITHMIC[name].map(Math.log10);
    const none = name === "l2" ? 1 : 0; // the left end of l2 is "none"
    const max = Math.round((high - low) * NOTCHES) + none;
    /** @param {number} notch */
    const valueAt = (notch) => (none && !notch ? 0 : Number((10 ** (low + (notch - none) / NOTCHES)).toPrecision(2)));
    const current = Number(this.values[name]);
    const value = current ? Math.round((Math.log10(current) - low) * NOTCHES) + none : 0;
    const input = createElement("input", { id, type: "range", min: 0, max, step: 1, value });
    const show = () => {
      shown.textContent = String(this.values[name]);
      input.setAttribute("aria-valuetext", shown.textContent);
    };
    input.oninput = () => {
      this.values[name] = valueAt(input.valueAsNumber);
      if (name === "lr") this.onAdjust?.(Number(this.values.lr));
      show();
    };
    show();
    return input;
  }
}
