// Elements of the page: found by their id, or made here; never from strings of markup.

/**
 * The element with this id, which must be of this kind.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [kind]
 * @returns {T}
 */
export function byId(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof (kind ?? HTMLElement))) throw new TypeError(`#${id}: no such ${kind?.name ?? "element"}`);
  return /** @type {T} */ (element);
}

/**
 * The first element within `parent` that `selector` matches.
 * @param {ParentNode} parent
 * @param {string} selector
 * @returns {HTMLElement}
 */
export function find(parent, selector) {
  const element = parent.querySelector(selector);
  if (!(element instanceof HTMLElement)) throw new TypeError(`${selector}: no such element`);
  return element;
}

/**
 * @typedef {object} Special
 * @property {Record<string, string>} [dataset]
 * @property {Record<string, string | boolean>} [attributes]
 * @typedef {Special & Record<string, unknown>} Properties
 */

/**
 * A new element. `dataset` and `attributes` are set as such, everything else as a property of the element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Properties} [properties]
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function createElement(tag, properties = {}, ...children) {
  const { dataset, attributes = {}, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  Object.assign(element.dataset, dataset);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/**
 * An empty canvas for an image, with a label for those who cannot see it.
 * @param {string} label
 */
export function createCanvas(label, size = 28) {
  const attributes = { role: "img", "aria-label": label };
  return createElement("canvas", { className: "pixels", width: size, height: size, attributes });
}

/**
 * Arrow keys as steps through a row of choices.
 * @param {KeyboardEvent} event
 */
export const arrowStep = ({ key }) => ({ ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 })[key] ?? 0;

/**
 * What an error says.
 * @param {unknown} error
 */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));
