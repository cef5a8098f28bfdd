// The page's messages in the language chosen; and numbers as text.

/** @type {Record<string, string>} */
let messages = {};

export let language = "en";

/**
 * Put the messages of a language where the page has `data-i18n`.
 * @param {string} code
 * @param {Record<string, string>} texts
 */
export function setLanguage(code, texts) {
  messages = texts;
  language = code;
  document.documentElement.lang = code;
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-i18n]")))
    element.textContent = translate(element.dataset.i18n ?? "");
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-i18n-label]")))
    element.setAttribute("aria-label", translate(element.dataset.i18nLabel ?? ""));
}

/**
 * The message with this key, its `{blanks}` filled from `params`; the key itself if there is none.
 * @param {string} key
 * @param {Record<string, string | number>} [params]
 */
export function translate(key, params = {}) {
  return (messages[key] ?? key).replace(/\{(\w+)\}/g, (blank, name) => String(params[name] ?? blank));
}

/** @param {string} key */
export const hasMessage = (key) => key in messages;

/**
 * A probability in per cent; none is shown as 100 %.
 * @param {number} p
 */
export const percent = (p) => (p > 0.9995 ? ">\u00a099.9\u00a0%" : `${(100 * p).toFixed(p < 0.0005 ? 0 : 1)}\u00a0%`);

/** @param {number} value */
export const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
