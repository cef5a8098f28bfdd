// What the page says, from softreg's one table of words.

let table = {};

export let language = "en";

export async function speak(wanted) {
  const answer = await fetch(`/words/${wanted}`);
  table = await answer.json();
  language = wanted;
  document.documentElement.lang = wanted;
  for (const each of document.querySelectorAll("[data-say]")) each.textContent = say(each.dataset.say);
  for (const each of document.querySelectorAll("[data-say-label]")) each.setAttribute("aria-label", say(each.dataset.sayLabel));
}

export function say(key, facts = {}) {
  return (table[key] ?? key).replace(/\{(\w+)\}/g, (blank, name) => facts[name] ?? blank);
}

export const knows = (key) => key in table;

// Nothing is called certain.
export const percent = (p) => (p > 0.9995 ? "> 99.9 %" : `${(100 * p).toFixed(p < 0.0005 ? 0 : 1)} %`);

export const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
